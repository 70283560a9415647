/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the daemon shows itself to whoever runs it: the service manager is told, and, if the
 * configuration has `http`, metrics and health are served. Collects what the rooms have counted;
 * changes nothing.
 */
#ifndef STEKD_APP_APP_OPS_H
#define STEKD_APP_APP_OPS_H

#include <stdio.h>

#include "app/app_realm.h"
#include "base/err.h"
#include "config/config.h"
#include "serve/services.h"

struct event_base;
struct app_ops;

/* Everything is borrowed until app_ops_free(). */
struct app_ops_options {
    struct event_base *base;
    const struct config_http *http; /* an empty address: no pages */
    const struct services *services;
    const struct app_realm *realms;
    size_t realm_count;
};

/* Reads the environment the service manager gives. On failure the sentence says what is wrong. */
enum err app_ops_new(const struct app_ops_options *options, struct app_ops **out_ops,
                     struct errbuf *why) MUST_USE;
/* NULL allowed. */
void app_ops_free(struct app_ops *ops);

/* It listens. A manager that cannot be told is a warning in the log and nothing more. */
void app_ops_ready(struct app_ops *ops);
/* It drains: not ready any more. */
void app_ops_stopping(struct app_ops *ops);

/* As /metrics shows it. */
void app_ops_print_metrics(const struct app_ops *ops, FILE *to);

#endif
