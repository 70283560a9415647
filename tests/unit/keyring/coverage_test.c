/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L1 and I6 over random histories: several replicas with unequal clocks, one board that loses
 * writes and comes back from backups, operators who rotate and revoke, restarts. After any of it,
 * one R9 leaves no hole, and no replica ever holds what another would refuse. The same histories
 * are then run under rules that are known to be wrong, each of which must be found out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "keyring/change.h"
#include "keyring/check.h"
#include "keyring/schedule.h"

#define HISTORIES 5000
#define STEPS_MAX 60
#define REPLICAS  3
#define SKEW_MAX  2000 /* R10: more is suspect, and a suspect daemon does nothing */

struct world;
/* R9, or what is tried in its place. */
typedef void cover_fn(struct world *world, size_t r);

struct world {
    cover_fn *cover;
    struct rng rng;
    struct random_source random;
    struct policy policy;
    int64_t now; /* the store's time */
    int64_t skew[REPLICAS];
    struct keyring replica[REPLICAS];
    struct keyring board;
    struct keyring backup;
    struct keyring before; /* what the acting replica held */
    const char *broken;    /* NULL while every law holds */
};

static void hold(struct world *world, bool law_holds, const char *law)
{
    if (!law_holds && world->broken == NULL) {
        world->broken = law;
    }
}

static void must(enum err rc)
{
    assert_int_equal(rc, ERR_OK);
}

static void empty(struct keyring *ring)
{
    while (ring->count > 0) {
        keyring_remove_at(ring, ring->count - 1);
    }
}

static int64_t now_at(const struct world *world, size_t r)
{
    return world->now + world->skew[r];
}

static void check_ring(struct world *world, size_t r)
{
    const struct keyring *ring = &world->replica[r];
    const int64_t lead = policy_lead_ms(&world->policy);
    for (size_t i = 0; i < ring->count; i++) {
        hold(world, key_dates_are_sound(&ring->keys[i]), "dates stay in order");
        hold(world, ring->keys[i].active_from >= ring->keys[i].published_at + lead,
             "R1: active no sooner than a lead after publication");
        hold(world, !ring->keys[i].revoked || !ring->keys[i].has_bytes,
             "a revoked key has no bytes");
    }
}

static void check_coverage(struct world *world, size_t r)
{
    const int64_t now = now_at(world, r);
    const int64_t from = now + policy_lead_ms(&world->policy);
    const int64_t until = now + policy_horizon_ms(&world->policy);
    hold(world, fixture_first_uncovered(&world->replica[r], from, until) == INT64_MAX,
         "L1: no hole from now + lead on");
    hold(world, keyring_pick(&world->replica[r], from) != NULL, "L1: a key at now + lead");
    hold(world, !schedule_needs_cover(&world->replica[r], &world->policy, now),
         "R9 has nothing left to do");
}

static void cover_well(struct world *world, size_t r)
{
    const int64_t now = now_at(world, r);
    must(schedule_cover(&world->replica[r], &world->policy, now, &world->random, NULL, NULL));
}

static void cover(struct world *world, size_t r)
{
    world->cover(world, r);
    check_coverage(world, r);
}

/* R4: load, check as on arrival, merge; then put the merge back. */
static void follow_board(struct world *world, size_t r)
{
    struct keyring *ring = &world->replica[r];
    hold(world, check_arrival(&world->board, now_at(world, r), NULL) == ERR_OK,
         "no sound daemon refuses what another has put");
    hold(world, check_same_birth(ring, &world->board, NULL) == ERR_OK,
         "dates of birth never change");
    must(keyring_merge(ring, &world->board, NULL));
}

static void put_on_board(struct world *world, size_t r)
{
    if (rng_chance(&world->rng, 80)) { /* else the write is lost */
        must(keyring_copy(&world->board, &world->replica[r]));
    }
}

static void rotate(struct world *world, size_t r)
{
    struct keyring *ring = &world->replica[r];
    const int64_t now = now_at(world, r);
    struct change_result result;
    const struct key *picked = keyring_pick(ring, now);
    if (picked == NULL || rng_chance(&world->rng, 10)) {
        if (ring->count == 0) {
            return;
        }
        picked = &ring->keys[rng_below(&world->rng, ring->count)];
    }
    const struct key asked = *picked;
    const enum err rc =
        change_rotate(ring, &world->policy, asked.name, now, &world->random, &result, NULL);
    hold(world, rc == ERR_OK || rc == ERR_REFUSED, "rotate is done or refused");
    if (rc == ERR_OK && result.changed) {
        const struct key *after = keyring_find(ring, asked.name);
        const struct key *encrypts = keyring_pick(ring, result.at);
        hold(world, encrypts != NULL && memcmp(encrypts->name, asked.name, KEY_NAME_LEN) != 0,
             "after rotate another key encrypts");
        hold(world, after->retired_from <= result.at, "after rotate the named key is retired");
        /* The next key may have been published by a daemon whose clock is ahead of ours. */
        hold(world, result.at <= now + policy_lead_ms(&world->policy) + 2 * SKEW_MAX,
             "rotate waits one lead");
        hold(world,
             fixture_first_uncovered(ring, now, result.at + 1) >= now + 1 ||
                 keyring_pick(&world->before, now) == NULL,
             "rotate takes away no active key before its successor begins");
        check_coverage(world, r);
    }
}

