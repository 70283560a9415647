/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which a realm's ring changed at this daemon. Digests say whether two rings are
 * equal, not which came first; numbers of changes do. The last RING_CHANGES_KEPT are remembered.
 */
#ifndef STEKD_REPLICA_RING_CHANGES_H
#define STEKD_REPLICA_RING_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "keyring/keyring.h"

#define RING_CHANGES_KEPT 64

struct ring_change {
    uint64_t number; /* 0: not used yet */
    uint8_t digest[DIGEST_LEN];
};

/* Starts as {0}. */
struct ring_changes {
    uint64_t count;       /* so far: the number of the present ring; 0: there is none yet */
    uint64_t revoked;     /* the change that brought the newest revocation; 0: none did */
    uint64_t revocations; /* the replica's count at that change */
    struct ring_change recent[RING_CHANGES_KEPT]; /* change n stands at n % RING_CHANGES_KEPT */
};

/* The ring is this one now; `revocations` is replica_revocations(). False: its digest is what it
 * was, so nothing has changed. */
bool ring_changes_note(struct ring_changes *changes, const uint8_t digest[DIGEST_LEN],
                       uint64_t revocations);
/* The newest change with that digest; 0: none that is remembered. */
uint64_t ring_changes_find(const struct ring_changes *changes, const uint8_t digest[DIGEST_LEN]);

#endif
