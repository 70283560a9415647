/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to one realm, as log lines: each change once, when this daemon sees it.
 *
 *   realm-ready, key-published, key-promoted, key-shortened, key-encrypts, no-key-encrypts,
 *   key-revoked, key-dropped; clock-suspect, clock-sound; store-unreachable, store-reachable;
 *   realm-problem, realm-problem-over
 *
 * Looks when the replica tells of a change, at each date of a key, and as often as the replica
 * loads, since it tells nobody that the store is gone. Of clock, store and problem, each, at most
 * one line a second; a problem that differs in its numbers only is the same problem. One realm.
 */
#ifndef STEKD_APP_APP_JOURNAL_H
#define STEKD_APP_APP_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "host/timers.h"
#include "ops/log.h"
#include "replica/replica.h"
#include "rotate/rotator.h"

#define APP_JOURNAL_GAP_MS INT64_C(1000) /* between two lines of one kind of trouble */

struct app_journal;

struct app_journal_options {
    struct replica *replica;       /* borrowed until app_journal_free() */
    const struct rotator *rotator; /* likewise; NULL: this daemon only reads */
    const struct clock *clock;     /* likewise */
    const struct timers *timers;   /* likewise */
    struct log *log;               /* likewise */
};

/* Before replica_start(). ERR_NOMEM; ERR_LIMIT: the replica has no place for a listener. */
enum err app_journal_new(const struct app_journal_options *options,
                         struct app_journal **out_journal) MUST_USE;
/* NULL allowed. */
void app_journal_free(struct app_journal *journal);

/* Times one encrypting key was seen to follow another. */
uint64_t app_journal_rotations(const struct app_journal *journal);

/* Whether two sentences are the same but for their digits. */
bool app_journal_is_same_problem(const char *a, const char *b);

#endif
