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

#define CHANGE_ROTATE_ENTRIES_MAX 40 /* rotate is refused from here on */

struct change_result {
    bool changed;
    int64_t at;                     /* when the promoted key encrypts; 0 when none was promoted */
    uint8_t promoted[KEY_NAME_LEN]; /* all zero when none */
};

/* rotate: the earliest published next key begins at t = max(now, published_at + lead), normally
 * now; the key named `retire` is retired at t and dropped at t plus the longer of its own
 * birth distance (dropped_from - retired_from) and ticket_lifetime + lead, never later than
 * before. (The promoted key has the greatest active_from at t, so it is the one picked.)
 *
 * Idempotent: if `retire` is already retired, dropped or revoked, nothing changes and the reply
 * gives its retired_from as `at` (ERR_OK, changed = false). ERR_NOT_FOUND: no such key.
 * ERR_REFUSED, with a sentence: `retire` is a key that is not active yet; nothing is active yet
 * ("first key active in 28 s"); 40 entries or more; no next key could be published. */
enum err change_rotate(struct keyring *ring, const struct policy *policy,
                       const uint8_t retire[KEY_NAME_LEN], int64_t now,
                       const struct random_source *random, struct change_result *out,
                       struct errbuf *why) MUST_USE;

/* revoke KEY: latches `revoked`, wipes the bytes; if the key was the encrypting one, the earliest
 * next key is promoted as above. ERR_NOT_FOUND; idempotent. */
enum err change_revoke(struct keyring *ring, const struct policy *policy,
                       const uint8_t name[KEY_NAME_LEN], int64_t now,
                       const struct random_source *random, struct change_result *out,
                       struct errbuf *why) MUST_USE;

/* revoke --all: every entry becomes a tombstone and R9 publishes fresh keys, the first active at
 * now + lead (R1 without exception); `at` is that moment. */
enum err change_revoke_all(struct keyring *ring, const struct policy *policy, int64_t now,
                           const struct random_source *random, struct change_result *out,
                           struct errbuf *why) MUST_USE;

#endif
