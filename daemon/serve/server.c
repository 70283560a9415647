/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/ssl.h>

#include "base/secret_pool.h"
#include "serve/rpc_health.h"
#include "serve/server_private.h"

static void free_slot(struct server *server, struct slot *slot)
{
    connection_free(slot->connection);
    server_stats(server)->connections--;
    server_stats(server)->strangers -= slot->is_stranger;
    free(slot);
}

static void resume_listeners(struct server *server)
{
    for (size_t i = 0; i < server->endpoint_count && !server->is_draining; i++) {
        listener_resume(server->endpoints[i].listener);
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
    struct serve_stats *stats = server_stats(server);
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
static enum err add_connection(struct server *server, struct slot *slot,
                               struct transport *transport, struct peer *peer, struct errbuf *why)
{
    const struct connection_env *env = slot->is_stranger ? &server->stranger_env : &server->env;
    enum err rc = slot->is_stranger ? check_stranger(server, peer, why) : ERR_OK;

    if (rc != ERR_OK) {
        return rc;
    }
    slot->not_after_ms = transport_not_after_ms(transport);
    rc = connection_new(env, transport, peer, &slot->connection);
    if (rc != ERR_OK) {
        errbuf_set(why, "%s", err_text(rc));
        return rc;
    }
    slot->next = server->slots;
    server->slots = slot;
    server_stats(server)->accepted++;
    server_stats(server)->connections++;
    server_stats(server)->strangers += slot->is_stranger;
    return ERR_OK;
}

void server_refuse(struct server *server, struct transport *transport, bool is_named,
                   const char *why)
{
    const struct services *services = server->options.services;
    int64_t unlogged = 0;

    services->stats->refused++;
    if (log_limit_allows(&services->lines->refused[is_named], clock_boot_ms(services->clock),
                         &unlogged)) {
        log_write(services->log, LOG_LEVEL_WARNING, "connection-refused",
                  LOG_FIELDS(log_string("why", why), log_int("unlogged", unlogged)));
    }
    transport_free(transport);
}

static void pause_at_limit(struct server *server)
{
    if (server_stats(server)->connections < server->options.connections_max) {
        return;
    }
    server_stats(server)->limit_reached++;
    for (size_t i = 0; i < server->endpoint_count; i++) {
        listener_pause(server->endpoints[i].listener);
    }
}

/* Handshakes that were under way when the last place went. */
static enum err check_places(const struct server *server, struct errbuf *why)
{
    if (server_stats(server)->connections < server->options.connections_max) {
        return ERR_OK;
    }
    errbuf_set(why, "%u connections are open, and there may be no more",
               server_stats(server)->connections);
    return ERR_LIMIT;
}

void server_admit(struct endpoint *endpoint, struct transport *transport, struct peer *peer)
{
    struct server *server = endpoint->server;
    struct errbuf why = {"out of memory"};
    struct slot *slot = calloc(1, sizeof(*slot));
    const bool is_named = authz_is_named(server->options.services->rules, peer);

    enum err rc = slot == NULL ? ERR_NOMEM : check_places(server, &why);
    if (rc == ERR_OK) {
        slot->endpoint = endpoint;
        slot->is_stranger = !is_named;
        rc = add_connection(server, slot, transport, peer, &why);
    }
    if (rc != ERR_OK) {
        server_refuse(server, transport, is_named, why.text);
        peer_fini(peer);
        free(slot);
        return;
    }
    pause_at_limit(server);
}

static void on_accept(void *ctx, int fd)
{
    struct endpoint *endpoint = ctx;
    struct errbuf why = {"out of memory"};
    struct peer peer = {0};
    struct transport *transport = NULL;

    if (endpoint->context != NULL) {
        server_greet(endpoint, fd);
        return;
    }
    enum err rc = transport_new(fd, NULL, &transport);
    if (rc != ERR_OK) {
        (void)close(fd);
    } else {
        rc = peer_of_socket(fd, &peer, &why);
    }
    if (rc == ERR_OK) {
        server_admit(endpoint, transport, &peer);
    } else {
        server_refuse(endpoint->server, transport, false, why.text);
    }
}

static void on_exhausted(void *ctx, int error)
{
    const struct endpoint *endpoint = ctx;
    const struct server *server = endpoint->server;

    server_stats(server)->descriptors_gone++;
    log_write(server->options.services->log, LOG_LEVEL_ERROR, "accept-stopped",
              LOG_FIELDS(log_string("why", strerror(error)),
                         log_int("connections", server_stats(server)->connections)));
}

enum err server_new(const struct server_options *options, struct server **out_server)
{
    struct server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        return ERR_NOMEM;
    }
    server->options = *options;
    if (server->options.handshakes_max == 0) {
        server->options.handshakes_max = SERVER_HANDSHAKES_MAX;
    }
    enum err rc = secret_pool_new(SERVER_POOL_BLOCKS, &server->pool);
    if (rc != ERR_OK) {
        free(server);
        return rc;
    }
    server->options.limits.h2.pool = server->pool;
    server->env = (struct connection_env){
        .base = options->base,
        .services = options->services,
        .limits = server->options.limits,
        .on_over = on_over,
        .ctx = server,
    };
    server->stranger_env = server->env;
    server->stranger_env.limits = connection_limits_for_stranger(&server->options.limits);
    server->drained = event_new(options->base, -1, 0, on_drained, server);
    if (server->drained == NULL || server_recheck_init(server) != ERR_OK) {
        server_free(server);
        return ERR_NOMEM;
    }
    *out_server = server;
    return ERR_OK;
}

static void close_listeners(struct server *server)
{
    for (size_t i = 0; i < server->endpoint_count; i++) {
        listener_close(server->endpoints[i].listener);
        server->endpoints[i].listener = NULL;
    }
}

void server_free(struct server *server)
{
    if (server == NULL) {
        return;
    }
    close_listeners(server);
    server_free_guests(server);
    while (server->slots != NULL) {
        struct slot *slot = server->slots;
        server->slots = slot->next;
        free_slot(server, slot);
    }
    for (size_t i = 0; i < server->endpoint_count; i++) {
        SSL_CTX_free(server->endpoints[i].context);
    }
    server_recheck_fini(server);
    secret_pool_free(server->pool); /* after every connection */
    if (server->drained != NULL) {
        event_free(server->drained);
    }
    free(server);
}

/* Fills in who is told of what, and opens it as the next endpoint. */
static enum err open_endpoint(struct server *server, struct listener_options *options,
                              const char *name, struct errbuf *why)
{
    struct endpoint *endpoint = &server->endpoints[server->endpoint_count];

    if (server->endpoint_count == SERVER_LISTENERS_MAX) {
        errbuf_set(why, "%s: more than %d listeners", name, SERVER_LISTENERS_MAX);
        return ERR_LIMIT;
    }
    options->base = server->options.base;
    options->timers = server->options.services->timers;
    options->on_accept = on_accept;
    options->on_exhausted = on_exhausted;
    options->ctx = endpoint;
    enum err rc = listener_open(options, &endpoint->listener, why);
    if (rc == ERR_OK) {
        endpoint->server = server;
        server->endpoint_count++;
    }
    return rc;
}

enum err server_listen(struct server *server, const char *path, uint32_t mode, struct errbuf *why)
{
    struct listener_options options = {.path = path, .mode = mode};

    return open_endpoint(server, &options, path, why);
}

enum err server_listen_tls(struct server *server, const char *host, uint16_t port, SSL_CTX *context,
                           size_t *out_listener, struct errbuf *why)
{
    struct listener_options options = {.host = host, .port = port};

    enum err rc = open_endpoint(server, &options, host, why);
    if (rc == ERR_OK) {
        *out_listener = server->endpoint_count - 1;
        server_set_tls(server, *out_listener, context);
    }
    return rc;
}

const char *server_get_listener_name(const struct server *server, size_t listener)
{
    assert(listener < server->endpoint_count && server->endpoints[listener].listener != NULL);
    return listener_name(server->endpoints[listener].listener);
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
    server_free_guests(server);
    health_set_draining(server->options.services->health);
    hub_drain(server->options.services->hub);
    for (struct slot *slot = server->slots; slot != NULL; slot = slot->next) {
        connection_drain(slot->connection, "the daemon is stopping");
    }
    tell_if_drained(server);
}
