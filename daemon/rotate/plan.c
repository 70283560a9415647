/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate/plan.h"

#include "base/clock.h"
#include "keyring/schedule.h"

void plan_fini(struct plan *plan)
{
    keyring_fini(&plan->next);
}

enum err plan_copy_live(struct keyring *out, const struct keyring *ring, int64_t now)
{
    enum err rc = keyring_init(out, ring->realm);

    if (rc == ERR_OK) {
        rc = keyring_copy(out, ring);
    }
    if (rc == ERR_OK) {
        (void)keyring_drop(out, now);
        (void)keyring_forget(out, now);
    }
    return rc;
}

void plan_count_new_keys(struct plan *plan, const struct keyring *held)
{
    plan->new_keys = 0;
    for (size_t i = 0; i < plan->next.count; i++) {
        plan->new_keys += keyring_find(held, plan->next.keys[i].name) == NULL ? 1 : 0;
    }
}

static bool is_turn_come(int64_t *at, const struct plan_moment *moment)
{
    int64_t most = moment->policy->sync_interval_ms / 4;
    uint32_t draw = 0;

    if (*at == 0) {
        (void)!random_fill(moment->random, (uint8_t *)&draw, sizeof(draw));
        *at = moment->boot + (int64_t)draw % (most + 1);
    }
    return moment->boot >= *at;
}

enum err plan_write_back(struct plan *plan, struct plan_pace *pace, const struct keyring *held,
                         const struct stored_record *stored, const struct plan_moment *moment)
{
    struct keyring live = {0};

    enum err rc = keyring_init(&live, held->realm);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = keyring_copy(&live, &stored->ring);
    if (rc != ERR_OK) {
        goto out;
    }
    size_t dead = keyring_drop(&live, moment->now) + keyring_forget(&live, moment->now);
    plan->is_heal = stored->unreadable != ERR_OK || !keyring_covers(&live, held);
    if (plan->is_heal && moment->boot >= pace->heal_at) {
        plan->is_due = true;
    }
    if (dead == 0 && !stored->has_dead_bytes) {
        pace->tidy_at = 0;
    } else if (is_turn_come(&pace->tidy_at, moment)) {
        plan->is_due = true;
    }

out:
    keyring_fini(&live);
    return rc;
}

enum err plan_cover(struct plan *plan, struct plan_pace *pace, const struct plan_moment *moment)
{
    int64_t from = clock_add_ms(moment->now, policy_lead_ms(moment->policy));
    /* Less than a sync_interval to spare: nobody is waited for. */
    bool is_urgent = schedule_first_hole(&plan->next, from) <
                     clock_add_ms(from, moment->policy->sync_interval_ms);

    if (!schedule_needs_cover(&plan->next, moment->policy, moment->now)) {
        pace->cover_at = 0;
        return ERR_OK;
    }
    if (!is_urgent && !plan->is_due && !is_turn_come(&pace->cover_at, moment)) {
        return ERR_OK;
    }
    plan->is_due = true;
    return schedule_cover(&plan->next, moment->policy, moment->now, moment->random, NULL, NULL);
}

static int64_t sooner(int64_t wait, int64_t boot_at, const struct plan_moment *moment)
{
    int64_t other = boot_at - moment->boot;

    return boot_at != 0 && other < wait ? other : wait;
}

int64_t plan_wait(const struct plan *plan, const struct plan_pace *pace,
                  const struct plan_moment *moment)
{
    int64_t wait = PLAN_LOOK_MAX_MS;

    if (pace->cover_at == 0) {
        int64_t due = schedule_next_due(&plan->next, moment->policy, moment->now);
        wait = due - moment->now < wait ? due - moment->now : wait;
    }
    wait = sooner(wait, pace->cover_at, moment);
    wait = sooner(wait, pace->tidy_at, moment);
    wait = sooner(wait, plan->is_heal ? pace->heal_at : 0, moment);
    return wait > PLAN_LOOK_MIN_MS ? wait : PLAN_LOOK_MIN_MS;
}
