/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to the daemons: one at a time, carrying one WatchKeyring stream a realm.
 * Non-blocking; time is an argument (boot clock), poll() is the caller's.
 *
 *   waiting --(retry_at)--> opening --(link is open)--> open --(lost, silent, all over)--> waiting
 *                              └───────(refused, or too slow)──────────────────────────────┘
 *
 * sync_interval is a budget (design, section 3): a stream silent for sync_interval/2 means that
 * this daemon does not serve us, so the whole connection is left for the next endpoint. A stream
 * that the daemon ends (no such realm, not allowed, not ready) is opened again here after a
 * back-off while others go on; when none is left, the next endpoint is tried. What comes before the
 * first message (looking up a name, connecting, TLS) counts as silence. When our certificate has
 * become another, a new connection to the same endpoint takes the old one's place. The first retry
 * comes within 100 ms, later ones at most sync_interval/4 apart: so a reconnect is our poll.
 */
#ifndef STEK_SRC_CONN_H
#define STEK_SRC_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/credentials.h"
#include "src/link.h"
#include "src/ringmap.h"
#include "wire/messages.h"

#define CONN_ENDPOINTS_MAX 8
#define CONN_PATIENCE_MS   INT64_C(5000) /* for a realm's first message, at most */

struct conn_config {
    const struct endpoint *endpoints; /* borrowed */
    size_t endpoint_count;
    const char *const *realms; /* borrowed */
    size_t realm_count;
    const char *frontend;            /* borrowed */
    const char *library_version;     /* borrowed */
    uint64_t seed;                   /* for the starting endpoint and the jitter */
    struct credentials *credentials; /* borrowed; NULL when no endpoint is TCP */
};

/* Callbacks come from conn_step(). From inside, only conn_ack(), conn_leave() and conn_endpoint()
 * may be called. */
struct conn_events {
    /* `asked_ms`: when what this answers was sent; -1 when nothing asked for it. The snapshot is
     * borrowed. False: it was not installed, and the connection is left for another endpoint. */
    bool (*on_snapshot)(void *ctx, size_t realm, const struct wire_snapshot *snapshot,
                        int64_t asked_ms, int64_t heard_ms);
    void (*on_heartbeat)(void *ctx, size_t realm, const struct wire_heartbeat *heartbeat,
                         int64_t asked_ms, int64_t heard_ms);
    /* A realm is not being followed, and why; "": it is again. */
    void (*on_trouble)(void *ctx, size_t realm, const char *why);
    /* Unix ms, as well as it is known, for the dates of certificates. */
    int64_t (*wall_ms)(void *ctx);
};

struct conn;

/* Everything is borrowed until conn_free(). */
enum err conn_new(const struct conn_config *config, const struct conn_events *events, void *ctx,
                  struct conn **out_conn) MUST_USE;
void conn_free(struct conn *conn);

/* -1 while waiting. */
int conn_fd(const struct conn *conn);
short conn_wants(const struct conn *conn);
/* Boot ms at which conn_step() has something to do even if the descriptor is silent. */
int64_t conn_deadline(const struct conn *conn);

/* Does what is due at `now_ms`; `is_ready`: poll() reported the descriptor. */
void conn_step(struct conn *conn, int64_t now_ms, bool is_ready);

/* Tells the daemon what is installed and what we did. Nothing happens when the realm's stream is
 * down: the next snapshot brings the next occasion. */
void conn_ack(struct conn *conn, size_t realm, const struct wire_watch_ack *ack);

/* How long silence and retries may last for this realm. */
void conn_set_sync_interval(struct conn *conn, size_t realm, int64_t sync_interval_ms);

/* Drops the connection for another endpoint, with back-off. `why` is copied. */
void conn_leave(struct conn *conn, const char *why);

/* The index of the endpoint in use. */
size_t conn_endpoint(const struct conn *conn);

#endif
