/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One realm as a frontend follows it. Pure: snapshots and time are arguments.
 *
 * R2: the ring held is the union of all snapshots seen, and decrypts; only what the newest snapshot
 * contains may encrypt; a revocation or an earlier date, once seen, stays. A snapshot that is not
 * sound in every key is refused whole (R8), counted, and what is held stays. Of more than
 * RINGMAP_LIVE_MAX usable keys those that end first are given up: wiped, and so never back.
 */
#ifndef STEK_SRC_FOLLOWER_H
#define STEK_SRC_FOLLOWER_H

#include <stdbool.h>

#include "base/err.h"
#include "src/ringmap.h"
#include "wire/messages.h"

struct follower {
    struct keyring ring; /* owned: the union */
    bool has_snapshot;
    uint8_t newest[RINGMAP_ENTRIES_MAX][KEY_NAME_LEN]; /* the newest snapshot's names, sorted */
    size_t newest_count;
    bool scheduled[RINGMAP_ENTRIES_MAX]; /* of ring: is it among the newest? */
    struct policy policy;
    uint8_t digest[DIGEST_LEN]; /* of the newest snapshot */
    int64_t as_of;              /* fleet ms */
    uint64_t accepted;
    uint64_t refused;
    size_t given_up; /* usable keys that did not fit when the newest snapshot was accepted */
};

/* ERR_INVALID for a bad realm name. Needs no memory yet. */
enum err follower_init(struct follower *follower, const char *realm) MUST_USE;
/* Wipes. Safe on {0} and twice. */
void follower_fini(struct follower *follower);

/* Takes up what the driver before us had published. ERR_NOT_FOUND: nothing. ERR_NOMEM. */
enum err follower_import(struct follower *follower, struct ringmap *map, size_t realm) MUST_USE;

/* `now`: fleet ms, known (not 0). ERR_INVALID with a sentence: an unsound snapshot; ERR_LIMIT: the
 * union has more than RINGMAP_ENTRIES_MAX entries; ERR_NOMEM, ERR_CRYPTO. On failure nothing
 * changes but the count. Afterwards publish follower_view(). */
enum err follower_accept(struct follower *follower, const struct wire_snapshot *snapshot,
                         int64_t now, struct errbuf *why) MUST_USE;

/* A heartbeat: true when it speaks of the snapshot held and moved as_of; back only when `now` has
 * stepped back behind it. A suspect daemon's as_of is a time of its clock, and ignored. */
bool follower_heartbeat(struct follower *follower, const struct wire_heartbeat *heartbeat,
                        int64_t now);

/* L4: wipes what is dropped, forgets what is forgotten. True when the view changed: publish it. */
bool follower_tick(struct follower *follower, int64_t now);
/* The earliest instant > now at which follower_tick() has something to do, or INT64_MAX. */
int64_t follower_next_due(const struct follower *follower, int64_t now);

/* Borrowed from the follower: valid until it changes. Only when has_snapshot. */
struct ringmap_view follower_view(const struct follower *follower);

#endif
