/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a Redis or a Sentinel, from the name to the end: hiredis' formatter and reader
 * over a libevent bufferevent, with TLS or without. Knows bytes and replies; has no clock: whoever
 * has waited long enough closes it.
 *
 *   - on_up() once it is connected and, with TLS, once the peer has shown a certificate for the
 *     name we asked for: before that not a byte of ours was sent.
 *   - More than REDIS_CONN_INPUT_MAX bytes without a whole reply end it, and so does a reply that
 *     announces more than could be (redis_bounds.h).
 *   - on_end() comes at most once, and nothing after it; the connection is still to be closed.
 *   - All callbacks come from the loop, never from inside a call. In each of them the connection
 *     may be closed.
 */
#ifndef STEKD_STORE_REDIS_CONN_H
#define STEKD_STORE_REDIS_CONN_H

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/redis_server.h"

#define REDIS_CONN_INPUT_MAX (512 * 1024)

struct event_base;
struct evdns_base;
struct redisReply;
struct redis_conn;

/* Who resolves names: never getaddrinfo(), which would stop the loop. Starts as {0}. */
struct redis_dns {
    struct evdns_base *base; /* made for the first name that is no number */
};
/* After the last connection that uses it. */
void redis_dns_fini(struct redis_dns *dns);

struct redis_conn_owner {
    void (*on_up)(void *ctx);
    /* `reply` is borrowed during the call. */
    void (*on_reply)(void *ctx, const struct redisReply *reply);
    /* `why` (borrowed during the call) is a whole sentence: "Redis at 10.0.0.1:6379: ...". */
    void (*on_end)(void *ctx, enum err code, const char *why);
    void *ctx;
};

struct redis_conn_options {
    struct event_base *base;         /* borrowed */
    struct redis_dns *dns;           /* borrowed */
    const struct redis_endpoint *at; /* copied */
    const char *whom;                /* "Redis": for sentences; borrowed */
    SSL_CTX *tls;                    /* NULL: none; up-referenced */
    struct redis_conn_owner owner;
};

/* Begins to connect. ERR_NOMEM, ERR_UNAVAILABLE with the sentence. */
enum err redis_conn_open(const struct redis_conn_options *options, struct redis_conn **out_conn,
                         struct errbuf *why) MUST_USE;
/* No callback comes any more; the memory goes when the loop has left the connection. NULL
 * allowed. */
void redis_conn_close(struct redis_conn *conn);

/* What to say about a connection that was waited for in vain. */
const char *redis_conn_silence(const struct redis_conn *conn);
/* A sentence about this peer: "Redis at 10.0.0.1:6379: " and the rest. */
void redis_conn_say(const struct redis_conn *conn, const char *rest, struct errbuf *out);

/* Only while up. ERR_NOMEM: nothing was sent. ERR_LIMIT: too many arguments. */
enum err redis_conn_send(struct redis_conn *conn, int argc, const struct slice *argv) MUST_USE;

#endif
