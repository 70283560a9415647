/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One realm as this daemon knows it: follows the store by hint and by timer, and holds the merge
 * of everything it has seen (R3, R4). Runs on one loop; not thread safe.
 *
 *   - Loads every sync_interval/4, at once after a hint or a conflict, with back-off and jitter
 *     while the store fails.
 *   - What it loads is checked (check_arrival, check_same_birth); one bad key refuses the record,
 *     what is held stays, the problem is shown in status (R8).
 *   - Not ready until it has loaded the record, or its absence, once (R5); then ready for good,
 *     through any store outage.
 *   - Bytes of dropped and revoked keys are wiped by timer, idle or not (R7).
 *   - The ring is changed by merging only. The rotator gives back what a put has stored through
 *     replica_accept_stored(), so its own change comes round like anybody's. A revocation alone
 *     does not wait for the store: replica_accept_revocation().
 *   - `now` never decreases (R10). A clock more than 2 s from the store's, or a wall clock that
 *     jumps against the boot clock, makes the daemon suspect: it serves what it holds and says so,
 *     and the rotator does nothing.
 */
#ifndef STEKD_REPLICA_REPLICA_H
#define STEKD_REPLICA_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "host/timers.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"
#include "replica/stored_record.h"
#include "store/sealing.h"
#include "store/store.h"

struct replica;

struct replica_options {
    const char *realm; /* copied */
    struct policy policy;
    struct store *store;                /* borrowed until replica_free() */
    const struct sealing *sealing;      /* likewise; NULL: records are not sealed */
    const struct clock *clock;          /* borrowed, likewise */
    const struct timers *timers;        /* borrowed, likewise */
    const struct random_source *random; /* borrowed; jitter only */
};

/* Called from the loop, or from replica_set_policy() or one of the replica_accept_...() (on_changed
 * only). A listener may call anything here but replica_free() and replica_unlisten(). */
struct replica_events {
    /* The ring, readiness or whether the clock is suspect changed: watchers want to know. */
    void (*on_changed)(void *ctx);
    /* The store has answered a load, with a readable record or not: the rotator looks whether
     * something is due. Not called for a load that a put of ours has overtaken. */
    void (*on_loaded)(void *ctx);
    void *ctx;
};

/* ERR_NOMEM; ERR_INVALID for a bad realm name. */
enum err replica_new(const struct replica_options *options, struct replica **out_replica) MUST_USE;
/* Several listeners (hub, rotator). Before replica_start(). ERR_LIMIT: too many. */
enum err replica_listen(struct replica *replica, const struct replica_events *events) MUST_USE;
/* The listener with this `ctx` hears nothing more. */
void replica_unlisten(struct replica *replica, const void *ctx);
void replica_start(struct replica *replica);
/* Wipes. Calls nothing back. NULL allowed. */
void replica_free(struct replica *replica);

const char *replica_realm(const struct replica *replica);
const struct policy *replica_policy(const struct replica *replica);
/* Another policy from now on. Keys keep the dates they were born with; listeners are told at once,
 * and the store is looked at, so that what is due by the new policy is done. */
void replica_set_policy(struct replica *replica, const struct policy *policy);
/* How often it was set: who has heard of one policy can tell that there is another. */
uint64_t replica_policy_changes(const struct replica *replica);
bool replica_is_ready(const struct replica *replica);
bool replica_is_suspect(const struct replica *replica);
/* The daemon's time for this realm, never decreasing. */
int64_t replica_now(struct replica *replica);
/* When the store was last read well, by replica_now(); 0: never. */
int64_t replica_as_of(const struct replica *replica);
uint64_t replica_revision(const struct replica *replica);
/* Borrowed until the next loop turn. */
const struct keyring *replica_ring(const struct replica *replica);
const uint8_t *replica_digest(const struct replica *replica); /* DIGEST_LEN bytes */
/* What is wrong, one sentence; "" when all is well. */
const char *replica_problem(const struct replica *replica);
/* Whether the record in the store was put under another policy than ours. */
bool replica_policy_differs(const struct replica *replica);
/* Whether the store answered the last load. */
bool replica_store_is_reachable(const struct replica *replica);

/* For the rotator. Borrowed until the next loop turn. */
const struct stored_record *replica_last_stored(const struct replica *replica);
/* How far the store's clock was ahead of replica_now() at its last answer. */
int64_t replica_store_offset(const struct replica *replica);

/* The rotator's put was accepted: `ring` is what the store holds now under `version`. Merged,
 * as_of moves to `as_of_ms` (when the put was sent). On failure (ERR_NOMEM, ERR_CRYPTO) reload:
 * the store has it all the same. */
enum err replica_accept_stored(struct replica *replica, const struct keyring *ring,
                               const struct store_version *version, uint64_t revision,
                               int64_t as_of_ms, int64_t store_time_ms) MUST_USE;

/* An operator's revocation: `ring` is what is held with some keys revoked and perhaps one promoted.
 * Merged, and its bytes wiped, whether or not the store is there: it is monotone. Untouched on
 * failure (ERR_NOMEM, ERR_CRYPTO). */
enum err replica_accept_revocation(struct replica *replica, const struct keyring *ring) MUST_USE;
/* How many changes so far revoked something that was not known as revoked before. */
uint64_t replica_revocations(const struct replica *replica);

/* Load at once (a conflict, an unclear put). A load that is under way was sent too early to tell:
 * on_loaded comes from one sent after this call. */
void replica_reload(struct replica *replica);

#endif
