/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate/rotator.h"

#include <stdlib.h>
#include <string.h>

#include "keyring/schedule.h"
#include "replica/load_pace.h"
#include "rotate/act_apply.h"
#include "rotate/act_queue.h"
#include "rotate/plan.h"
#include "rotate/standing.h"
#include "store/vault.h"

struct rotator {
    struct replica *replica;
    struct store *store;
    const struct sealing *sealing; /* NULL: none */
    const struct clock *clock;
    const struct timers *timers;
    const struct random_source *random;
    char writer[WIRE_LABEL_MAX + 1];

    struct act_queue acts;
    struct timer *look_timer;
    struct timer *act_timer; /* the first act's deadline */
    struct rotator_stats stats;
    struct errbuf problem; /* see rotator_problem() */

    struct store_op op; /* the put under way */
    struct plan putting;
    struct store_version putting_version;
    uint64_t putting_revision;
    int64_t putting_sent; /* replica_now() */
    bool awaits_load;     /* after a conflict or an unclear put: decide on what is there now */

    struct plan_pace pace;
    unsigned int failures;     /* puts failed in a row */
    int64_t not_before;        /* boot clock: no put before, for the last one failed */
    uint64_t revocations;      /* rotator_revoke() so far */
    uint64_t revocations_put;  /* of them, how many a stored ring has */
    uint64_t revocations_sent; /* how many the put under way has */

    /* The last look found nothing to do, on this ring over this record, before `quiet_until`. */
    int64_t quiet_until; /* replica_now(); 0: it found something */
    uint8_t quiet_digest[DIGEST_LEN];
    struct store_version quiet_version;
    uint64_t quiet_policy; /* replica_policy_changes() */
};

static void look(struct rotator *rotator);

static int64_t boot_ms(const struct rotator *rotator)
{
    return clock_boot_ms(rotator->clock);
}

static int64_t sync_interval(const struct rotator *rotator)
{
    return replica_policy(rotator->replica)->sync_interval_ms;
}

static bool is_putting(const struct rotator *rotator)
{
    return rotator->op.kind != STORE_OP_IDLE;
}

/* --- operators' acts --- */

/* Deadlines are as far off for each, so the first act has the first. */
static void arm_act_timer(struct rotator *rotator)
{
    const struct act *first = act_queue_first(&rotator->acts);

    if (first == NULL) {
        timer_disarm(rotator->timers, rotator->act_timer);
        return;
    }
    int64_t wait = first->deadline_ms - boot_ms(rotator);
    timer_arm(rotator->timers, rotator->act_timer, wait > 0 ? wait : 0);
}

static void finish_act(struct rotator *rotator, enum err code, const char *why,
                       const struct change_result *result)
{
    if (is_putting(rotator)) {
        rotator->putting.is_act = false; /* the put goes on without it */
    }
    act_queue_finish(&rotator->acts, code, why, result);
    arm_act_timer(rotator);
}

static void on_act_timer(void *arg)
{
    struct rotator *rotator = arg;

    if (act_queue_first(&rotator->acts) != NULL) {
        finish_act(rotator, ERR_UNAVAILABLE,
                   "the store gave no clear answer within 10 s; it is safe to repeat this", NULL);
    }
}

/* Finishes acts from the front of the queue until one changes `next`, or none is left. */
static void apply_first_act(struct rotator *rotator, struct plan *plan, int64_t now)
{
    const struct act_place place = {
        .policy = replica_policy(rotator->replica),
        .stored = replica_last_stored(rotator->replica),
        .sealing = rotator->sealing,
        .random = rotator->random,
        .now = now,
    };

    for (struct act *act = act_queue_first(&rotator->acts); act != NULL && !plan->is_act;
         act = act_queue_first(&rotator->acts)) {
        struct change_result result = {0};
        struct errbuf why = {""};
        enum err rc = act_apply(act, &place, &plan->next, &result, &why);
        if (rc == ERR_OK && result.changed) {
            plan->is_act = true;
            plan->act = result;
        } else {
            /* A put whose outcome was unclear has happened after all. */
            bool is_ours = rc == ERR_OK && act->was_tried && act->tried.at == result.at;
            struct change_result tried = act->tried;
            finish_act(rotator, rc, why.text, is_ours ? &tried : &result);
        }
    }
}

/* --- what is to be put --- */

