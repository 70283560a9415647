/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as a whole: builds the rooms in their order, runs the loop, tears them down in
 * reverse. No logic of its own. */
#ifndef STEKD_APP_APP_H
#define STEKD_APP_APP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "ops/log.h"

struct app;

struct app_options {
    struct config *config;   /* moves to the app on ERR_OK */
    const char *config_path; /* where it came from, and will again; borrowed until app_free() */
    struct log *log;         /* likewise */
    const char *version;     /* a constant */
    uint64_t descriptors;    /* that may be open (app_places.h); 0: as many as wanted */
};

/* Everything is up and listening on ERR_OK. Else the sentence says what failed, the log what is
 * wrong with files, and nothing is left behind. */
enum err app_new(const struct app_options *options, struct app **out_app,
                 struct errbuf *why) MUST_USE;

/* Until SIGTERM or SIGINT has drained the daemon; a second one ends it at once. SIGHUP reloads the
 * configuration (app_reload.h). */
enum err app_run(struct app *app, struct errbuf *why) MUST_USE;

/* NULL allowed. */
void app_free(struct app *app);

/* Bytes of locked memory a configuration may need, for a check before the first key. */
size_t app_locked_memory_need(const struct config *config);

#endif