static void revoke(struct world *world, size_t r)
{
    struct keyring *ring = &world->replica[r];
    struct change_result result;
    if (ring->count == 0) {
        return;
    }
    const struct key asked = ring->keys[rng_below(&world->rng, ring->count)];
    const bool was_revoked = asked.revoked;
    must(change_revoke(ring, &world->policy, asked.name, now_at(world, r), &world->random, &result,
                       NULL));
    hold(world, result.changed == !was_revoked, "revoke tells its change truly");
    if (result.changed) {
        check_coverage(world, r);
    }
}

static void revoke_all(struct world *world, size_t r)
{
    struct change_result result;
    must(change_revoke_all(&world->replica[r], &world->policy, now_at(world, r), &world->random,
                           &result, NULL));
    hold(world, result.at == now_at(world, r) + policy_lead_ms(&world->policy),
         "after revoke --all the first key waits a lead");
    check_coverage(world, r);
}

/* Rotations differ, the lead does not, so that R1 can be judged by one. */
static void choose_policy(struct world *world)
{
    static const int64_t rotations[] = {5 * MINUTE, 10 * MINUTE, HOUR, 12 * HOUR};
    world->policy = policy_default(rotations[rng_below(&world->rng, 4)]);
    world->policy.ticket_lifetime_ms =
        world->policy.rotate_every_ms * (int64_t)(1 + rng_below(&world->rng, 3));
    world->policy.max_session_age_ms = policy_default_session_age(world->policy.ticket_lifetime_ms);
    world->policy.keys_ahead = 1 + (uint32_t)rng_below(&world->rng, 3);
    assert_int_equal(policy_check(&world->policy, NULL, 0), 0);
}

static void pass_time(struct world *world)
{
    const int64_t spans[] = {1, policy_lead_ms(&world->policy), world->policy.rotate_every_ms,
                             policy_key_life_ms(&world->policy)};
    world->now += (int64_t)rng_below(&world->rng, (uint64_t)spans[rng_below(&world->rng, 4)] + 2);
}

/* Returns whether the replica may hold less than before. */
static bool act(struct world *world, size_t r)
{
    struct keyring *ring = &world->replica[r];
    const uint64_t dice = rng_below(&world->rng, 100);
    if (dice < 20) {
        follow_board(world, r);
        (void)keyring_drop(ring, now_at(world, r));
        put_on_board(world, r);
    } else if (dice < 40) {
        cover(world, r);
        put_on_board(world, r);
    } else if (dice < 60) {
        rotate(world, r);
    } else if (dice < 75) {
        revoke(world, r);
    } else if (dice < 78) {
        revoke_all(world, r);
    } else if (dice < 83) {
        (void)keyring_drop(ring, now_at(world, r));
        (void)keyring_forget(ring, now_at(world, r));
        return true;
    } else if (dice < 88) {
        empty(ring); /* a restart; R5: it acts only once it has loaded */
        follow_board(world, r);
        return true;
    } else if (dice < 92) {
        must(keyring_copy(&world->backup, &world->board));
    } else if (dice < 95) {
        must(keyring_copy(&world->board, &world->backup));
    } else if (dice < 97) {
        empty(&world->board);
    } else {
        must(keyring_merge(ring, &world->replica[rng_below(&world->rng, REPLICAS)], NULL));
    }
    return false;
}

static void one_step(struct world *world)
{
    const size_t r = rng_below(&world->rng, REPLICAS);
    if (rng_chance(&world->rng, 60)) {
        pass_time(world);
    }
    if (rng_chance(&world->rng, 5)) {
        choose_policy(world); /* the operator's; keys keep their birth dates */
    }
    must(keyring_copy(&world->before, &world->replica[r]));
    if (!act(world, r)) {
        hold(world, keyring_covers(&world->replica[r], &world->before),
             "I6: a ring only grows in the merge order");
    }
    (void)keyring_drop(&world->replica[r], now_at(world, r));
    check_ring(world, r);
}

static void one_history(struct world *world)
{
    choose_policy(world);
    world->now = T0;
    empty(&world->board);
    empty(&world->backup);
    for (size_t r = 0; r < REPLICAS; r++) {
        empty(&world->replica[r]);
        world->skew[r] = (int64_t)rng_below(&world->rng, 2 * SKEW_MAX + 1) - SKEW_MAX;
    }
    for (size_t steps = rng_below(&world->rng, STEPS_MAX); steps > 0; steps--) {
        one_step(world);
    }
    /* Everybody meets again. */
    for (size_t r = 1; r < REPLICAS; r++) {
        must(keyring_merge(&world->replica[0], &world->replica[r], NULL));
    }
    must(keyring_merge(&world->replica[0], &world->board, NULL));
    (void)keyring_drop(&world->replica[0], now_at(world, 0));
    (void)keyring_forget(&world->replica[0], now_at(world, 0));
    cover(world, 0);
    check_ring(world, 0);
}