static enum err make_plan(struct rotator *rotator, struct plan *plan,
                          const struct plan_moment *moment)
{
    struct keyring held = {0};

    enum err rc = plan_copy_live(&held, replica_ring(rotator->replica), moment->now);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = plan_copy_live(&plan->next, replica_ring(rotator->replica), moment->now);
    if (rc != ERR_OK) {
        goto out;
    }
    apply_first_act(rotator, plan, moment->now);
    plan->is_due = plan->is_act;
    rc =
        plan_write_back(plan, &rotator->pace, &held, replica_last_stored(rotator->replica), moment);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = plan_cover(plan, &rotator->pace, moment);
    plan_count_new_keys(plan, &held);

out:
    keyring_fini(&held);
    return rc;
}

/* --- putting --- */

static void reload(struct rotator *rotator)
{
    rotator->awaits_load = true;
    replica_reload(rotator->replica);
}

static void on_stored(struct rotator *rotator, int64_t store_time_ms)
{
    struct plan *plan = &rotator->putting;
    bool was_act = plan->is_act;

    rotator->stats.puts++;
    rotator->stats.heals += plan->is_heal;
    rotator->stats.keys_created += plan->new_keys;
    rotator->pace.cover_at = 0;
    rotator->pace.tidy_at = 0;
    rotator->failures = 0;
    rotator->problem.text[0] = '\0';
    rotator->revocations_put = rotator->revocations_sent;
    if (plan->is_heal) {
        rotator->pace.heal_at = boot_ms(rotator) + sync_interval(rotator);
    }
    enum err rc =
        replica_accept_stored(rotator->replica, &plan->next, &rotator->putting_version,
                              rotator->putting_revision, rotator->putting_sent, store_time_ms);
    if (rc != ERR_OK) {
        reload(rotator);
    }
    if (was_act) {
        finish_act(rotator, ERR_OK, "", &plan->act);
    }
}

/* A store that answers loads and refuses puts must not be asked again and again. */
static void wait_after_failure(struct rotator *rotator, const char *why)
{
    uint32_t draw = 0;

    (void)!random_fill(rotator->random, (uint8_t *)&draw, sizeof(draw));
    rotator->failures++;
    rotator->not_before =
        boot_ms(rotator) + load_pace_retry(sync_interval(rotator), rotator->failures, draw);
    errbuf_set(&rotator->problem, "the store did not take the record: %.300s", why);
}

static void on_not_stored(struct rotator *rotator, enum err code, const char *why)
{
    struct act *act = act_queue_first(&rotator->acts);

    if (code == ERR_CONFLICT) {
        rotator->stats.conflicts++;
    } else {
        rotator->stats.put_failures++;
        wait_after_failure(rotator, why);
    }
    if (rotator->putting.is_act && act->done == NULL) {
        finish_act(rotator, code, "", NULL); /* nobody waits: not again */
    } else if (rotator->putting.is_act && code != ERR_CONFLICT) {
        act->was_tried = true;
        act->tried = rotator->putting.act;
    }
    reload(rotator);
}

static void on_put(void *ctx, const struct store_result *result)
{
    struct rotator *rotator = ctx;

    if (result->code == ERR_OK) {
        on_stored(rotator, result->store_time_ms);
    } else {
        on_not_stored(rotator, result->code, result->why);
    }
    plan_fini(&rotator->putting);
    rotator->putting = (struct plan){0};
    timer_arm(rotator->timers, rotator->look_timer, 0);
}

/* No memory or no randomness: nothing can be put, whoever asks for it. */
static void fail_to_publish(struct rotator *rotator, enum err rc)
{
    errbuf_set(&rotator->problem, "no new key can be published: %s",
               rc == ERR_NOMEM ? "out of memory, or of memory that may be locked (RLIMIT_MEMLOCK)"
                               : err_text(rc));
    rotator->stats.put_failures++;
    /* Not at once again. */
    timer_arm(rotator->timers, rotator->look_timer, load_pace_every(sync_interval(rotator)));
    /* Those who repeat their act as soon as they hear of it wait for the next look. */
    for (size_t left = rotator->acts.count; left > 0 && rotator->acts.count > 0; left--) {
        finish_act(rotator, rc, rotator->problem.text, NULL);
    }
}

