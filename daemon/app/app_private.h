/* SPDX-License-Identifier: Apache-2.0 */
/* What app.c builds and app_reload.c changes while it runs. */
#ifndef STEKD_APP_APP_PRIVATE_H
#define STEKD_APP_APP_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/app.h"
#include "app/app_material.h"
#include "app/app_ops.h"
#include "app/app_places.h"
#include "app/app_realm.h"
#include "app/app_rules.h"
#include "app/app_store.h"
#include "host/timers.h"
#include "serve/server.h"

#define APP_SIGNALS 3

struct event;
struct event_base;

struct app {
    struct log *log;
    const char *version;
    const char *config_path;
    struct config *config; /* owned */
    struct clock clock;
    struct random_source random;
    char writer[WIRE_LABEL_MAX + 1];
    struct event_base *base;
    struct timers timers;
    struct app_material material; /* what is in use: contexts; the rest has moved on */
    struct app_store storage;
    struct hub *hub;
    struct health *health;
    struct app_realm_env realm_env;
    struct app_realms realms;
    struct app_rules rules;
    struct serve_lines lines;
    struct serve_stats stats;
    struct services services;
    struct app_places places;
    struct server *server;
    size_t tls_listeners[CONFIG_LISTENERS_MAX]; /* the server's number of each TCP listener */
    struct app_ops *ops;
    struct app_reload_stats reloads;
    struct event *signals[APP_SIGNALS];
    struct timer *reload_timer;
    bool is_stopping;
};

/* Says every problem as a log line of its own. */
void app_log_problems(const struct app *app, const char *path,
                      const struct config_problems *problems);

#endif
