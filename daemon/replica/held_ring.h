/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merge of everything a daemon has seen of one realm, and its digest: always of one piece. A
 * change is made on a copy and takes effect when the digest is known, or not at all.
 */
#ifndef STEKD_REPLICA_HELD_RING_H
#define STEKD_REPLICA_HELD_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "keyring/keyring.h"

struct held_ring {
    struct keyring ring;
    uint8_t digest[DIGEST_LEN];
    uint64_t revocations; /* changes so far that revoked something not known as revoked before */
};

enum err held_ring_init(struct held_ring *held, const char *realm) MUST_USE;
void held_ring_fini(struct held_ring *held);

/* R3. Sets *changed when the digest or the set of keys with bytes is not what it was; leaves it
 * alone otherwise. Untouched on failure: ERR_NOMEM, ERR_CRYPTO, ERR_INVALID (another realm). */
enum err held_ring_merge(struct held_ring *held, const struct keyring *from,
                         bool *changed) MUST_USE;
/* The same, but what is dropped or forgotten at `now` is left out of `from`: an old record brings
 * back neither bytes nor entries that have had their time. */
enum err held_ring_merge_live(struct held_ring *held, const struct keyring *from, int64_t now,
                              bool *changed) MUST_USE;

/* Wipes the bytes of dropped and revoked keys, which cannot fail, and then removes forgotten
 * entries, which can. */
enum err held_ring_tidy(struct held_ring *held, int64_t now, bool *changed) MUST_USE;
/* The next instant > now at which tidying has something to do; INT64_MAX when never. */
int64_t held_ring_next_tidy(const struct held_ring *held, int64_t now);

#endif
