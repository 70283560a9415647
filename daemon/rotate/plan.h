/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the record should hold next, and whether that is worth a put now. Decides when, never what:
 * what is due is the business of core/keyring.
 */
#ifndef STEKD_ROTATE_PLAN_H
#define STEKD_ROTATE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "keyring/change.h"
#include "keyring/policy.h"
#include "replica/stored_record.h"

#define PLAN_LOOK_MIN_MS INT64_C(20)      /* never look again sooner */
#define PLAN_LOOK_MAX_MS INT64_C(3600000) /* clocks are set: never later either */

struct plan {
    struct keyring next; /* owned */
    bool is_act;         /* carries an operator's act */
    struct change_result act;
    bool is_heal; /* R4: the store holds less than we do */
    bool is_due;  /* put it now */
    uint64_t new_keys;
};

/* Boot times before which nothing of the kind is put; 0: nothing of the kind is wanted. Daemons see
 * the same ring and so the same work at the same instant: each waits a moment of its own, so that
 * mostly one does it. */
struct plan_pace {
    int64_t cover_at;
    int64_t tidy_at;
    int64_t heal_at; /* R4 at most once per sync_interval */
};

struct plan_moment {
    const struct policy *policy;
    const struct random_source *random;
    int64_t now;
    int64_t boot;
};

void plan_fini(struct plan *plan);

/* What a daemon holds, without what has had its time. `out` starts as {0}. ERR_NOMEM. */
enum err plan_copy_live(struct keyring *out, const struct keyring *ring, int64_t now) MUST_USE;
/* Those of plan->next that are not in `held`. */
void plan_count_new_keys(struct plan *plan, const struct keyring *held);

/* R4, and what has had its time and should leave the store. `held`: what this daemon holds, tidied,
 * without the plan's changes. ERR_NOMEM. */
enum err plan_write_back(struct plan *plan, struct plan_pace *pace, const struct keyring *held,
                         const struct stored_record *stored,
                         const struct plan_moment *moment) MUST_USE;
/* R9: extends `next`, unless there is time to leave it to another daemon for a moment. */
enum err plan_cover(struct plan *plan, struct plan_pace *pace,
                    const struct plan_moment *moment) MUST_USE;
/* How long to wait when nothing is put now. */
int64_t plan_wait(const struct plan *plan, const struct plan_pace *pace,
                  const struct plan_moment *moment);

#endif
