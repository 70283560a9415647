/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "keyring/check.h"
#include "keyring/schedule.h"

static struct policy policy;
static struct rng rng;
static struct random_source source;
static const int64_t lead = 30 * SECOND;
static const uint8_t nobody[KEY_NAME_LEN];

static int set_up(void **unused)
{
    (void)unused;
    policy = policy_default(12 * HOUR);
    rng.state = 2026;
    source = fixture_random(&rng);
    return 0;
}

/* One key active since an hour, the next published since twelve: a realm on an ordinary day. */
struct day {
    struct keyring ring;
    struct key active;
    struct key next;
};

static struct day ordinary_day(void)
{
    struct day day = {.ring = fixture_ring()};
    day.active = fixture_key(1, &policy, T0 - 14 * HOUR, T0 - HOUR);
    day.next = fixture_key(2, &policy, T0 - HOUR, T0 + 11 * HOUR);
    fixture_add(&day.ring, &day.active);
    fixture_add(&day.ring, &day.next);
    return day;
}

static enum err rotate(struct keyring *ring, const struct key *retire, int64_t now,
                       struct change_result *out)
{
    struct errbuf why = {""};
    const enum err rc = change_rotate(ring, &policy, retire->name, now, &source, out, &why);
    assert_int_equal(strlen(why.text) > 0, rc != ERR_OK);
    return rc;
}

