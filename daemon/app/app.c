/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "app/app_private.h"
#include "app/app_reload.h"
#include "base/secret_pool.h"
#include "host/clock_system.h"
#include "host/random_system.h"
#include "host/timers_libevent.h"
#include "serve/rpc_health.h"

static const char no_memory[] = "out of memory, or of memory that may be locked (RLIMIT_MEMLOCK)";

/* ---- signals ---- */

static void on_drained(void *ctx)
{
    struct app *app = ctx;

    (void)event_base_loopexit(app->base, NULL);
}

static void on_stop_signal(evutil_socket_t number, short what, void *arg)
{
    struct app *app = arg;

    (void)what;
    log_write(app->log, LOG_LEVEL_INFO, app->is_stopping ? "stopping-at-once" : "stopping",
              LOG_FIELDS(log_string("signal", number == SIGINT ? "SIGINT" : "SIGTERM"),
                         log_int("connections", app->stats.connections)));
    if (app->is_stopping) {
        (void)event_base_loopbreak(app->base);
        return;
    }
    app->is_stopping = true;
    timer_disarm(&app->timers, app->reload_timer);
    app_ops_stopping(app->ops);
    server_drain(app->server, on_drained, app);
}

/* One reload for all signals that came before it. */
static void on_reload_signal(evutil_socket_t number, short what, void *arg)
{
    struct app *app = arg;

    (void)number;
    (void)what;
    if (!app->is_stopping) {
        timer_arm(&app->timers, app->reload_timer, 0);
    }
}

static void on_reload(void *arg)
{
    struct app *app = arg;

    app_ops_reloading(app->ops);
    (void)!app_reload(app);
    app_ops_ready(app->ops);
}

static enum err catch_signals(struct app *app)
{
    static const struct {
        int number;
        event_callback_fn handle;
    } rows[APP_SIGNALS] = {
        {SIGTERM, on_stop_signal},
        {SIGINT, on_stop_signal},
        {SIGHUP, on_reload_signal},
    };

    app->reload_timer = timer_new(&app->timers, on_reload, app);
    if (app->reload_timer == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < APP_SIGNALS; i++) {
        app->signals[i] = evsignal_new(app->base, rows[i].number, rows[i].handle, app);
        if (app->signals[i] == NULL || event_add(app->signals[i], NULL) != 0) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

/* ---- problems ---- */

void app_log_problems(const struct app *app, const char *path,
                      const struct config_problems *problems)
{
    char where[LOG_VALUE_MAX];

    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->at[i];
        const struct config_mark mark = problem->mark;
        (void)snprintf(where, sizeof(where), mark.line == 0 ? "%s" : "%s:%zu:%zu", path, mark.line,
                       mark.column);
        log_write(
            app->log, problem->is_note ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
            problem->is_note ? "config-note" : "config-problem",
            LOG_FIELDS(log_string("where", where), log_string("problem", problem->what.text)));
    }
    if (problems->not_kept > 0) {
        log_write(app->log, LOG_LEVEL_ERROR, "config-problem",
                  LOG_FIELDS(log_int("problems_more", (int64_t)problems->not_kept)));
    }
}

static const struct config_problem *first_error(const struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        if (!problems->at[i].is_note) {
            return &problems->at[i];
        }
    }
    return NULL;
}

/* ---- the rooms, in their order ---- */

static enum err build_base(struct app *app)
{
    char host[65] = "";

    app->clock = clock_system_make();
    app->random = random_system_make();
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(app->writer, sizeof(app->writer), "%s/%ld", host, (long)getpid());
    app->base = event_base_new();
    if (app->base == NULL) {
        return ERR_NOMEM;
    }
    app->timers = timers_libevent_make(app->base);
    return ERR_OK;
}

static enum err read_material(struct app *app, struct errbuf *why)
{
    struct config_problems problems = {0};

