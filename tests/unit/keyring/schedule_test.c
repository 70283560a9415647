/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "fixture.h"
#include "keyring/check.h"

static struct policy policy;
static const int64_t lead = 30 * SECOND;

static int set_up(void **unused)
{
    (void)unused;
    policy = policy_default(12 * HOUR);
    return 0;
}

static bool cover(struct keyring *ring, int64_t now, uint64_t seed)
{
    struct rng rng = {seed};
    const struct random_source random = fixture_random(&rng);
    struct errbuf why = {""};
    bool changed = false;
    assert_int_equal(schedule_cover(ring, &policy, now, &random, &changed, &why), ERR_OK);
    assert_false(schedule_needs_cover(ring, &policy, now));
    return changed;
}

static void the_first_hole_is_found_across_adjoining_and_overlapping_keys(void **unused)
{
    struct keyring ring = fixture_ring();
    const struct key first = fixture_key(1, &policy, T0, T0 + HOUR);
    const struct key adjoining = fixture_key(2, &policy, T0, T0 + 13 * HOUR);
    const struct key overlapping = fixture_key(3, &policy, T0, T0 + 20 * HOUR);
    const struct key apart = fixture_key(4, &policy, T0, T0 + 32 * HOUR + 1);
    (void)unused;
    assert_true(schedule_first_hole(&ring, T0) == T0);
    fixture_add(&ring, &apart);
    fixture_add(&ring, &overlapping);
    fixture_add(&ring, &adjoining);
    fixture_add(&ring, &first);
    assert_true(schedule_first_hole(&ring, T0 + HOUR - 1) == T0 + HOUR - 1);
    assert_true(schedule_first_hole(&ring, T0 + HOUR) == T0 + 32 * HOUR);
    assert_true(schedule_first_hole(&ring, T0 + 32 * HOUR) == T0 + 32 * HOUR);
    assert_true(schedule_first_hole(&ring, T0 + 32 * HOUR + 1) == T0 + 44 * HOUR + 1);
    keyring_find(&ring, adjoining.name)->revoked = true;
    assert_true(schedule_first_hole(&ring, T0 + HOUR) == T0 + 13 * HOUR);
    key_wipe(keyring_find(&ring, first.name));
    assert_true(schedule_first_hole(&ring, T0 + HOUR) == T0 + HOUR);
    keyring_fini(&ring);
}

static void a_new_key_has_the_dates_of_the_design(void **unused)
{
    struct keyring ring = fixture_ring();
    struct rng rng = {1};
    const struct random_source random = fixture_random(&rng);
    struct key *key = secret_alloc(sizeof(*key));
    (void)unused;
    assert_non_null(key);
    assert_int_equal(schedule_birth(&ring, &policy, T0, T0 + lead, &random, key), ERR_OK);
    assert_true(key->published_at == T0);
    assert_true(key->active_from == T0 + lead);
    assert_true(key->retired_from == T0 + lead + 12 * HOUR);
    assert_true(key->dropped_from == T0 + lead + 24 * HOUR + lead);
    assert_true(key->forgotten_from == key->dropped_from);
    assert_int_equal(check_key(key, "web", NULL), ERR_OK);
    secret_free(key);
    keyring_fini(&ring);
}

static void a_first_key_waits_a_lead_like_every_other(void **unused)
{
    struct keyring ring = fixture_ring();
    (void)unused;
    assert_true(schedule_first_active(&ring, T0) == SCHEDULE_NEVER);
    assert_true(cover(&ring, T0, 1));
    assert_int_equal(ring.count, 1);
    assert_true(ring.keys[0].active_from == T0 + lead);
    assert_true(schedule_first_active(&ring, T0) == T0 + lead);
    assert_true(schedule_first_active(&ring, T0 + lead + 1) == T0 + lead + 1);
    assert_false(cover(&ring, T0, 2));
    keyring_fini(&ring);
}

/* R9's "while h < now + lead + keys_ahead * rotate_every", at -1, 0, +1 ms. */
static void cover_begins_in_the_very_millisecond_in_which_a_hole_comes_near(void **unused)
{
    (void)unused;
    for (int64_t early = -1; early <= 1; early++) {
        struct keyring ring = fixture_ring();
        struct key key = fixture_key(1, &policy, T0 - HOUR, T0);
        key.retired_from += MINUTE; /* active a lead before its end comes near, too */
        const int64_t now = key.retired_from - policy_horizon_ms(&policy) + early;
        fixture_add(&ring, &key);
        assert_int_equal(schedule_needs_cover(&ring, &policy, now), early == 1);
        assert_int_equal(cover(&ring, now, 1), early == 1);
        if (early == 1) {
            assert_int_equal(ring.count, 2);
            const struct key *born = &ring.keys[memcmp(ring.keys[0].name, key.name, 16) == 0];
            assert_true(born->active_from == key.retired_from);
            assert_true(born->published_at == now);
        }
        keyring_fini(&ring);
    }
}