/* Takes the plan's ring. */
static void start_put(struct rotator *rotator, struct plan *plan)
{
    const struct stored_record *stored = replica_last_stored(rotator->replica);
    const int64_t now = replica_now(rotator->replica);
    const struct vault_putting putting = {
        .ring = &rotator->putting.next,
        .expected = stored->present ? &stored->version : NULL,
        .not_after_ms = now + replica_store_offset(rotator->replica) + sync_interval(rotator) / 2,
        .revision = replica_revision(rotator->replica) + 1,
        .policy = replica_policy(rotator->replica),
        .writer = rotator->writer,
        .sealing = rotator->sealing,
    };

    rotator->putting = *plan; /* moves */
    *plan = (struct plan){0};
    rotator->putting_sent = now;
    rotator->revocations_sent = rotator->revocations;
    rotator->putting_revision = putting.revision;
    enum err rc = vault_put(rotator->store, &rotator->op, &putting, rotator->random,
                            &rotator->putting_version);
    if (rc != ERR_OK) {
        plan_fini(&rotator->putting);
        rotator->putting = (struct plan){0};
        fail_to_publish(rotator, rc);
    }
}

/* --- looking --- */

static void note_quiet(struct rotator *rotator, const struct plan *plan,
                       const struct plan_moment *moment)
{
    const struct stored_record *stored = replica_last_stored(rotator->replica);

    rotator->quiet_until = 0;
    if (!plan->is_heal && stored->present && rotator->pace.cover_at == 0 &&
        rotator->pace.tidy_at == 0) {
        rotator->quiet_until = schedule_next_due(&plan->next, moment->policy, moment->now);
        rotator->quiet_version = stored->version;
        rotator->quiet_policy = replica_policy_changes(rotator->replica);
        memcpy(rotator->quiet_digest, replica_digest(rotator->replica), DIGEST_LEN);
    }
}

/* Most loads find nothing new: they need no copies of the ring to be told so. */
static bool is_quiet(const struct rotator *rotator)
{
    const struct stored_record *stored = replica_last_stored(rotator->replica);

    return replica_now(rotator->replica) < rotator->quiet_until && rotator->acts.count == 0 &&
           stored->present && stored->unreadable == ERR_OK && !stored->has_dead_bytes &&
           rotator->quiet_policy == replica_policy_changes(rotator->replica) &&
           memcmp(stored->version.bytes, rotator->quiet_version.bytes, STORE_VERSION_LEN) == 0 &&
           memcmp(replica_digest(rotator->replica), rotator->quiet_digest, DIGEST_LEN) == 0;
}

static void look(struct rotator *rotator)
{
    struct plan plan = {0};
    struct errbuf why = {""};

    if (is_putting(rotator)) {
        return; /* its end looks again */
    }
    enum err rc = standing_check(rotator->replica, &why);
    if (rc != ERR_OK) {
        while (act_queue_first(&rotator->acts) != NULL) {
            finish_act(rotator, rc, why.text, NULL);
        }
        return; /* the next load looks again */
    }
    if (rotator->awaits_load) {
        return;
    }
    if (boot_ms(rotator) < rotator->not_before) {
        timer_arm(rotator->timers, rotator->look_timer, rotator->not_before - boot_ms(rotator));
        return;
    }
    if (rotator->revocations_put != rotator->revocations) {
        rotator->pace.heal_at = 0; /* not at R4's leisure */
    }
    const struct plan_moment moment = {
        .policy = replica_policy(rotator->replica),
        .random = rotator->random,
        .now = replica_now(rotator->replica),
        .boot = boot_ms(rotator),
    };
    rc = make_plan(rotator, &plan, &moment);
    if (rc != ERR_OK) {
        fail_to_publish(rotator, rc);
    } else if (plan.is_due) {
        start_put(rotator, &plan);
    } else {
        rotator->problem.text[0] = '\0';
        note_quiet(rotator, &plan, &moment);
        timer_arm(rotator->timers, rotator->look_timer, plan_wait(&plan, &rotator->pace, &moment));
    }
    plan_fini(&plan);
}

static void on_look_timer(void *arg)
{
    look(arg);
}

static void on_loaded(void *ctx)
{
    struct rotator *rotator = ctx;

    rotator->awaits_load = false;
    if (!is_quiet(rotator)) {
        look(rotator);
    }
}

/* --- life and calls --- */

enum err rotator_new(const struct rotator_options *options, struct rotator **out_rotator)
{
    struct rotator *rotator = calloc(1, sizeof(*rotator));
    const struct replica_events events = {.on_loaded = on_loaded, .ctx = rotator};