/* NULL, or the first law that a history breaks; `*out_seed` is then its seed. */
static const char *law_broken_within(cover_fn *rule, uint64_t histories, uint64_t *out_seed)
{
    struct world world = {.cover = rule};
    struct keyring *const rings[] = {&world.replica[0], &world.replica[1], &world.replica[2],
                                     &world.board,      &world.backup,     &world.before};
    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        *rings[i] = fixture_ring();
    }
    world.random = fixture_random(&world.rng);
    for (uint64_t seed = 0; seed < histories && world.broken == NULL; seed++) {
        world.rng.state = seed;
        one_history(&world);
        *out_seed = seed;
    }
    for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
        keyring_fini(rings[i]);
    }
    return world.broken;
}

static void whatever_happens_one_cover_leaves_no_hole(void **unused)
{
    uint64_t seed = 0;
    (void)unused;
    const char *law = law_broken_within(cover_well, FIXTURE_HISTORIES(HISTORIES), &seed);
    if (law != NULL) {
        fail_msg("seed %llu: not true that %s", (unsigned long long)seed, law);
    }
}

/* --- rules that are wrong -------------------------------------------------------------------- */

static void publish_at(struct world *world, size_t r, int64_t active_from)
{
    struct key key;
    must(schedule_birth(&world->replica[r], &world->policy, now_at(world, r), active_from,
                        &world->random, &key));
    must(keyring_add(&world->replica[r], &key));
}

/* The rule this project began with: enough keys ahead, wherever they lie. */
static void count_keys_ahead(struct world *world, size_t r)
{
    struct keyring *ring = &world->replica[r];
    const int64_t now = now_at(world, r);
    int64_t end = now + policy_lead_ms(&world->policy);
    uint32_t ahead = 0;
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        const bool is_of_use = !key->revoked && key->has_bytes;
        ahead += is_of_use && key->active_from > now;
        end = is_of_use && key->retired_from > end ? key->retired_from : end;
    }
    for (; ahead < world->policy.keys_ahead; ahead++) {
        publish_at(world, r, end);
        end += world->policy.rotate_every_ms;
    }
}

/* Without R1 for the first key: "nobody can hold an older one". */
static void begin_at_once(struct world *world, size_t r)
{
    if (world->replica[r].count == 0) {
        publish_at(world, r, now_at(world, r));
    }
    cover_well(world, r);
}

/* Fills the first hole and leaves the others. */
static void fill_one_hole(struct world *world, size_t r)
{
    const int64_t lead = policy_lead_ms(&world->policy);
    if (schedule_needs_cover(&world->replica[r], &world->policy, now_at(world, r))) {
        publish_at(world, r, schedule_first_hole(&world->replica[r], now_at(world, r) + lead));
    }
}

static void nothing_is_published(struct world *world, size_t r)
{
    (void)world;
    (void)r;
}

static void every_wrong_rule_is_found_out(void **unused)
{
    static const struct {
        const char *what;
        cover_fn *rule;
        const char *law; /* how the sentence begins that must be said of it */
    } wrong[] = {
        {"a count of keys", count_keys_ahead, "L1"},
        {"a first key without its lead", begin_at_once, "R1"},
        {"one hole filled of several", fill_one_hole, "L1"},
        {"no rule", nothing_is_published, "L1"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t seed = 0;
        const char *law = law_broken_within(wrong[i].rule, 500, &seed);
        if (law == NULL || strncmp(law, wrong[i].law, strlen(wrong[i].law)) != 0) {
            fail_msg("%s: seed %llu says \"%s\"", wrong[i].what, (unsigned long long)seed,
                     law == NULL ? "nothing" : law);
        }
    }
}

/* A quiet fleet of one: woken only by schedule_next_due(), it has a key at every moment. */
static void a_realm_left_alone_always_has_a_key(void **unused)
{
    struct rng rng = {11};
    const struct random_source random = fixture_random(&rng);
    (void)unused;
    for (uint32_t ahead = 1; ahead <= 8; ahead++) {
        struct policy policy = policy_default(HOUR);
        struct keyring ring = fixture_ring();
        policy.keys_ahead = ahead;
        const int64_t lead = policy_lead_ms(&policy);
        for (int64_t now = T0; now < T0 + 10 * DAY; now = schedule_next_due(&ring, &policy, now)) {
            must(schedule_cover(&ring, &policy, now, &random, NULL, NULL));
            (void)keyring_drop(&ring, now);
            (void)keyring_forget(&ring, now);
            assert_true(now < T0 + lead || keyring_pick(&ring, now) != NULL);
            assert_true(ring.count <= policy_ring_size(&policy));
            assert_int_equal(check_arrival(&ring, now, NULL), ERR_OK);
        }
        keyring_fini(&ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_one_cover_leaves_no_hole),
        cmocka_unit_test(every_wrong_rule_is_found_out),
        cmocka_unit_test(a_realm_left_alone_always_has_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
