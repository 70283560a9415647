/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

static size_t check(const struct policy *policy, const char *field)
{
    struct policy_problem problems[16];
    const size_t count = policy_check(policy, problems, 16);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(problems[i].why.text) > 20);
        if (field != NULL && strcmp(problems[i].field, field) == 0) {
            assert_non_null(strstr(problems[i].why.text, ":"));
            return 1;
        }
    }
    return field == NULL ? count : 0;
}

static void the_defaults_are_those_of_the_design_and_sound(void **unused)
{
    const struct policy policy = policy_default(12 * HOUR);
    (void)unused;
    assert_int_equal(policy.ticket_lifetime_ms, 12 * HOUR);
    assert_int_equal(policy.sync_interval_ms, 15 * SECOND);
    assert_int_equal(policy.max_offline_ms, 0);
    assert_int_equal(policy.max_session_age_ms, 24 * HOUR);
    assert_int_equal(policy.keys_ahead, 1);
    assert_int_equal(check(&policy, NULL), 0);
    assert_int_equal(policy_lead_ms(&policy), 30 * SECOND);
    assert_int_equal(policy_horizon_ms(&policy), 12 * HOUR + 30 * SECOND);
    assert_int_equal(policy_key_life_ms(&policy), 36 * HOUR + MINUTE);
    assert_int_equal(policy_ring_size(&policy), 5);
}

static void a_short_rotation_shortens_the_sync_interval(void **unused)
{
    (void)unused;
    assert_int_equal(policy_default(120 * SECOND).sync_interval_ms, 15 * SECOND);
    assert_int_equal(policy_default(120 * SECOND - 8).sync_interval_ms, 15 * SECOND - 1);
    const struct policy demo = policy_default(8 * SECOND);
    assert_int_equal(demo.sync_interval_ms, SECOND);
}

static void raising_only_the_lifetime_keeps_the_default_session_age_sound(void **unused)
{
    struct policy policy = policy_default(12 * HOUR);
    (void)unused;
    assert_int_equal(policy_default_session_age(12 * HOUR), 24 * HOUR);
    assert_int_equal(policy_default_session_age(24 * HOUR + 1), 24 * HOUR + 1);
    policy.ticket_lifetime_ms = 30 * HOUR;
    assert_int_equal(check(&policy, "max_session_age"), 1);
    policy.max_session_age_ms = policy_default_session_age(policy.ticket_lifetime_ms);
    assert_int_equal(check(&policy, NULL), 0);
}

/* Each rule at its boundary: what it speaks of, and whether it is broken. */
static void every_rule_holds_exactly_at_its_boundary(void **unused)
{
    static const struct {
        struct policy policy; /* rotate, lifetime, sync, offline, age, ahead */
        const char *field;
        size_t want;
    } rows[] = {
        {{120000, 600000, 15001, 0, DAY, 1}, "rotate_every", 1},
        {{120000, 600000, 15000, 0, DAY, 1}, "rotate_every", 0},
        {{120000, 600000, 14999, 0, DAY, 1}, "rotate_every", 0},
        {{60000, 60000, 99, 0, DAY, 1}, "sync_interval", 1},
        {{60000, 60000, 100, 0, DAY, 1}, "sync_interval", 0},
        {{60000, 60000, -100, 0, DAY, 1}, "sync_interval", 1},
        {{60000, 999, 100, 0, DAY, 1}, "ticket_lifetime", 1},
        {{60000, 1000, 100, 0, DAY, 1}, "ticket_lifetime", 0},
        {{DAY, 7 * DAY, 100, 0, 7 * DAY, 1}, "ticket_lifetime", 0},
        {{DAY, 7 * DAY + 1, 100, 0, 7 * DAY + 1, 1}, "ticket_lifetime", 1},
        {{HOUR, HOUR, 1000, 0, DAY, 0}, "keys_ahead", 1},
        {{HOUR, HOUR, 1000, 0, DAY, 1}, "keys_ahead", 0},
        {{HOUR, HOUR, 1000, 0, DAY, 8}, "keys_ahead", 0},
        {{HOUR, HOUR, 1000, 0, DAY, 9}, "keys_ahead", 1},
        {{HOUR, HOUR, 1000, 0, DAY, UINT32_MAX}, "keys_ahead", 1},
        {{2 * DAY, 3 * DAY - 4000, 1000, 0, 3 * DAY, 1}, "rotate_every", 0},
        {{2 * DAY, 3 * DAY - 3999, 1000, 0, 3 * DAY, 1}, "rotate_every", 1},
        /* 48 entries: a life of 47 rotations, and one */
        {{HOUR, 45 * HOUR - 400, 100, 0, 45 * HOUR, 1}, "rotate_every", 0},
        {{HOUR, 45 * HOUR - 399, 100, 0, 45 * HOUR, 1}, "rotate_every", 1},
        {{HOUR, HOUR, 1000, 999, DAY, 1}, "max_offline", 1},
        {{HOUR, HOUR, 1000, 1000, DAY, 1}, "max_offline", 0},
        {{HOUR, HOUR, 1000, 0, DAY, 1}, "max_offline", 0},
        {{HOUR, HOUR, 1000, -1, DAY, 1}, "max_offline", 1},
        {{HOUR, HOUR, 1000, 0, HOUR - 1, 1}, "max_session_age", 1},
        {{HOUR, HOUR, 1000, 0, HOUR, 1}, "max_session_age", 0},
        {{HOUR, HOUR, 1000, 0, 7 * DAY, 1}, "max_session_age", 0},
        {{HOUR, HOUR, 1000, 0, 7 * DAY + 1, 1}, "max_session_age", 1},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (check(&rows[i].policy, rows[i].field) != rows[i].want) {
            fail_msg("row %zu (%s)", i, rows[i].field);
        }
    }
}