    if (rotator == NULL) {
        return ERR_NOMEM;
    }
    rotator->replica = options->replica;
    rotator->store = options->store;
    rotator->sealing = options->sealing;
    rotator->clock = options->clock;
    rotator->timers = options->timers;
    rotator->random = options->random;
    rotator->op.done = on_put;
    rotator->op.ctx = rotator;
    rotator->look_timer = timer_new(options->timers, on_look_timer, rotator);
    rotator->act_timer = timer_new(options->timers, on_act_timer, rotator);
    enum err rc = rotator->look_timer == NULL || rotator->act_timer == NULL ? ERR_NOMEM : ERR_OK;
    if (rc == ERR_OK &&
        text_copy(rotator->writer, sizeof(rotator->writer), options->writer) != ERR_OK) {
        rc = ERR_INVALID;
    }
    if (rc == ERR_OK) {
        rc = replica_listen(options->replica, &events);
    }
    if (rc != ERR_OK) {
        rotator_free(rotator);
        return rc;
    }
    *out_rotator = rotator; /* moves to the caller */
    return ERR_OK;
}

void rotator_free(struct rotator *rotator)
{
    if (rotator == NULL) {
        return;
    }
    while (act_queue_first(&rotator->acts) != NULL) {
        act_queue_finish(&rotator->acts, ERR_CANCELLED,
                         "this daemon stops, or does not serve the realm any more", NULL);
    }
    replica_unlisten(rotator->replica, rotator);
    store_cancel(rotator->store, &rotator->op);
    plan_fini(&rotator->putting);
    timer_free(rotator->timers, rotator->look_timer);
    timer_free(rotator->timers, rotator->act_timer);
    free(rotator);
}

static void submit(struct rotator *rotator, struct act *act)
{
    struct errbuf why = {""};

    act->deadline_ms = boot_ms(rotator) + ROTATOR_ACT_TIMEOUT_MS;
    enum err rc = standing_check(rotator->replica, &why);
    if (rc == ERR_OK && !act_queue_push(&rotator->acts, act)) {
        rc = ERR_LIMIT;
        errbuf_set(&why, "%d operators' acts wait for the store already", ROTATOR_ACTS_MAX);
    }
    if (rc != ERR_OK) {
        act->done(act->ctx, rc, why.text, NULL);
        return;
    }
    arm_act_timer(rotator);
    timer_arm(rotator->timers, rotator->look_timer, 0);
}

void rotator_rotate(struct rotator *rotator, const uint8_t retire[KEY_NAME_LEN],
                    rotator_done_fn done, void *ctx)
{
    struct act act = {.kind = ACT_ROTATE, .done = done, .ctx = ctx};

    memcpy(act.retire, retire, KEY_NAME_LEN);
    submit(rotator, &act);
}

void rotator_rekey(struct rotator *rotator, rotator_done_fn done, void *ctx)
{
    struct act act = {.kind = ACT_REKEY, .done = done, .ctx = ctx};
    struct errbuf why = {""};

    if (rotator->sealing == NULL) {
        done(ctx, ERR_REFUSED,
             "the records of this store are not sealed: there is no key to change", NULL);
    } else if (standing_check(rotator->replica, &why) == ERR_OK &&
               !replica_store_is_reachable(rotator->replica)) {
        done(ctx, ERR_UNAVAILABLE, replica_problem(rotator->replica), NULL);
    } else {
        submit(rotator, &act);
    }
}

void rotator_abandon(struct rotator *rotator, void *ctx)
{
    act_queue_abandon(&rotator->acts, ctx, is_putting(rotator) && rotator->putting.is_act);
    arm_act_timer(rotator);
}

enum err rotator_revoke(struct rotator *rotator, const uint8_t *name, struct revocation *out,
                        struct errbuf *why)
{
    enum err rc = revocation_apply(rotator->replica, name, out, why);

    if (rc == ERR_OK && out->keys > 0) {
        rotator->revocations++;
        timer_arm(rotator->timers, rotator->look_timer, 0);
    }
    return rc;
}

const char *rotator_problem(const struct rotator *rotator)
{
    return rotator->problem.text;
}

const struct rotator_stats *rotator_get_stats(const struct rotator *rotator)
{
    return &rotator->stats;
}