/* R9's "if a published key ... was published by h - lead", at -1, 0, +1 ms. */
static void a_key_moves_to_the_hole_only_if_it_was_published_a_lead_before(void **unused)
{
    (void)unused;
    for (int64_t late = -1; late <= 1; late++) {
        struct keyring ring = fixture_ring();
        const struct key key = fixture_key(1, &policy, T0 + late, T0 + HOUR);
        fixture_add(&ring, &key);
        assert_true(cover(&ring, T0, 1));
        const struct key *moved = keyring_find(&ring, key.name);
        if (late <= 0) {
            assert_true(moved->active_from == T0 + lead);
            assert_true(moved->retired_from == T0 + lead + 12 * HOUR);
        } else {
            assert_true(moved->active_from == T0 + HOUR);
            assert_int_equal(ring.count, 2);
        }
        keyring_fini(&ring);
    }
}

static void the_earliest_key_moves_first_and_the_others_close_up(void **unused)
{
    struct keyring ring = fixture_ring();
    const struct key second = fixture_key(1, &policy, T0 - DAY, T0 + 20 * HOUR);
    const struct key first = fixture_key(2, &policy, T0 - DAY, T0 + 10 * HOUR);
    (void)unused;
    policy.keys_ahead = 2;
    fixture_add(&ring, &second);
    fixture_add(&ring, &first);
    assert_true(cover(&ring, T0, 1));
    assert_int_equal(ring.count, 2);
    assert_true(keyring_find(&ring, first.name)->active_from == T0 + lead);
    assert_true(keyring_find(&ring, second.name)->active_from == T0 + lead + 12 * HOUR);
    policy.keys_ahead = 1;
    keyring_fini(&ring);
}

static void a_key_born_under_another_rotation_keeps_its_length_and_the_rest_is_filled(void **unused)
{
    static const int64_t lengths[] = {MINUTE, 5 * HOUR, 30 * HOUR};
    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        struct keyring ring = fixture_ring();
        struct key key = fixture_key(1, &policy, T0 - DAY, T0 + 10 * HOUR);
        key.retired_from = key.active_from + lengths[i];
        key.dropped_from = key.retired_from + HOUR;
        key.forgotten_from = key.dropped_from;
        fixture_add(&ring, &key);
        assert_true(cover(&ring, T0, 1));
        assert_true(keyring_find(&ring, key.name)->active_from == T0 + lead);
        assert_true(keyring_find(&ring, key.name)->retired_from == T0 + lead + lengths[i]);
        assert_int_equal(ring.count, lengths[i] < 12 * HOUR ? 2 : 1);
        assert_true(fixture_first_uncovered(&ring, T0 + lead, T0 + policy_horizon_ms(&policy)) ==
                    INT64_MAX);
        keyring_fini(&ring);
    }
}

static void revoked_and_wiped_keys_neither_cover_nor_move(void **unused)
{
    struct keyring ring = fixture_ring();
    struct key revoked = fixture_key(1, &policy, T0 - DAY, T0);
    struct key wiped = fixture_key(2, &policy, T0 - DAY, T0 + HOUR);
    (void)unused;
    revoked.revoked = true;
    key_wipe(&wiped);
    fixture_add(&ring, &revoked);
    fixture_add(&ring, &wiped);
    assert_true(cover(&ring, T0, 1));
    assert_int_equal(ring.count, 3);
    assert_true(keyring_find(&ring, wiped.name)->active_from == T0 + HOUR);
    assert_true(schedule_first_active(&ring, T0) == T0 + lead);
    keyring_fini(&ring);
}

/* DESIGN section 11: with a count ("one key ahead is enough") 76 of 99 h had no key. */
static void a_far_future_key_of_a_daemon_ten_years_fast_satisfies_nothing(void **unused)
{
    struct keyring ring = fixture_ring();
    const struct key far = fixture_key(1, &policy, T0, T0 + 3650 * DAY);
    (void)unused;
    fixture_add(&ring, &far);
    for (int64_t now = T0; now < T0 + 99 * HOUR; now += 10 * MINUTE) {
        (void)cover(&ring, now, (uint64_t)now);
        (void)keyring_drop(&ring, now);
        (void)keyring_forget(&ring, now);
        assert_true(fixture_first_uncovered(&ring, now + lead, now + policy_horizon_ms(&policy)) ==
                    INT64_MAX);
    }
    /* It came into use in its turn, instead of waiting ten years. */
    assert_true(keyring_find(&ring, far.name) != NULL);
    assert_true(keyring_find(&ring, far.name)->active_from < T0 + DAY);
    keyring_fini(&ring);
}

