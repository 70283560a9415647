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
    bool is_stranger;
};

struct server {
    struct server_options options;
    struct connection_env env;
    struct connection_env stranger_env;
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

static void free_slot(struct server *server, struct slot *slot)
{
    connection_free(slot->connection);
    stats_of(server)->connections--;
    stats_of(server)->strangers -= slot->is_stranger;
    free(slot);
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
    free_slot(server, slot);
    /* A descriptor is free again, and so is a place. */
    resume_listeners(server);
    tell_if_drained(server);
}

/* A peer without any right must not take the places of those who have one. */
static enum err check_stranger(struct server *server, const struct peer *peer, struct errbuf *why)
{
    struct serve_stats *stats = stats_of(server);
    char who[PEER_TEXT_MAX];

    if (stats->strangers < server->options.strangers_max) {
        return ERR_OK;
    }
    stats->strangers_refused++;
    peer_format(peer, who);
    errbuf_set(why, "no rule names %s, and %u connections of such peers are open already", who,
               stats->strangers);
    return ERR_LIMIT;
}

/* The slot goes into the list. */
static enum err add_connection(struct server *server, struct slot *slot, int fd, struct peer *peer,
                               struct errbuf *why)
{
    const struct connection_env *env = slot->is_stranger ? &server->stranger_env : &server->env;
    enum err rc = slot->is_stranger ? check_stranger(server, peer, why) : ERR_OK;

    if (rc != ERR_OK) {
        return rc;
    }
    rc = connection_new(env, fd, peer, &slot->connection);
    if (rc != ERR_OK) {
        errbuf_set(why, "%s", err_text(rc));
        return rc;
    }
    slot->next = server->slots;
    server->slots = slot;
    stats_of(server)->accepted++;
    stats_of(server)->connections++;
    stats_of(server)->strangers += slot->is_stranger;
    return ERR_OK;
}

static void refuse(struct server *server, int fd, bool is_named, const char *why)
{
    const struct services *services = server->options.services;
    int64_t unlogged = 0;

    services->stats->refused++;
    if (log_limit_allows(&services->lines->refused[is_named], clock_boot_ms(services->clock),
                         &unlogged)) {
        log_write(services->log, LOG_LEVEL_WARNING, "connection-refused",
                  LOG_FIELDS(log_string("why", why), log_int("unlogged", unlogged)));
    }
    (void)close(fd);
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
    struct errbuf why = {"out of memory"};
    struct peer peer = {0};
    struct slot *slot = calloc(1, sizeof(*slot));
    bool is_named = false;

    enum err rc = slot == NULL ? ERR_NOMEM : peer_of_socket(fd, &peer, &why);
    if (rc == ERR_OK) {
        is_named = authz_is_named(server->options.services->rules, &peer);
        slot->is_stranger = !is_named;
        rc = add_connection(server, slot, fd, &peer, &why);
    }
    if (rc != ERR_OK) {
        refuse(server, fd, is_named, why.text);
        peer_fini(&peer);
        free(slot);
        return;
    }
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
    server->stranger_env = server->env;
    server->stranger_env.limits = connection_limits_for_stranger(&options->limits);
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
        free_slot(server, slot);
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
