/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new configuration for a running daemon, in two phases.
 *
 *   1. The file is read and checked, and so is every file it names; rules, contexts, key-encryption
 *      keys and added realms are built beside what runs. Anything that fails here ends the reload:
 *      what was built is freed, every problem is logged with its place, and nothing has changed.
 *   2. What was built takes the place of what ran. Nothing here can fail. Then every connection and
 *      call is judged by the new rules, and realms that are gone end.
 *
 * No connection is dropped that the new configuration allows. All of it happens in one turn of the
 * loop, so nobody ever sees a half.
 */
#ifndef STEKD_APP_APP_RELOAD_H
#define STEKD_APP_APP_RELOAD_H

#include "base/err.h"

struct app;

/* What stands in the log, in status and in metrics afterwards says how it went. ERR_OK: the new
 * configuration is in use. Anything else: the old one is, untouched. */
enum err app_reload(struct app *app);

#endif
