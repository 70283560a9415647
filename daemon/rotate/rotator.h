/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns time and operators' wishes into puts for one realm. Every decision is a pure function of
 * core/keyring; this file only asks them, puts by compare-and-swap (R6) and looks again.
 *
 *   - Timer-driven, on idle nodes too (R7): schedule_next_due().
 *   - On conflict or an unclear put: reload, merge, decide again.
 *   - Writes the merge back when the store holds less than the replica (R4), at most once per
 *     sync_interval; operators' acts go at once; R9 too, but a moment apart on each daemon while
 *     there is time. So does taking dead bytes and forgotten entries out of the store.
 *   - A revocation is done here before the store has it, and put as soon as it can be.
 *   - After a put that failed, the next one waits: 100 ms, doubling up to sync_interval/4.
 *   - Does nothing while the replica is not ready or suspect (R5, R10), and never overwrites the
 *     record of a newer version of stekd.
 *   - A put that has not reached the store within sync_interval/2 of its decision does not happen
 *     (not_after_ms): R1's lead counts from the decision.
 */
#ifndef STEKD_ROTATE_ROTATOR_H
#define STEKD_ROTATE_ROTATOR_H

#include "base/err.h"
#include "base/random.h"
#include "keyring/change.h"
#include "replica/replica.h"
#include "rotate/revocation.h"

#define ROTATOR_ACTS_MAX       16 /* operators' acts waiting; more are ERR_LIMIT */
#define ROTATOR_ACT_TIMEOUT_MS INT64_C(10000)

struct rotator;

struct rotator_options {
    struct replica *replica;            /* borrowed until rotator_free() */
    struct store *store;                /* likewise */
    const struct sealing *sealing;      /* likewise; NULL: records are not sealed */
    const struct clock *clock;          /* likewise */
    const struct timers *timers;        /* likewise */
    const struct random_source *random; /* likewise; makes keys */
    const char *writer;                 /* this daemon's name in records; copied */
};

struct rotator_stats {
    uint64_t puts; /* accepted by the store */
    uint64_t conflicts;
    uint64_t put_failures; /* refused or unanswered; or there was nothing to put for want of memory
                              or randomness */
    uint64_t heals;        /* R4 write-backs accepted */
    uint64_t keys_created;
};

/* Listens to the replica: make it before replica_start(). ERR_NOMEM, ERR_LIMIT; ERR_INVALID: the
 * writer's name is too long. */
enum err rotator_new(const struct rotator_options *options, struct rotator **out_rotator) MUST_USE;
/* Outstanding acts end with ERR_CANCELLED first. Before replica_free(). NULL allowed. */
void rotator_free(struct rotator *rotator);

/* `result` is NULL unless `code` is ERR_OK. May call anything here but rotator_free(). */
typedef void (*rotator_done_fn)(void *ctx, enum err code, const char *why,
                                const struct change_result *result);

/* Completes exactly once, from the loop or (refusals only) before this returns: ERR_OK once the
 * store has it (or at once when nothing was to be changed), what change_rotate() refuses,
 * ERR_UNAVAILABLE (not ready, or no clear answer of the store within 10 s: repeat it, it names the
 * key), ERR_NOMEM and ERR_CRYPTO (rotator_problem() at that moment), ERR_REFUSED (suspect clock, or
 * a newer stekd wrote the record), ERR_LIMIT (too many acts waiting). */
void rotator_rotate(struct rotator *rotator, const uint8_t retire[KEY_NAME_LEN],
                    rotator_done_fn done, void *ctx);
/* Seals the record anew, under the key-encryption key that comes first now. Completes like
 * rotator_rotate(); result->changed is false if it is sealed under that one already. ERR_REFUSED
 * also: this store's records are not sealed. ERR_UNAVAILABLE, at once: the store does not answer.
 */
void rotator_rekey(struct rotator *rotator, rotator_done_fn done, void *ctx);
/* The caller of rotator_rotate() or rotator_rekey() went away: its `done` will not be called. What
 * was not put yet will not be. */
void rotator_abandon(struct rotator *rotator, void *ctx);

/* Revokes in what this daemon holds, at once (revocation.h has the errors), and sees to it that the
 * store gets it: with the next load that is answered, again until it has it. */
enum err rotator_revoke(struct rotator *rotator, const uint8_t *name, struct revocation *out,
                        struct errbuf *why) MUST_USE;

/* Why no key can be published or put, with what would help; "" while nothing speaks against it.
 * What the replica's problem says is not repeated. */
const char *rotator_problem(const struct rotator *rotator);
const struct rotator_stats *rotator_get_stats(const struct rotator *rotator);

#endif
