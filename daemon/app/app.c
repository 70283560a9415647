/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "app/app_journal.h"
#include "app/app_ops.h"
#include "app/app_realm.h"
#include "app/app_rules.h"
#include "app/app_store.h"
#include "host/clock_system.h"
#include "host/random_system.h"
#include "host/timers_libevent.h"
#include "ops/ops_http.h"
#include "serve/rpc_health.h"
#include "serve/server.h"

#define SIGNAL_COUNT 3

struct app {
    struct app_options options;
    struct clock clock;
    struct random_source random;
    char writer[WIRE_LABEL_MAX + 1];
    struct event_base *base;
    struct timers timers;
    struct app_store storage;
    struct store *store; /* in `storage` */
    struct hub *hub;
    struct app_realm *realms;             /* realm_count of them, in the configuration's order */
    struct service_realm *service_realms; /* likewise */
    struct app_rules rules;
    struct health *health;
    struct serve_lines lines;
    struct serve_stats stats;
    struct services services;
    struct server *server;
    struct app_ops *ops;
    struct event *signals[SIGNAL_COUNT];
    bool is_stopping;
};

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
    log_write(app->options.log, LOG_LEVEL_INFO, app->is_stopping ? "stopping-at-once" : "stopping",
              LOG_FIELDS(log_string("signal", number == SIGINT ? "SIGINT" : "SIGTERM"),
                         log_int("connections", app->stats.connections)));
    if (app->is_stopping) {
        (void)event_base_loopbreak(app->base);
        return;
    }
    app->is_stopping = true;
    app_ops_stopping(app->ops);
    server_drain(app->server, on_drained, app);
}

static void on_reload_signal(evutil_socket_t number, short what, void *arg)
{
    struct app *app = arg;

    (void)number;
    (void)what;
    log_write(app->options.log, LOG_LEVEL_WARNING, "reload-ignored",
              LOG_FIELDS(log_string("why", "reload is not in this version; restart stekd to change "
                                           "its configuration")));
}