static void broken_randomness_publishes_nothing_and_changes_nothing(void **unused)
{
    uint8_t value = 0;
    const struct random_source sources[] = {fixture_broken_random(),
                                            fixture_constant_random(&value)};
    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        struct keyring ring = fixture_ring();
        const struct key key = fixture_key(1, &policy, T0 - DAY, T0 + 10 * HOUR);
        struct errbuf why = {""};
        bool changed = true;
        fixture_add(&ring, &key);
        policy.keys_ahead = 3; /* the first hole is closed by a move, the next needs a birth */
        assert_int_equal(schedule_cover(&ring, &policy, T0, &sources[i], &changed, &why),
                         i == 0 ? ERR_IO : ERR_CRYPTO);
        policy.keys_ahead = 1;
        assert_true(strlen(why.text) > 0);
        assert_true(changed);
        assert_int_equal(ring.count, 1);
        assert_true(ring.keys[0].active_from == T0 + 10 * HOUR);
        keyring_fini(&ring);
    }
}

/* One key alone: where a second one is wanted, the repetition would tell. */
static void a_key_of_one_repeated_byte_is_never_born(void **unused)
{
    static const uint8_t values[] = {0x00, 0x01, 0xff};
    struct keyring ring = fixture_ring();
    (void)unused;
    for (size_t i = 0; i < sizeof(values); i++) {
        uint8_t value = values[i];
        const struct random_source random = fixture_constant_random(&value);
        struct key key;
        assert_int_equal(schedule_birth(&ring, &policy, T0, T0 + lead, &random, &key), ERR_CRYPTO);
        assert_false(key.has_bytes);
        assert_int_equal(key.published_at, 0);
    }
    keyring_fini(&ring);
}

struct repeating {
    uint64_t seed;
    unsigned fills;
};

/* The same 32 bytes for ever. */
static enum err fill_repeating(void *ctx, uint8_t *out, size_t len)
{
    struct repeating *repeating = ctx;
    struct rng rng = {repeating->seed};
    repeating->fills++;
    return fixture_random(&rng).fill(&rng, out, len);
}

static void a_source_that_repeats_itself_is_found_out(void **unused)
{
    struct repeating repeating = {.seed = 5};
    const struct random_source random = {.fill = fill_repeating, .ctx = &repeating};
    struct keyring ring = fixture_ring();
    (void)unused;
    policy.keys_ahead = 2; /* wants two keys */
    assert_int_equal(schedule_cover(&ring, &policy, T0, &random, NULL, NULL), ERR_CRYPTO);
    policy.keys_ahead = 1;
    assert_int_equal(ring.count, 0);
    assert_true(repeating.fills < 10);
    keyring_fini(&ring);
}

static void the_first_byte_of_a_name_is_unique_as_long_as_one_is_free(void **unused)
{
    struct keyring ring = fixture_ring();
    struct rng rng = {3};
    const struct random_source random = fixture_random(&rng);
    struct key *key = secret_alloc(sizeof(*key));
    bool taken[256] = {false};
    (void)unused;
    assert_non_null(key);
    for (size_t i = 0; i < 256; i++) {
        assert_int_equal(schedule_birth(&ring, &policy, T0, T0 + lead, &random, key), ERR_OK);
        assert_false(taken[key->name[0]]);
        taken[key->name[0]] = true;
        fixture_add(&ring, key);
    }
    assert_int_equal(schedule_birth(&ring, &policy, T0, T0 + lead, &random, key), ERR_OK);
    secret_free(key);
    keyring_fini(&ring);
}

static void a_full_ring_publishes_nothing_that_everybody_would_refuse(void **unused)
{
    struct keyring ring = fixture_ring();
    struct rng rng = {3};
    const struct random_source random = fixture_random(&rng);
    struct errbuf why = {""};
    (void)unused;
    for (uint64_t seed = 0; seed < CHECK_ENTRIES_MAX; seed++) {
        struct key key = fixture_key(seed, &policy, T0 - DAY, T0 - HOUR);
        key.revoked = true;
        key_wipe(&key);
        fixture_add(&ring, &key);
    }
    assert_int_equal(schedule_cover(&ring, &policy, T0, &random, NULL, &why), ERR_LIMIT);
    keyring_remove_at(&ring, 0);
    assert_int_equal(schedule_cover(&ring, &policy, T0, &random, NULL, &why), ERR_OK);
    assert_int_equal(check_arrival(&ring, T0, &why), ERR_OK);
    keyring_fini(&ring);
}

