/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who watches which realm, and which digest each has installed; and who did and left (roster.h).
 * Newest wins; nothing is queued here: a watcher is told "there is something newer" and takes a
 * snapshot when it can send one.
 *
 * Digests move on, so who has installed what is told by the order of changes (ring_changes.h): a
 * frontend has the revocations if a digest it acknowledged is of the change that brought the
 * newest of them, or of a later one. A digest this daemon does not know, or no longer, proves
 * nothing.
 */
#ifndef STEKD_REPLICA_HUB_H
#define STEKD_REPLICA_HUB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "replica/replica.h"
#include "replica/roster.h"
#include "wire/messages.h"

struct hub;
struct watcher;

/* Called from the loop only, never from inside a call to the hub but hub_remove_realm(). Any
 * watcher may be freed in any of them. A heartbeat is due every sync_interval/4 and when the
 * clock's standing changes; none is asked for beside a snapshot, nor before the realm is ready. */
struct watcher_events {
    void (*on_snapshot_due)(void *ctx);
    void (*on_heartbeat_due)(void *ctx);
    /* The realm is gone or the daemon drains: end the stream with this status. */
    void (*on_ended)(void *ctx, enum err code, const char *why);
    void *ctx;
};

enum err hub_new(const struct timers *timers, struct hub **out_hub) MUST_USE;
/* NULL allowed. Watchers must be gone. */
void hub_free(struct hub *hub);
/* `replica` borrowed until hub_remove_realm() or hub_free(); the hub listens to it. */
enum err hub_add_realm(struct hub *hub, struct replica *replica) MUST_USE;
/* The realm is gone: each of its watchers hears on_ended with ERR_DENIED before this returns, and
 * must free itself in it. */
void hub_remove_realm(struct hub *hub, struct replica *replica);

/* NULL when there is no such realm. */
struct replica *hub_replica(struct hub *hub, const char *realm);
size_t hub_realm_count(const struct hub *hub);
struct replica *hub_replica_at(struct hub *hub, size_t index);

/* The first on_snapshot_due comes from the loop, at once if the realm is ready and open->digest is
 * not the present one, else when it becomes so; a watcher that is current gets a heartbeat at once.
 * `identity` says whose connection it is, and is the same when he comes back; what is longer than
 * ROSTER_IDENTITY_MAX is cut.
 * ERR_NOT_FOUND: no such realm. ERR_UNAVAILABLE: the daemon is stopping. ERR_NOMEM. */
enum err hub_watch(struct hub *hub, const struct wire_watch_open *open, const char *identity,
                   const struct watcher_events *events, struct watcher **out_watcher) MUST_USE;
/* It left. NULL allowed. No callback afterwards. */
void watcher_free(struct watcher *watcher);
/* A snapshot or heartbeat with this as_of went out to it. */
void watcher_sent(struct watcher *watcher, int64_t as_of_ms);
void watcher_ack(struct watcher *watcher, const struct wire_watch_ack *ack);
const struct watcher_info *watcher_get_info(const struct watcher *watcher);

/* How many watchers the realm has, and how many have installed the present digest. */
void hub_count(const struct hub *hub, const char *realm, uint32_t *out_watchers,
               uint32_t *out_current);

struct hub_frontend {
    const struct watcher_info *info; /* borrowed during the call */
    int64_t left_at;                 /* 0: it is connected */
    bool is_current;                 /* connected, with the present digest installed */
    bool has_revocations;            /* has installed every revocation this daemon knows of */
};

typedef void (*hub_frontend_fn)(void *ctx, const struct hub_frontend *frontend);

/* Shows each frontend, those that left and may still hold keys included; none if there is no such
 * realm. Returns how many entries were lost for want of room, since the daemon started. */
uint64_t hub_visit(struct hub *hub, const char *realm, hub_frontend_fn visit, void *ctx);

/* Ends every watcher, from the loop, with ERR_UNAVAILABLE "the daemon is stopping"; new ones are
 * refused. */
void hub_drain(struct hub *hub);

/* Fills a wire_snapshot (the caller finishes it) or a heartbeat's fields from the replica.
 * ERR_UNAVAILABLE: not ready yet. */
enum err hub_snapshot(struct replica *replica, struct wire_snapshot *out) MUST_USE;
/* The same, encoded as the answer to GetKeyring. Borrowed: valid until the loop runs. */
enum err hub_get_reply(struct hub *hub, struct replica *replica, struct slice *out) MUST_USE;
void hub_moment(struct replica *replica, struct wire_moment *out);

#endif