static enum err catch_signals(struct app *app)
{
    static const struct {
        int number;
        event_callback_fn handle;
    } rows[SIGNAL_COUNT] = {
        {SIGTERM, on_stop_signal},
        {SIGINT, on_stop_signal},
        {SIGHUP, on_reload_signal},
    };

    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        app->signals[i] = evsignal_new(app->base, rows[i].number, rows[i].handle, app);
        if (app->signals[i] == NULL || event_add(app->signals[i], NULL) != 0) {
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
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

static enum err build_store(struct app *app, struct errbuf *why)
{
    const struct app_store_options options = {.config = app->options.config,
                                              .base = app->base,
                                              .clock = &app->clock,
                                              .timers = &app->timers,
                                              .random = &app->random};

    enum err rc = app_store_open(&app->storage, &options, why);
    app->store = app->storage.store;
    return rc;
}

static enum err build_realm(struct app *app, const struct config_realm *config,
                            struct app_realm *realm)
{
    const struct replica_options replica = {
        .realm = config->name,
        .policy = config->policy,
        .store = app->store,
        .sealing = app_store_sealing(&app->storage),
        .clock = &app->clock,
        .timers = &app->timers,
        .random = &app->random,
    };
    struct rotator_options rotator = {
        .store = app->store,
        .sealing = app_store_sealing(&app->storage),
        .clock = &app->clock,
        .timers = &app->timers,
        .random = &app->random,
        .writer = app->writer,
    };

    enum err rc = replica_new(&replica, &realm->replica);
    if (rc == ERR_OK) {
        rc = hub_add_realm(app->hub, realm->replica);
    }
    if (rc == ERR_OK) {
        rotator.replica = realm->replica;
        rc = rotator_new(&rotator, &realm->rotator);
    }
    const struct app_journal_options journal = {
        .replica = realm->replica,
        .rotator = realm->rotator,
        .clock = &app->clock,
        .timers = &app->timers,
        .log = app->options.log,
    };
    if (rc == ERR_OK) {
        rc = app_journal_new(&journal, &realm->journal);
    }
    return rc;
}

static enum err build_realms(struct app *app)
{
    const struct config *config = app->options.config;

    app->realms = calloc(config->realm_count, sizeof(*app->realms));
    app->service_realms = calloc(config->realm_count, sizeof(*app->service_realms));
    if (app->realms == NULL || app->service_realms == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = hub_new(&app->timers, &app->hub);
    for (size_t i = 0; i < config->realm_count && rc == ERR_OK; i++) {
        rc = build_realm(app, &config->realms[i], &app->realms[i]);
        app->service_realms[i].realm = config->realms[i].name;
        app->service_realms[i].rotator = app->realms[i].rotator;
    }
    if (rc == ERR_OK) {
        rc = health_new(app->hub, &app->health);
    }
    return rc;
}

static enum err build_server(struct app *app)
{
    const struct config *config = app->options.config;

    enum err rc = app_rules_make(config, &app->rules);
    if (rc != ERR_OK) {
        return rc;
    }
    app->services = (struct services){
        .hub = app->hub,
        .health = app->health,
        .realms = app->service_realms,
        .realm_count = config->realm_count,
        .rules = &app->rules.rules,
        .clock = &app->clock,
        .timers = &app->timers,
        .log = app->options.log,
        .lines = &app->lines,
        .stats = &app->stats,
        .version = app->options.version,
        .deployment = config->deployment,
        .store_type = app->store->ops->type,
        .started_ms = clock_wall_ms(&app->clock),
    };
    const struct server_options options = {
        .base = app->base,
        .services = &app->services,
        .limits = connection_limits_default(),
        .connections_max = SERVER_CONNECTIONS_MAX,
        .strangers_max = SERVER_STRANGERS_MAX,
    };
    return server_new(&options, &app->server);
}

static enum err listen_everywhere(struct app *app, struct errbuf *why)
{
    const struct config *config = app->options.config;
    enum err rc = ERR_OK;

    for (size_t i = 0; i < config->listener_count && rc == ERR_OK; i++) {
        if (config->listeners[i].unix_path[0] == '\0') {
            errbuf_set(why, "listen[%zu]: this build does not listen on addresses yet", i);
            return ERR_UNSUPPORTED;
        }
        rc = server_listen(app->server, config->listeners[i].unix_path, config->listeners[i].mode,
                           why);
    }
    return rc;
}

static enum err build_ops(struct app *app, struct errbuf *why)
{
    const struct app_ops_options options = {
        .base = app->base,
        .http = &app->options.config->http,
        .services = &app->services,
        .realms = app->realms,
        .realm_count = app->options.config->realm_count,
    };

    return app_ops_new(&options, &app->ops, why);
}

static void append(char *list, size_t cap, const char *item)
{
    size_t len = strlen(list);

    (void)snprintf(list + len, cap - len, "%s%s", len == 0 ? "" : ",", item);
}

static void log_ready(const struct app *app)
{
    const struct config *config = app->options.config;
    char sockets[LOG_VALUE_MAX] = "";
    char realms[LOG_VALUE_MAX] = "";

    for (size_t i = 0; i < config->listener_count; i++) {
        append(sockets, sizeof(sockets), config->listeners[i].unix_path);
    }
    for (size_t i = 0; i < config->realm_count; i++) {
        append(realms, sizeof(realms), config->realms[i].name);
    }
    log_write(app->options.log, LOG_LEVEL_INFO, "ready",
              LOG_FIELDS(log_string("version", app->options.version),
                         log_string("deployment", config->deployment),
                         log_string("store", app->store->ops->type), log_string("unix", sockets),
                         log_string("realms", realms)));
}

enum err app_new(const struct app_options *options, struct app **out_app, struct errbuf *why)
{
    struct app *app = calloc(1, sizeof(*app));

    if (app == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    app->options = *options;
    /* What stays when nobody knows better; listen_everywhere() always does. */
    errbuf_set(why, "out of memory, or of memory that may be locked (RLIMIT_MEMLOCK)");
    enum err rc = build_base(app);
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
    if (rc == ERR_OK) {
        rc = build_ops(app, why);
    }
    if (rc != ERR_OK) {
        app_free(app);
        return rc;
    }
    for (size_t i = 0; i < options->config->realm_count; i++) {
        replica_start(app->realms[i].replica);
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
    log_write(app->options.log, LOG_LEVEL_INFO, "stopped",
              LOG_FIELDS(log_int("connections", app->stats.connections)));
    return ERR_OK;
}

/* In reverse: whoever listens goes before what it listens to. */
void app_free(struct app *app)
{
    if (app == NULL) {
        return;
    }
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        if (app->signals[i] != NULL) {
            event_free(app->signals[i]);
        }
    }
    app_ops_free(app->ops);
    server_free(app->server);
    app_rules_fini(&app->rules);
    health_free(app->health);
    size_t count = app->realms == NULL ? 0 : app->options.config->realm_count;
    for (size_t i = 0; i < count; i++) {
        app_journal_free(app->realms[i].journal);
        rotator_free(app->realms[i].rotator);
    }
    hub_free(app->hub);
    for (size_t i = 0; i < count; i++) {
        replica_free(app->realms[i].replica);
    }
    free(app->service_realms);
    free(app->realms);
    app_store_close(&app->storage);
    if (app->base != NULL) {
        event_base_free(app->base);
    }
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

    return base + strangers + config->realm_count * per_realm;
}

size_t app_descriptor_need(const struct config *config)
{
    /* Standard files, the loop, its signals, the service manager, and what a library opens for a
     * moment. */
    const size_t base = 32;

    const size_t http = config->http.address[0] == '\0' ? 0 : 1 + OPS_HTTP_CONNECTIONS_MAX;

    return base + config->listener_count + SERVER_CONNECTIONS_MAX + SERVER_HANDSHAKES_MAX + http;
}
