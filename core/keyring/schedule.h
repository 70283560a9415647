/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due, when to look again, and R9: coverage, not count.
 *
 * R9. Let h be the first instant >= now + lead at which no unrevoked key is active. While
 * h < now + lead + keys_ahead * rotate_every: if a published key begins after h and was published
 * by h - lead, the earliest such key moves to active_from = h; else a new key is published with
 * active_from = h. So holes left by lost writes and merges close, and a key in the far future
 * satisfies nothing (L1).
 */
#ifndef STEK_KEYRING_SCHEDULE_H
#define STEK_KEYRING_SCHEDULE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/random.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"

#define SCHEDULE_NEVER INT64_MAX

/* The first instant >= from at which no unrevoked key with bytes is active. */
int64_t schedule_first_hole(const struct keyring *ring, int64_t from);

/* True when R9 would change something at `now`. */
bool schedule_needs_cover(const struct keyring *ring, const struct policy *policy, int64_t now);

/* R9. The policy has passed policy_check(). Draws new keys from `random`; a zero, repeated or
 * colliding draw is drawn again, a few times, then ERR_CRYPTO. The first byte of a new name is
 * unique in the ring while fewer than 256 are taken. ERR_LIMIT when the ring would outgrow
 * CHECK_ENTRIES_MAX, which everybody refuses. Untouched on failure. `changed` may be NULL. */
enum err schedule_cover(struct keyring *ring, const struct policy *policy, int64_t now,
                        const struct random_source *random, bool *changed,
                        struct errbuf *why) MUST_USE;

/* A new key for `realm` born now with the dates of the design (section 3): retired_from =
 * active_from + rotate_every, dropped_from = forgotten_from = retired_from + ticket_lifetime +
 * lead. `key` must lie in secret memory; it is wiped on failure. ERR_INVALID when `now` is so far
 * out that the dates cannot be written down. */
enum err schedule_birth(const struct keyring *ring, const struct policy *policy, int64_t now,
                        int64_t active_from, const struct random_source *random,
                        struct key *key) MUST_USE;

/* The earliest instant > now at which this ring needs attention: a drop, a forgetting, or R9;
 * now + 1 when something is overdue. R7: timers come from here. */
int64_t schedule_next_due(const struct keyring *ring, const struct policy *policy, int64_t now);

/* The earliest moment >= now at which some unrevoked key is active, or SCHEDULE_NEVER: what
 * status prints as "first key active in 28 s". */
int64_t schedule_first_active(const struct keyring *ring, int64_t now);

#endif
