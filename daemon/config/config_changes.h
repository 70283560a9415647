/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two configurations and cannot change while the daemon runs: which keys these
 * are, the table of keys says (is_reloadable). */
#ifndef STEKD_CONFIG_CONFIG_CHANGES_H
#define STEKD_CONFIG_CONFIG_CHANGES_H

#include "config/config.h"
#include "config/config_problems.h"

/* One problem for each key of `next` that needs a restart, at its place there. */
void config_changes_find(const struct config *running, const struct config *next,
                         struct config_problems *problems);

#endif