static void every_broken_rule_is_reported_and_none_past_the_capacity(void **unused)
{
    const struct policy policy = {.max_offline_ms = -1, .max_session_age_ms = -1};
    struct policy_problem problems[2] = {{.field = NULL}, {.field = "untouched"}};
    (void)unused;
    const size_t count = policy_check(&policy, problems, 1);
    assert_int_equal(count, check(&policy, NULL));
    assert_true(count >= 4);
    assert_non_null(problems[0].field);
    assert_string_equal(problems[1].field, "untouched");
    assert_int_equal(policy_check(&policy, NULL, 0), count);
}

static void absurd_numbers_are_reported_not_overflowed(void **unused)
{
    static const int64_t values[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    static const size_t n = sizeof(values) / sizeof(values[0]);
    (void)unused;
    for (size_t i = 0; i < n * n * n; i++) {
        const struct policy policy = {.rotate_every_ms = values[i % n],
                                      .ticket_lifetime_ms = values[i / n % n],
                                      .sync_interval_ms = values[i / n / n],
                                      .max_offline_ms = values[i % n],
                                      .max_session_age_ms = values[i / n % n],
                                      .keys_ahead = UINT32_MAX};
        assert_true(check(&policy, NULL) > 0);
        (void)policy_ring_size(&policy);
        (void)policy_default(values[i % n]);
    }
}

static void the_hash_speaks_of_every_field(void **unused)
{
    const struct policy base = policy_default(12 * HOUR);
    uint8_t hashes[8][POLICY_HASH_LEN];
    struct policy policies[8];
    (void)unused;
    for (size_t i = 0; i < 8; i++) {
        policies[i] = base;
    }
    policies[1].rotate_every_ms++;
    policies[2].ticket_lifetime_ms++;
    policies[3].sync_interval_ms++;
    policies[4].max_offline_ms++;
    policies[5].max_session_age_ms++;
    policies[6].keys_ahead++;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(policy_hash(&policies[i], hashes[i]), ERR_OK);
    }
    assert_memory_equal(hashes[0], hashes[7], POLICY_HASH_LEN);
    for (size_t i = 0; i < 7; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(hashes[i], hashes[j], POLICY_HASH_LEN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_design_and_sound),
        cmocka_unit_test(a_short_rotation_shortens_the_sync_interval),
        cmocka_unit_test(raising_only_the_lifetime_keeps_the_default_session_age_sound),
        cmocka_unit_test(every_rule_holds_exactly_at_its_boundary),
        cmocka_unit_test(every_broken_rule_is_reported_and_none_past_the_capacity),
        cmocka_unit_test(absurd_numbers_are_reported_not_overflowed),
        cmocka_unit_test(the_hash_speaks_of_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
