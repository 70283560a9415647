/* SPDX-License-Identifier: Apache-2.0 */
/* What server.c (listeners, connections), server_tls.c (handshakes) and server_recheck.c share.
 * Nobody else includes it. */
#ifndef STEKD_SERVE_SERVER_PRIVATE_H
#define STEKD_SERVE_SERVER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "serve/handshake.h"
#include "serve/listener.h"
#include "serve/server.h"

#define SERVER_LISTENERS_MAX 16

struct endpoint {
    struct server *server;
    struct listener *listener; /* owned */
    SSL_CTX *context;          /* referenced; NULL: a Unix socket */
};

/* A connection and its place in the list. */
struct slot {
    struct connection *connection; /* owned */
    const struct endpoint *endpoint;
    struct slot *next;
    bool is_stranger;
    bool is_cut;          /* being ended by a recheck */
    int64_t not_after_ms; /* wall clock: when the peer's certificate ends */
};

/* A handshake and its place in the list, newest first. */
struct guest {
    struct handshake *handshake; /* owned */
    struct endpoint *endpoint;
    struct guest *next;
};

struct server {
    struct server_options options;
    struct connection_env env;
    struct connection_env stranger_env;
    struct endpoint endpoints[SERVER_LISTENERS_MAX];
    size_t endpoint_count;
    struct secret_pool *pool; /* owned: the connections' */
    struct slot *slots;       /* owned, each */
    struct guest *guests;     /* owned, each */
    struct timer *expiry;     /* owned: looks for certificates that have ended */
    bool is_looking;          /* it is armed */
    struct event *drained;    /* owned: so that `done` comes from the loop */
    bool is_draining;
    void (*done)(void *ctx);
    void *done_ctx;
};

static inline struct serve_stats *server_stats(const struct server *server)
{
    return server->options.services->stats;
}

/* ---- server.c ---- */

/* The peer is known: a connection, if there is a place for it. On failure `transport` and `peer`
 * are gone, counted and logged. */
void server_admit(struct endpoint *endpoint, struct transport *transport, struct peer *peer);
/* Counts, logs at most once a second, and closes. */
void server_refuse(struct server *server, struct transport *transport, bool is_named,
                   const char *why);

/* ---- server_tls.c ---- */

/* Takes `fd`. */
void server_greet(struct endpoint *endpoint, int fd);
void server_free_guests(struct server *server);

/* ---- server_recheck.c ---- */

enum err server_recheck_init(struct server *server) MUST_USE;
void server_recheck_fini(struct server *server);
/* A connection with a certificate has come. */
void server_recheck_watch(struct server *server);

#endif
