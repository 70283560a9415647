/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's acts as pure changes of a ring. Nothing is done to the ring on failure. Every
 * change is followed by R9 in the same step, so one put carries both.
 */
#ifndef STEK_KEYRING_CHANGE_H
#define STEK_KEYRING_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"

/* rotate is refused in a ring of this many entries, or of CHANGE_ROTATE_SPARE more than the policy
 * itself needs if that is more (a policy may need up to POLICY_RING_MAX). */
#define CHANGE_ROTATE_ENTRIES_MAX 40
#define CHANGE_ROTATE_SPARE       8

struct change_result {
    bool changed;
    int64_t at;                     /* when the promoted key encrypts; 0 when none was promoted */
    uint8_t promoted[KEY_NAME_LEN]; /* all zero when none */
};

/* rotate: of the next keys, the one that can begin first does: at t = max(now, published_at + lead)
 * or at its own active_from if that is sooner; normally now. (Where several can: the one that was
 * to begin first.) If there is none, one is published, and t = now + lead. The key named `retire`
 * is retired at t and dropped at t plus the longer of its own birth distance (dropped_from -
 * retired_from) and ticket_lifetime + lead, never later than before. t is after `retire`'s own
 * active_from, so the promoted key has the greatest active_from at t and is the one picked.
 *
 * If `retire` is active but another key encrypts, it is only retired, now.
 *
 * Idempotent: if `retire` is already retired, dropped or revoked, nothing changes and the reply
 * gives its retired_from as `at` (ERR_OK, changed = false); while its retirement is still to come,
 * a repeat finds the same t. ERR_NOT_FOUND: no such key. ERR_REFUSED, with a sentence: `retire` is
 * a key that is not active yet; nothing is active yet ("first key active in 28s"); too many
 * entries. */
enum err change_rotate(struct keyring *ring, const struct policy *policy,
                       const uint8_t retire[KEY_NAME_LEN], int64_t now,
                       const struct random_source *random, struct change_result *out,
                       struct errbuf *why) MUST_USE;

/* revoke KEY: latches `revoked`, wipes the bytes; if nothing encrypts any more, the earliest next
 * key is promoted as above. Idempotent. ERR_NOT_FOUND. Revocation does not depend on
 * R9: if no new key can be made (randomness, CHECK_ENTRIES_MAX) it stands all the same, and
 * coverage is left to the timer, which will say why.
 *
 * `random` NULL: no key is made, for one that the store does not know must not be pushed; coverage
 * is left to the next put. `policy` NULL too: nothing is promoted either, only the latch falls and
 * the bytes go. That much is monotone and takes no clock, so it is right on a suspect one. */
enum err change_revoke(struct keyring *ring, const struct policy *policy,
                       const uint8_t name[KEY_NAME_LEN], int64_t now,
                       const struct random_source *random, struct change_result *out,
                       struct errbuf *why) MUST_USE;

/* revoke --all: every entry becomes a tombstone and R9 publishes fresh keys, the first active at
 * now + lead (R1 without exception); `at` is that moment, 0 if no key could be made. `random` NULL:
 * none is made, as above. */
enum err change_revoke_all(struct keyring *ring, const struct policy *policy, int64_t now,
                           const struct random_source *random, struct change_result *out,
                           struct errbuf *why) MUST_USE;

#endif