    enum err rc = app_material_read(app->config, &app->random, clock_wall_ms(&app->clock),
                                    &app->material, &problems);
    app_log_problems(app, app->config_path, &problems);
    const struct config_problem *first = first_error(&problems);
    if (first != NULL) {
        errbuf_set(why, "%s", first->what.text);
    }
    config_problems_fini(&problems);
    return rc;
}

static enum err build_store(struct app *app, struct errbuf *why)
{
    const struct app_store_options options = {.config = app->config,
                                              .base = app->base,
                                              .clock = &app->clock,
                                              .timers = &app->timers,
                                              .random = &app->random};

    return app_store_open(&app->storage, &options, &app->material, why);
}

static enum err build_realms(struct app *app)
{
    const struct app_realms none = {0};

    enum err rc = hub_new(&app->timers, &app->hub);
    if (rc == ERR_OK) {
        rc = health_new(app->hub, &app->health);
    }
    app->realm_env = (struct app_realm_env){
        .store = app->storage.store,
        .sealing = app_store_sealing(&app->storage),
        .clock = &app->clock,
        .timers = &app->timers,
        .random = &app->random,
        .writer = app->writer,
        .log = app->log,
        .hub = app->hub,
        .health = app->health,
    };
    return rc == ERR_OK ? app_realms_make(&app->realm_env, app->config, &none, &app->realms) : rc;
}

/* At most half of the places go to peers without any right. */
static uint32_t strangers_of(const struct app *app)
{
    const uint32_t half = app->places.connections / 2;

    return half < SERVER_STRANGERS_MAX ? half : SERVER_STRANGERS_MAX;
}

static enum err build_server(struct app *app)
{
    enum err rc = app_rules_make(app->config, &app->rules);
    if (rc != ERR_OK) {
        return rc;
    }
    app->services = (struct services){
        .hub = app->hub,
        .health = app->health,
        .realms = app->realms.services,
        .realm_count = app->realms.count,
        .rules = &app->rules.rules,
        .clock = &app->clock,
        .timers = &app->timers,
        .log = app->log,
        .lines = &app->lines,
        .stats = &app->stats,
        .version = app->version,
        .deployment = app->config->deployment,
        .store_type = app->storage.store->ops->type,
        .started_ms = clock_wall_ms(&app->clock),
        .problems = {app_ops_collect_problems, app},
    };
    const struct server_options options = {
        .base = app->base,
        .services = &app->services,
        .limits = connection_limits_default(),
        .connections_max = app->places.connections,
        .strangers_max = strangers_of(app),
        .handshakes_max = app->places.handshakes,
    };
    return server_new(&options, &app->server);
}

static enum err listen_everywhere(struct app *app, struct errbuf *why)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; i < app->config->listener_count && rc == ERR_OK; i++) {
        const struct config_listener *listener = &app->config->listeners[i];
        if (listener->unix_path[0] != '\0') {
            rc = server_listen(app->server, listener->unix_path, listener->mode, why);
        } else {
            rc = server_listen_tls(app->server, listener->address.host, listener->address.port,
                                   app->material.listeners[i], &app->tls_listeners[i], why);
        }
    }
    return rc;
}

static enum err build_ops(struct app *app, struct errbuf *why)
{
    return app_ops_new(app, &app->ops, why);
}

static void append(char *list, size_t cap, const char *item)
{
    size_t len = strlen(list);

    (void)snprintf(list + len, cap - len, "%s%s", len == 0 ? "" : ",", item);
}

static void log_ready(const struct app *app)
{
    const struct config *config = app->config;
    char sockets[LOG_VALUE_MAX] = "";
    char addresses[LOG_VALUE_MAX] = "";
    char realms[LOG_VALUE_MAX] = "";

    for (size_t i = 0; i < config->listener_count; i++) {
        if (config->listeners[i].unix_path[0] != '\0') {
            append(sockets, sizeof(sockets), config->listeners[i].unix_path);
        } else {
            append(addresses, sizeof(addresses),
                   server_get_listener_name(app->server, app->tls_listeners[i]));
        }
    }
    for (size_t i = 0; i < config->realm_count; i++) {
        append(realms, sizeof(realms), config->realms[i].name);
    }
    log_write(app->log, LOG_LEVEL_INFO, "ready",
              LOG_FIELDS(
                  log_string("version", app->version), log_string("deployment", config->deployment),
                  log_string("store", app->storage.store->ops->type), log_string("unix", sockets),
                  log_string("tls", addresses), log_string("realms", realms)));
}

