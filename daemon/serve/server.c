/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "serve/listener.h"
#include "serve/rpc_health.h"

#define LISTENERS_MAX 16

/* A connection and its place in the list. */
struct slot {
    struct connection *connection; /* owned */
    struct slot *next;
};

struct server {
    struct server_options options;
    struct connection_env env;
    struct listener *listeners[LISTENERS_MAX]; /* owned */
    size_t listener_count;
    struct slot *slots;    /* owned, each */
    struct event *drained; /* owned: so that `done` comes from the loop */
    bool is_draining;
    void (*done)(void *ctx);
    void *done_ctx;
};

static struct serve_stats *stats_of(const struct server *server)
{
    return server->options.services->stats;
}

static void resume_listeners(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_resume(server->listeners[i]);
    }
}

static void tell_if_drained(struct server *server)
{
    if (server->is_draining && server->slots == NULL) {
        event_active(server->drained, EV_TIMEOUT, 1);
    }
}

static void on_drained(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;
    void (*done)(void *ctx) = server->done;

    (void)fd;
    (void)what;
    server->done = NULL;
    if (done != NULL) {
        done(server->done_ctx);
    }
}

static void on_over(void *ctx, struct connection *connection)
{
    struct server *server = ctx;
    struct slot **at = &server->slots;

    while ((*at)->connection != connection) {
        at = &(*at)->next;
    }
    struct slot *slot = *at;
    *at = slot->next;
    free(slot);
    connection_free(connection);
    stats_of(server)->connections--;
    /* A descriptor is free again, and so is a place. */
    resume_listeners(server);
    tell_if_drained(server);
}

static void log_refused(struct server *server, bool is_named, const char *why)
{
    const struct services *services = server->options.services;
    int64_t unlogged = 0;

    if (log_limit_allows(&services->lines->refused[is_named], clock_boot_ms(services->clock),
                         &unlogged)) {
        log_write(services->log, LOG_LEVEL_WARNING, "connection-refused",
                  LOG_FIELDS(log_string("why", why), log_int("unlogged", unlogged)));
    }
}

static enum err add_connection(struct server *server, int fd, struct errbuf *why)
{
    struct peer peer = {0};
    struct slot *slot = calloc(1, sizeof(*slot));

    if (slot == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    enum err rc = peer_of_socket(fd, &peer, why);
    if (rc == ERR_OK) {
        rc = connection_new(&server->env, fd, &peer, &slot->connection);
        if (rc != ERR_OK) {
            errbuf_set(why, "%s", err_text(rc));
        }
    }
    if (rc != ERR_OK) {
        peer_fini(&peer);
        free(slot);
        return rc;
    }
    slot->next = server->slots;
    server->slots = slot;
    return ERR_OK;
}

static void pause_at_limit(struct server *server)
{
    if (stats_of(server)->connections < server->options.connections_max) {
        return;
    }
    stats_of(server)->limit_reached++;
    for (size_t i = 0; i < server->listener_count; i++) {
        listener_pause(server->listeners[i]);
    }
}

static void on_accept(void *ctx, int fd)
{
    struct server *server = ctx;
    struct errbuf why = {""};

    if (add_connection(server, fd, &why) != ERR_OK) {
        stats_of(server)->refused++;
        log_refused(server, false, why.text);
        (void)close(fd);
        return;
    }
    stats_of(server)->accepted++;
    stats_of(server)->connections++;
    pause_at_limit(server);
}

static void on_exhausted(void *ctx, int error)
{
    struct server *server = ctx;

    stats_of(server)->descriptors_gone++;
    log_write(server->options.services->log, LOG_LEVEL_ERROR, "accept-stopped",
              LOG_FIELDS(log_string("why", strerror(error)),
                         log_int("connections", stats_of(server)->connections)));
}

enum err server_new(const struct server_options *options, struct server **out_server)
{
    struct server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        return ERR_NOMEM;
    }
    server->options = *options;
    server->env = (struct connection_env){
        .base = options->base,
        .services = options->services,
        .limits = options->limits,
        .on_over = on_over,
        .ctx = server,
    };
    server->drained = event_new(options->base, -1, 0, on_drained, server);
    if (server->drained == NULL) {
        server_free(server);
        return ERR_NOMEM;
    }
    *out_server = server;
    return ERR_OK;
}

static void close_listeners(struct server *server)
{
    while (server->listener_count > 0) {
        listener_close(server->listeners[--server->listener_count]);
    }
}

void server_free(struct server *server)
{
    if (server == NULL) {
        return;
    }
    close_listeners(server);
    while (server->slots != NULL) {
        struct slot *slot = server->slots;
        server->slots = slot->next;
        connection_free(slot->connection);
        stats_of(server)->connections--;
        free(slot);
    }
    if (server->drained != NULL) {
        event_free(server->drained);
    }
    free(server);
}

enum err server_listen(struct server *server, const char *path, uint32_t mode, struct errbuf *why)
{
    const struct listener_options options = {
        .base = server->options.base,
        .timers = server->options.services->timers,
        .path = path,
        .mode = mode,
        .on_accept = on_accept,
        .on_exhausted = on_exhausted,
        .ctx = server,
    };

    if (server->listener_count == LISTENERS_MAX) {
        errbuf_set(why, "%s: more than %d listeners", path, LISTENERS_MAX);
        return ERR_LIMIT;
    }
    enum err rc = listener_open(&options, &server->listeners[server->listener_count], why);
    if (rc == ERR_OK) {
        server->listener_count++;
    }
    return rc;
}

void server_drain(struct server *server, void (*done)(void *ctx), void *ctx)
{
    if (server->is_draining) {
        return;
    }
    server->is_draining = true;
    server->done = done;
    server->done_ctx = ctx;
    close_listeners(server);
    health_set_draining(server->options.services->health);
    hub_drain(server->options.services->hub);
    for (struct slot *slot = server->slots; slot != NULL; slot = slot->next) {
        connection_drain(slot->connection, "the daemon is stopping");
    }
    tell_if_drained(server);
}
