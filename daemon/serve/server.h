/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listeners and connections of one daemon, their number, and how they end.
 *
 * A process at a Unix socket is a connection at once. At a TCP socket there is first a handshake;
 * those have a number of their own, and when it is reached the oldest makes room: they are done in
 * milliseconds unless somebody stalls them, so nobody who has rights is kept out by those who only
 * connect.
 */
#ifndef STEKD_SERVE_SERVER_H
#define STEKD_SERVE_SERVER_H

#include <stdint.h>

#include <openssl/types.h>

#include "base/err.h"
#include "serve/connection.h"
#include "serve/services.h"

struct server;

#define SERVER_CONNECTIONS_MAX 1024
#define SERVER_STRANGERS_MAX   32
#define SERVER_HANDSHAKES_MAX  128
#define SERVER_POOL_BLOCKS     32 /* of SECRET_POOL_BLOCK bytes, locked, kept for calls to come */

struct server_options {
    struct event_base *base;         /* borrowed until server_free() */
    const struct services *services; /* likewise */
    struct connection_limits limits;
    uint32_t connections_max; /* more wait in the kernel's queue */
    uint32_t strangers_max;   /* of peers whom no rule names; more are closed at once */
    uint32_t handshakes_max;  /* of TCP peers that are not known yet; 0: SERVER_HANDSHAKES_MAX */
};

enum err server_new(const struct server_options *options, struct server **out_server) MUST_USE;
/* Closes everything at once. NULL allowed. */
void server_free(struct server *server);

/* A Unix socket. */
enum err server_listen(struct server *server, const char *path, uint32_t mode,
                       struct errbuf *why) MUST_USE;

/* A TCP socket with mutual TLS; `context` is one of tls_context_new() for a server, is referenced
 * and must serve nobody else. `*out_listener` is its number for the functions below. */
enum err server_listen_tls(struct server *server, const char *host, uint16_t port, SSL_CTX *context,
                           size_t *out_listener, struct errbuf *why) MUST_USE;

/* From now on handshakes begin with this context, which is referenced. Peers that are here already
 * are judged by it in the next server_recheck(). */
void server_set_tls(struct server *server, size_t listener, SSL_CTX *context);

/* The listener's path, or address and port as they were bound. Borrowed until server_free(). */
const char *server_get_listener_name(const struct server *server, size_t listener);

/* Rules, realms, trust or revocation lists have changed: every connection and every open call is
 * judged again, as if it came now. What is no longer allowed ends with PERMISSION_DENIED and the
 * reason; afterwards no call holds on to a realm that the services do not have. From the loop, not
 * from inside a callback of this room. (Certificates that end by themselves are seen to without
 * it.) */
void server_recheck(struct server *server);

/* Stops listening, says NOT_SERVING, ends watches, lets calls finish; `done` is called once, from
 * the loop, when the last connection is gone. */
void server_drain(struct server *server, void (*done)(void *ctx), void *ctx);

#endif
