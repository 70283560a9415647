/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the daemon shows itself to whoever runs it: the service manager is told, and, if the
 * configuration has `http`, metrics and health are served. Collects what the rooms have counted;
 * changes nothing.
 */
#ifndef STEKD_APP_APP_OPS_H
#define STEKD_APP_APP_OPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "serve/services.h"

struct app;
struct app_ops;

struct app_reload_stats {
    uint64_t done;
    uint64_t failed;
    int64_t last_ms; /* wall clock; 0: there was none */
    bool is_good;    /* the last one */
    struct errbuf problem;
};

/* `app` is borrowed until app_ops_free(). Reads the environment the service manager gives. On
 * failure the sentence says what is wrong. */
enum err app_ops_new(const struct app *app, struct app_ops **out_ops, struct errbuf *why) MUST_USE;
/* NULL allowed. */
void app_ops_free(struct app_ops *ops);

/* It listens. A manager that cannot be told is a warning in the log and nothing more. */
void app_ops_ready(struct app_ops *ops);
/* It reads its configuration anew; app_ops_ready() ends it. */
void app_ops_reloading(struct app_ops *ops);
/* It drains: not ready any more. */
void app_ops_stopping(struct app_ops *ops);

/* What is wrong with the daemon as a whole: a reload that failed, certificates and revocation lists
 * that end soon. `app` is a struct app. */
void app_ops_collect_problems(void *app, struct service_problems *out);

/* As /metrics shows it. */
void app_ops_print_metrics(const struct app_ops *ops, FILE *to);

#endif