static void a_clock_at_the_end_of_time_is_refused_not_overflowed(void **unused)
{
    static const int64_t nows[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX - 60000, INT64_MIN};
    struct rng rng = {3};
    const struct random_source random = fixture_random(&rng);
    (void)unused;
    for (size_t i = 0; i < sizeof(nows) / sizeof(nows[0]); i++) {
        struct keyring ring = fixture_ring();
        const enum err rc = schedule_cover(&ring, &policy, nows[i], &random, NULL, NULL);
        assert_true(rc == ERR_OK || rc == ERR_INVALID);
        for (size_t k = 0; k < ring.count; k++) {
            assert_true(key_dates_are_sound(&ring.keys[k]));
        }
        (void)schedule_next_due(&ring, &policy, nows[i]);
        keyring_fini(&ring);
    }
}

/* R7: waking only when told to must do exactly what looking every second does. */
static void next_due_is_the_first_moment_at_which_anything_is_to_be_done(void **unused)
{
    struct keyring ring = fixture_ring();
    struct key tombstone = fixture_key(1, &policy, T0 - DAY, T0 - DAY + lead);
    int64_t now = T0;
    size_t wakes = 0;
    (void)unused;
    tombstone.revoked = true;
    key_wipe(&tombstone);
    fixture_add(&ring, &tombstone);
    assert_true(schedule_next_due(&ring, &policy, now) == now + 1);
    while (now < T0 + 5 * DAY) {
        const size_t done = (size_t)cover(&ring, now, (uint64_t)now) + keyring_drop(&ring, now) +
                            keyring_forget(&ring, now);
        assert_true(wakes == 0 || done > 0);
        const int64_t due = schedule_next_due(&ring, &policy, now);
        assert_true(due > now);
        /* Nothing would be done a millisecond before. */
        assert_false(schedule_needs_cover(&ring, &policy, due - 1));
        for (size_t i = 0; i < ring.count; i++) {
            assert_true(due - 1 < ring.keys[i].forgotten_from);
            assert_false(ring.keys[i].has_bytes && !key_decrypts_at(&ring.keys[i], due - 1));
        }
        now = due;
        wakes++;
    }
    assert_true(wakes > 15 && wakes < 60);
    keyring_fini(&ring);
}

static void what_is_overdue_is_due_at_once(void **unused)
{
    struct keyring ring = fixture_ring();
    struct key key = fixture_key(1, &policy, T0, T0 + lead);
    (void)unused;
    key.revoked = true;
    fixture_add(&ring, &key);
    assert_true(cover(&ring, T0, 9));
    assert_true(cover(&ring, T0 + 1, 10)); /* the one after it */
    assert_true(schedule_next_due(&ring, &policy, T0 + 1) == T0 + 2);
    assert_int_equal(keyring_drop(&ring, T0 + 1), 1);
    assert_true(schedule_next_due(&ring, &policy, T0 + 1) > T0 + 2);
    keyring_fini(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_hole_is_found_across_adjoining_and_overlapping_keys),
        cmocka_unit_test(a_new_key_has_the_dates_of_the_design),
        cmocka_unit_test(a_first_key_waits_a_lead_like_every_other),
        cmocka_unit_test(cover_begins_in_the_very_millisecond_in_which_a_hole_comes_near),
        cmocka_unit_test(a_key_moves_to_the_hole_only_if_it_was_published_a_lead_before),
        cmocka_unit_test(the_earliest_key_moves_first_and_the_others_close_up),
        cmocka_unit_test(a_key_born_under_another_rotation_keeps_its_length_and_the_rest_is_filled),
        cmocka_unit_test(revoked_and_wiped_keys_neither_cover_nor_move),
        cmocka_unit_test(a_far_future_key_of_a_daemon_ten_years_fast_satisfies_nothing),
        cmocka_unit_test(broken_randomness_publishes_nothing_and_changes_nothing),
        cmocka_unit_test(a_key_of_one_repeated_byte_is_never_born),
        cmocka_unit_test(a_source_that_repeats_itself_is_found_out),
        cmocka_unit_test(the_first_byte_of_a_name_is_unique_as_long_as_one_is_free),
        cmocka_unit_test(a_full_ring_publishes_nothing_that_everybody_would_refuse),
        cmocka_unit_test(a_clock_at_the_end_of_time_is_refused_not_overflowed),
        cmocka_unit_test(next_due_is_the_first_moment_at_which_anything_is_to_be_done),
        cmocka_unit_test(what_is_overdue_is_due_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
