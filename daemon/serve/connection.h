/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One peer that we know: bytes between its transport and a call_set, with the limits on what a peer
 * can make us hold.
 *
 *      WAITING ---> SERVING <---> IDLE          WAITING: no request yet (handshake limit)
 *         |            |            |           IDLE: no call under way (idle limit)
 *         +------------+------------+---> DRAINING ---> closed
 *
 * Replies carry key bytes, so they pass only through secret memory: the session's output is, and
 * what the socket does not take of it is kept in a locked buffer of the connection. Nothing more is
 * drained until that is gone, so a peer that does not read holds a bounded rest; one that never
 * reads is cut off (stall limit), and one that broke the protocol after CONNECTION_CUT_MS.
 *
 * A connection ends only from its own event callbacks, where it tells its owner to free it.
 */
#ifndef STEKD_SERVE_CONNECTION_H
#define STEKD_SERVE_CONNECTION_H

#include <stdint.h>

#include "serve/call_set.h"
#include "serve/transport.h"

struct event_base;
struct connection;

struct connection_limits {
    int64_t handshake_ms; /* to the first request; before it, as long for TLS */
    int64_t idle_ms;      /* without a call under way */
    int64_t stall_ms;     /* with bytes to send and none taken */
    int64_t drain_ms;     /* for calls to finish after GOAWAY */
    struct h2_limits h2;
};

/* 10 s, 5 min, 60 s, 5 s; requests of 4 KiB, of which 16 KiB may be under way, on 72 streams; for
 * the rest the session's own defaults. */
struct connection_limits connection_limits_default(void);
/* For a peer whom no rule names: the times of the others, and what asking for our health takes, on
 * 8 streams. It can make a connection lock less than CONNECTION_STRANGER_LOCKED_MAX bytes. */
struct connection_limits connection_limits_for_stranger(const struct connection_limits *others);
#define CONNECTION_STRANGER_LOCKED_MAX 65536

/* What all connections of a server share; borrowed until the last one is freed. */
struct connection_env {
    struct event_base *base;
    const struct services *services;
    struct connection_limits limits;
    /* The connection is over: free it, now or later. Called once, from the loop. */
    void (*on_over)(void *ctx, struct connection *connection);
    void *ctx;
};

/* On success `transport` and what `peer` owns have moved to the connection. On failure both stay
 * the caller's. */
enum err connection_new(const struct connection_env *env, struct transport *transport,
                        struct peer *peer, struct connection **out_connection) MUST_USE;
/* Closes the socket. Calls nothing back. Not from inside a call's or session's callback. NULL
 * allowed. */
void connection_free(struct connection *connection);

/* GOAWAY; over when the calls have finished, or after drain_ms. */
void connection_drain(struct connection *connection, const char *reason);

/* Its peer may not be here any longer: every call ends with ERR_DENIED and `why`, GOAWAY says it
 * too, and after CONNECTION_CUT_MS it is over whatever the peer does. */
#define CONNECTION_CUT_MS INT64_C(500)
void connection_cut(struct connection *connection, const char *why);

/* Ends the calls that the present rules and realms no longer allow; how many those were. */
size_t connection_recheck(struct connection *connection);

/* Borrowed. */
const struct peer *connection_get_peer(const struct connection *connection);
const struct transport *connection_get_transport(const struct connection *connection);

#endif