static enum err build(struct app *app, uint64_t descriptors, struct errbuf *why)
{
    /* What stays when nobody knows better; those who take `why` always do. */
    errbuf_set(why, "%s", no_memory);
    enum err rc = build_base(app);
    if (rc == ERR_OK) {
        rc = app_places_make(app->config, descriptors, &app->places, why);
    }
    if (rc == ERR_OK) {
        rc = read_material(app, why);
    }
    if (rc == ERR_OK) {
        rc = build_store(app, why);
    }
    if (rc == ERR_OK) {
        rc = build_realms(app);
    }
    if (rc == ERR_OK) {
        rc = build_server(app);
    }
    if (rc == ERR_OK) {
        rc = catch_signals(app);
    }
    if (rc == ERR_OK) {
        rc = listen_everywhere(app, why);
    }
    return rc == ERR_OK ? build_ops(app, why) : rc;
}

enum err app_new(const struct app_options *options, struct app **out_app, struct errbuf *why)
{
    struct app *app = calloc(1, sizeof(*app));

    if (app == NULL) {
        errbuf_set(why, "%s", no_memory);
        return ERR_NOMEM;
    }
    app->log = options->log;
    app->version = options->version;
    app->config_path = options->config_path;
    app->config = options->config;
    enum err rc = build(app, options->descriptors, why);
    if (rc != ERR_OK) {
        app->config = NULL; /* stays the caller's */
        app_free(app);
        return rc;
    }
    for (size_t i = 0; i < app->realms.count; i++) {
        replica_start(app->realms.at[i]->replica);
    }
    log_ready(app);
    app_ops_ready(app->ops);
    *out_app = app;
    return ERR_OK;
}

enum err app_run(struct app *app, struct errbuf *why)
{
    if (event_base_dispatch(app->base) != 0) {
        errbuf_set(why, "the event loop failed");
        return ERR_IO;
    }
    log_write(app->log, LOG_LEVEL_INFO, "stopped",
              LOG_FIELDS(log_int("connections", app->stats.connections)));
    return ERR_OK;
}

/* In reverse: whoever listens goes before what it listens to. */
void app_free(struct app *app)
{
    const struct app_realms none = {0};

    if (app == NULL) {
        return;
    }
    for (size_t i = 0; i < APP_SIGNALS; i++) {
        if (app->signals[i] != NULL) {
            event_free(app->signals[i]);
        }
    }
    timer_free(&app->timers, app->reload_timer);
    app_ops_free(app->ops);
    server_free(app->server);
    app_rules_fini(&app->rules);
    app_realms_discard(&app->realm_env, &app->realms, &none);
    health_free(app->health);
    hub_free(app->hub);
    app_store_close(&app->storage);
    app_material_fini(&app->material);
    if (app->base != NULL) {
        event_base_free(app->base);
    }
    config_free(app->config);
    free(app);
}

size_t app_locked_memory_need(const struct config *config)
{
    /* A ring takes two pages, and is held by the replica, the rotator, the store and messages on
     * their way; the rest is the server's buffer, what slow readers have not taken, and what
     * those can hold who may only connect. */
    const size_t per_realm = (size_t)64 * 1024;
    const size_t base = (size_t)1024 * 1024;
    const size_t strangers = (size_t)SERVER_STRANGERS_MAX * CONNECTION_STRANGER_LOCKED_MAX;
    const size_t pool = SERVER_POOL_BLOCKS * SECRET_POOL_BLOCK;

    return base + strangers + pool + config->realm_count * per_realm;
}