static void assert_sound(const struct keyring *ring, int64_t now)
{
    struct errbuf why = {""};
    if (check_arrival(ring, now, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    assert_true(fixture_first_uncovered(ring, now + lead, now + policy_horizon_ms(&policy)) ==
                INT64_MAX);
}

static void rotate_promotes_the_next_key_now_and_publishes_another(void **unused)
{
    struct day day = ordinary_day();
    struct change_result result;
    (void)unused;
    assert_int_equal(rotate(&day.ring, &day.active, T0, &result), ERR_OK);
    assert_true(result.changed);
    assert_true(result.at == T0);
    assert_memory_equal(result.promoted, day.next.name, KEY_NAME_LEN);
    assert_memory_equal(keyring_pick(&day.ring, T0)->name, day.next.name, KEY_NAME_LEN);
    assert_memory_equal(keyring_pick(&day.ring, T0 - 1)->name, day.active.name, KEY_NAME_LEN);

    const struct key *retired = keyring_find(&day.ring, day.active.name);
    assert_true(retired->retired_from == T0);
    assert_true(retired->dropped_from == T0 + 12 * HOUR + lead);
    assert_true(retired->forgotten_from == day.active.forgotten_from);
    assert_int_equal(day.ring.count, 3);
    assert_sound(&day.ring, T0);
    keyring_fini(&day.ring);
}

static void of_two_next_keys_the_one_to_begin_first_is_promoted(void **unused)
{
    (void)unused;
    for (uint64_t seed = 3; seed < 13; seed++) { /* whatever the order of their names */
        struct day day = ordinary_day();
        const struct key after = fixture_key(seed, &policy, T0 - HOUR, T0 + 23 * HOUR);
        struct change_result result;
        fixture_add(&day.ring, &after);
        assert_int_equal(rotate(&day.ring, &day.active, T0, &result), ERR_OK);
        assert_memory_equal(result.promoted, day.next.name, KEY_NAME_LEN);
        assert_true(keyring_find(&day.ring, after.name)->active_from == T0 + 12 * HOUR);
        keyring_fini(&day.ring);
    }
}

static void a_retried_rotate_changes_nothing(void **unused)
{
    struct day day = ordinary_day();
    struct keyring before = fixture_ring();
    struct change_result result;
    (void)unused;
    assert_int_equal(rotate(&day.ring, &day.active, T0, &result), ERR_OK);
    assert_int_equal(keyring_copy(&before, &day.ring), ERR_OK);
    for (int64_t later = 0; later < 2 * HOUR; later += 37 * MINUTE) {
        assert_int_equal(rotate(&day.ring, &day.active, T0 + later, &result), ERR_OK);
        assert_false(result.changed);
        assert_true(result.at == T0);
        assert_memory_equal(result.promoted, nobody, KEY_NAME_LEN);
        assert_true(fixture_rings_are_equal(&before, &day.ring));
    }
    keyring_fini(&before);
    keyring_fini(&day.ring);
}

static void two_rotates_within_a_lead_keep_the_second_key_waiting_for_its_lead(void **unused)
{
    (void)unused;
    for (int64_t after = lead - 1; after <= lead + 1; after++) {
        struct day day = ordinary_day();
        struct change_result result;
        assert_int_equal(rotate(&day.ring, &day.active, T0, &result), ERR_OK);
        assert_int_equal(rotate(&day.ring, &day.next, T0 + after, &result), ERR_OK);
        const struct key *third = keyring_find(&day.ring, result.promoted);
        assert_non_null(third);
        assert_true(third->published_at == T0);
        assert_true(result.at == (after < lead ? T0 + lead : T0 + after));
        assert_true(third->active_from == result.at);
        assert_true(keyring_find(&day.ring, day.next.name)->retired_from == result.at);
        /* And a repeat of the second, while its moment is still to come, finds the same one. */
        const int64_t at = result.at;
        assert_int_equal(rotate(&day.ring, &day.next, T0 + after, &result), ERR_OK);
        assert_false(result.changed);
        assert_true(result.at == at);
        assert_sound(&day.ring, T0 + after);
        assert_true(fixture_first_uncovered(&day.ring, T0, T0 + DAY) >= T0 + 12 * HOUR);
        keyring_fini(&day.ring);
    }
}

static void rotate_without_a_next_key_publishes_one_that_waits_a_lead(void **unused)
{
    struct keyring ring = fixture_ring();
    struct key active = fixture_key(1, &policy, T0 - DAY, T0 - HOUR);
    struct change_result result;
    (void)unused;
    active.retired_from += 2 * DAY; /* from a policy with long rotations: R9 wants nothing */
    active.dropped_from += 2 * DAY;
    active.forgotten_from += 2 * DAY;
    fixture_add(&ring, &active);
    assert_false(schedule_needs_cover(&ring, &policy, T0));
    assert_int_equal(rotate(&ring, &active, T0, &result), ERR_OK);
    assert_true(result.at == T0 + lead);
    assert_true(keyring_find(&ring, result.promoted)->active_from == T0 + lead);
    assert_true(keyring_find(&ring, active.name)->retired_from == T0 + lead);
    /* Its tickets were issued for the lifetime it was born with, or ours: the longer counts. */
    assert_true(keyring_find(&ring, active.name)->dropped_from == T0 + 12 * HOUR + 2 * lead);
    assert_sound(&ring, T0);
    keyring_fini(&ring);
}

static void a_retired_key_stays_for_the_longest_ticket_it_may_have_made(void **unused)
{
    static const struct {
        int64_t lifetime_now;
        int64_t want_distance;
    } rows[] = {
        {12 * HOUR, 12 * HOUR + lead},
        {HOUR, 12 * HOUR + lead},      /* shortened since: the old tickets are out there */
        {18 * HOUR, 18 * HOUR + lead}, /* lengthened since */
        {40 * HOUR, 23 * HOUR + lead}, /* never later than before */
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct day day = ordinary_day();
        struct change_result result;
        policy.ticket_lifetime_ms = rows[i].lifetime_now;
        assert_int_equal(rotate(&day.ring, &day.active, T0, &result), ERR_OK);
        policy.ticket_lifetime_ms = 12 * HOUR;
        assert_true(keyring_find(&day.ring, day.active.name)->dropped_from ==
                    T0 + rows[i].want_distance);
        keyring_fini(&day.ring);
    }
}

static void rotate_in_the_millisecond_a_key_begins_keeps_its_dates_in_order(void **unused)
{
    (void)unused;
    for (int64_t after = 0; after <= 1; after++) {
        struct day day = ordinary_day();
        struct change_result result;
        const int64_t now = day.active.active_from + after;
        keyring_find(&day.ring, day.next.name)->published_at = now - DAY;
        assert_int_equal(rotate(&day.ring, &day.active, now, &result), ERR_OK);
        assert_true(result.at == day.active.active_from + 1);
        assert_sound(&day.ring, now);
        keyring_fini(&day.ring);
    }
}

static void rotate_of_an_active_key_that_does_not_encrypt_only_retires_it(void **unused)
{
    struct day day = ordinary_day();
    const struct key newer = fixture_key(3, &policy, T0 - HOUR, T0 - MINUTE);
    struct change_result result;
    (void)unused;
    fixture_add(&day.ring, &newer);
    assert_int_equal(rotate(&day.ring, &day.active, T0, &result), ERR_OK);
    assert_true(result.changed);
    assert_true(result.at == T0);
    assert_memory_equal(result.promoted, nobody, KEY_NAME_LEN);
    assert_true(keyring_find(&day.ring, day.active.name)->retired_from == T0);
    assert_true(keyring_find(&day.ring, day.next.name)->active_from == T0 + 11 * HOUR);
    assert_memory_equal(keyring_pick(&day.ring, T0)->name, newer.name, KEY_NAME_LEN);
    keyring_fini(&day.ring);
}

static void a_key_born_under_a_shorter_lead_is_not_put_off(void **unused)
{
    struct day day = ordinary_day();
    struct change_result result;
    (void)unused;
    struct key *next = keyring_find(&day.ring, day.next.name);
    next->published_at = T0 - SECOND;
    next->active_from = T0 + SECOND;
    assert_int_equal(rotate(&day.ring, &day.active, T0, &result), ERR_OK);
    assert_true(result.at == T0 + SECOND);
    keyring_fini(&day.ring);
}

static void a_refused_rotate_changes_nothing_and_says_why(void **unused)
{
    struct day day = ordinary_day();
    struct keyring before = fixture_ring();
    struct change_result result = {.at = 77};
    struct errbuf why = {""};
    const struct random_source broken = fixture_broken_random();
    (void)unused;
    assert_int_equal(keyring_copy(&before, &day.ring), ERR_OK);
    assert_int_equal(change_rotate(&day.ring, &policy, nobody, T0, &source, &result, &why),
                     ERR_NOT_FOUND);
    assert_int_equal(change_rotate(&day.ring, &policy, day.next.name, T0, &source, &result, &why),
                     ERR_REFUSED);
    assert_non_null(strstr(why.text, "not active yet"));
    assert_int_equal(change_rotate(&day.ring, &policy, day.active.name, T0, &broken, &result, &why),
                     ERR_IO);
    assert_true(fixture_rings_are_equal(&before, &day.ring));
    assert_true(result.at == 77);
    keyring_fini(&before);
    keyring_fini(&day.ring);
}

static void before_the_first_key_is_active_the_refusal_says_when(void **unused)
{
    struct keyring ring = fixture_ring();
    struct change_result result;
    struct errbuf why = {""};
    (void)unused;
    assert_int_equal(schedule_cover(&ring, &policy, T0, &source, NULL, &why), ERR_OK);
    assert_int_equal(
        change_rotate(&ring, &policy, ring.keys[0].name, T0 + 2 * SECOND, &source, &result, &why),
        ERR_REFUSED);
    assert_non_null(strstr(why.text, "first key active in 28s"));
    assert_int_equal(change_rotate(&ring, &policy, ring.keys[0].name, T0 + 2 * SECOND - 1, &source,
                                   &result, &why),
                     ERR_REFUSED);
    assert_non_null(strstr(why.text, "first key active in 29s"));
    keyring_fini(&ring);
}

static void rotate_is_refused_from_40_entries_on_and_never_by_the_policy_itself(void **unused)
{
    (void)unused;
    for (size_t entries = 39; entries <= 41; entries++) {
        struct day day = ordinary_day();
        struct change_result result;
        for (uint64_t seed = 100; day.ring.count < entries; seed++) {
            const struct key key = fixture_key(seed, &policy, T0 - 25 * HOUR, T0 - 24 * HOUR);
            fixture_add(&day.ring, &key);
        }
        const enum err want = entries < CHANGE_ROTATE_ENTRIES_MAX ? ERR_OK : ERR_REFUSED;
        assert_int_equal(rotate(&day.ring, &day.active, T0, &result), want);
        keyring_fini(&day.ring);
    }
    /* A repeat whose moment is still to come is not a new rotation. */
    struct day day = ordinary_day();
    struct change_result again;
    assert_int_equal(rotate(&day.ring, &day.active, T0, &again), ERR_OK);
    assert_int_equal(rotate(&day.ring, &day.next, T0 + 1, &again), ERR_OK);
    for (uint64_t seed = 100; day.ring.count < 60; seed++) {
        const struct key key = fixture_key(seed, &policy, T0 - 25 * HOUR, T0 - 24 * HOUR);
        fixture_add(&day.ring, &key);
    }
    assert_int_equal(rotate(&day.ring, &day.next, T0 + 1, &again), ERR_OK);
    assert_false(again.changed);
    assert_true(again.at == T0 + lead);
    keyring_fini(&day.ring);

    /* A policy that itself needs 48 entries. */
    const struct policy usual = policy;
    policy = policy_default(HOUR);
    policy.ticket_lifetime_ms = 45 * HOUR - 4 * policy.sync_interval_ms;
    policy.max_session_age_ms = policy_default_session_age(policy.ticket_lifetime_ms);
    assert_int_equal(policy_check(&policy, NULL, 0), 0);
    assert_int_equal(policy_ring_size(&policy), POLICY_RING_MAX);
    struct keyring ring = fixture_ring();
    for (int64_t now = T0; now < T0 + 100 * HOUR; now += MINUTE) {
        assert_int_equal(schedule_cover(&ring, &policy, now, &source, NULL, NULL), ERR_OK);
        (void)keyring_drop(&ring, now);
        (void)keyring_forget(&ring, now);
        assert_true(ring.count <= POLICY_RING_MAX);
    }
    assert_true(ring.count > CHANGE_ROTATE_ENTRIES_MAX);
    struct change_result result;
    const struct key active = *keyring_pick(&ring, T0 + 100 * HOUR);
    assert_int_equal(rotate(&ring, &active, T0 + 100 * HOUR, &result), ERR_OK);
    keyring_fini(&ring);
    policy = usual;
}

static void revoking_the_encrypting_key_promotes_the_next_and_wipes_the_bytes(void **unused)
{
    static const uint8_t zero[KEY_LEN];
    struct day day = ordinary_day();
    struct change_result result;
    (void)unused;
    assert_int_equal(change_revoke(&day.ring, &policy, day.active.name, T0, &source, &result, NULL),
                     ERR_OK);
    assert_true(result.changed);
    assert_true(result.at == T0);
    assert_memory_equal(result.promoted, day.next.name, KEY_NAME_LEN);
    const struct key *revoked = keyring_find(&day.ring, day.active.name);
    assert_true(revoked->revoked);
    assert_false(revoked->has_bytes);
    assert_memory_equal(revoked->bytes, zero, KEY_LEN);
    assert_sound(&day.ring, T0);

    struct keyring before = fixture_ring();
    assert_int_equal(keyring_copy(&before, &day.ring), ERR_OK);
    assert_int_equal(
        change_revoke(&day.ring, &policy, day.active.name, T0 + 1, &source, &result, NULL), ERR_OK);
    assert_false(result.changed);
    assert_true(fixture_rings_are_equal(&before, &day.ring));
    struct errbuf why = {""};
    assert_int_equal(change_revoke(&day.ring, &policy, nobody, T0, &source, &result, &why),
                     ERR_NOT_FOUND);
    assert_true(strlen(why.text) > 0);
    keyring_fini(&before);
    keyring_fini(&day.ring);
}

static void revoking_another_key_promotes_nothing(void **unused)
{
    struct day day = ordinary_day();
    struct change_result result;
    (void)unused;
    assert_int_equal(change_revoke(&day.ring, &policy, day.next.name, T0, &source, &result, NULL),
                     ERR_OK);
    assert_true(result.changed);
    assert_true(result.at == 0);
    assert_memory_equal(result.promoted, nobody, KEY_NAME_LEN);
    assert_memory_equal(keyring_pick(&day.ring, T0)->name, day.active.name, KEY_NAME_LEN);
    assert_sound(&day.ring, T0);
    keyring_fini(&day.ring);
}

static void a_revocation_stands_even_if_no_new_key_can_be_made(void **unused)
{
    struct day day = ordinary_day();
    const struct random_source broken = fixture_broken_random();
    struct change_result result;
    (void)unused;
    assert_int_equal(change_revoke(&day.ring, &policy, day.next.name, T0, &broken, &result, NULL),
                     ERR_OK);
    assert_true(keyring_find(&day.ring, day.next.name)->revoked);
    assert_int_equal(change_revoke_all(&day.ring, &policy, T0, &broken, &result, NULL), ERR_OK);
    assert_true(result.at == 0);
    assert_null(keyring_pick(&day.ring, T0));
    keyring_fini(&day.ring);
}

static void revoke_all_leaves_tombstones_and_a_fresh_key_in_a_lead(void **unused)
{
    struct day day = ordinary_day();
    struct change_result result;
    (void)unused;
    assert_int_equal(change_revoke_all(&day.ring, &policy, T0, &source, &result, NULL), ERR_OK);
    assert_true(result.changed);
    assert_true(result.at == T0 + lead);
    assert_null(keyring_pick(&day.ring, T0 + lead - 1));
    assert_memory_equal(keyring_pick(&day.ring, T0 + lead)->name, result.promoted, KEY_NAME_LEN);
    for (size_t i = 0; i < day.ring.count; i++) {
        const struct key *key = &day.ring.keys[i];
        assert_int_equal(key->has_bytes, !key->revoked);
        assert_int_equal(key->revoked, key->published_at < T0);
    }
    assert_sound(&day.ring, T0);
    keyring_fini(&day.ring);
}

/* DESIGN section 11: forgotten at dropped_from, the key came back from the backup unrevoked. */
static void a_key_revoked_after_the_backup_stays_revoked_when_the_backup_is_restored(void **unused)
{
    struct day day = ordinary_day();
    struct keyring backup = fixture_ring();
    struct change_result result;
    (void)unused;
    assert_int_equal(keyring_copy(&backup, &day.ring), ERR_OK);
    assert_int_equal(rotate(&day.ring, &day.active, T0 + HOUR, &result), ERR_OK);
    assert_int_equal(
        change_revoke(&day.ring, &policy, day.active.name, T0 + 2 * HOUR, &source, &result, NULL),
        ERR_OK);
    for (int64_t now = T0 + 2 * HOUR; now < T0 + 30 * HOUR; now += 13 * MINUTE) {
        (void)keyring_drop(&day.ring, now);
        (void)keyring_forget(&day.ring, now);
        struct keyring restored = fixture_ring();
        assert_int_equal(keyring_copy(&restored, &backup), ERR_OK);
        assert_int_equal(keyring_merge(&restored, &day.ring, NULL), ERR_OK);
        const struct key *key = keyring_find(&restored, day.active.name);
        assert_false(key_decrypts_at(key, now));
        assert_false(key_encrypts_at(key, now));
        keyring_fini(&restored);
    }
    keyring_fini(&backup);
    keyring_fini(&day.ring);
}

/* DESIGN section 11: 9.9 h without an active key. */
static void next_revoked_in_a_lost_write_and_rotated_to_elsewhere_leaves_no_hole(void **unused)
{
    struct day day = ordinary_day();
    struct keyring elsewhere = fixture_ring();
    struct change_result result;
    const int64_t later = T0 + 5 * SECOND;
    (void)unused;
    assert_int_equal(keyring_copy(&elsewhere, &day.ring), ERR_OK);
    assert_int_equal(change_revoke(&day.ring, &policy, day.next.name, T0, &source, &result, NULL),
                     ERR_OK);
    assert_int_equal(rotate(&elsewhere, &day.active, later, &result), ERR_OK);
    assert_memory_equal(result.promoted, day.next.name, KEY_NAME_LEN);
    assert_int_equal(keyring_merge(&elsewhere, &day.ring, NULL), ERR_OK);
    assert_null(keyring_pick(&elsewhere, later));

    bool changed = false;
    assert_int_equal(schedule_cover(&elsewhere, &policy, later, &source, &changed, NULL), ERR_OK);
    assert_true(changed);
    assert_true(schedule_first_active(&elsewhere, later) <= later + lead);
    assert_sound(&elsewhere, later);
    keyring_fini(&elsewhere);
    keyring_fini(&day.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotate_promotes_the_next_key_now_and_publishes_another),
        cmocka_unit_test(of_two_next_keys_the_one_to_begin_first_is_promoted),
        cmocka_unit_test(a_retried_rotate_changes_nothing),
        cmocka_unit_test(two_rotates_within_a_lead_keep_the_second_key_waiting_for_its_lead),
        cmocka_unit_test(rotate_without_a_next_key_publishes_one_that_waits_a_lead),
        cmocka_unit_test(a_retired_key_stays_for_the_longest_ticket_it_may_have_made),
        cmocka_unit_test(rotate_in_the_millisecond_a_key_begins_keeps_its_dates_in_order),
        cmocka_unit_test(rotate_of_an_active_key_that_does_not_encrypt_only_retires_it),
        cmocka_unit_test(a_key_born_under_a_shorter_lead_is_not_put_off),
        cmocka_unit_test(a_refused_rotate_changes_nothing_and_says_why),
        cmocka_unit_test(before_the_first_key_is_active_the_refusal_says_when),
        cmocka_unit_test(rotate_is_refused_from_40_entries_on_and_never_by_the_policy_itself),
        cmocka_unit_test(revoking_the_encrypting_key_promotes_the_next_and_wipes_the_bytes),
        cmocka_unit_test(revoking_another_key_promotes_nothing),
        cmocka_unit_test(a_revocation_stands_even_if_no_new_key_can_be_made),
        cmocka_unit_test(revoke_all_leaves_tombstones_and_a_fresh_key_in_a_lead),
        cmocka_unit_test(a_key_revoked_after_the_backup_stays_revoked_when_the_backup_is_restored),
        cmocka_unit_test(next_revoked_in_a_lost_write_and_rotated_to_elsewhere_leaves_no_hole),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
