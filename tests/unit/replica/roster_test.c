/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void put(struct roster *roster, const char *name, const char *identity, int64_t left_at,
                int64_t forget_at)
{
    struct roster_entry entry = {.left_at = left_at, .forget_at = forget_at};

    (void)snprintf(entry.info.frontend, sizeof(entry.info.frontend), "%s", name);
    (void)snprintf(entry.info.identity, sizeof(entry.info.identity), "%s", identity);
    roster_put(roster, &entry);
}

static void who_comes_back_strikes_out_one_entry_of_his_own(void **unused)
{
    struct roster roster = {0};

    (void)unused;
    put(&roster, "fe-1", "uid:33", 10, 100);
    put(&roster, "fe-2", "uid:33", 11, 100);
    put(&roster, "fe-1", "uid:34", 12, 100);
    put(&roster, "fe-1", "uid:33", 13, 100);
    assert_false(roster_strike(&roster, "fe-3", "uid:33"));
    assert_false(roster_strike(&roster, "fe-2", "uid:34"));
    assert_true(roster_strike(&roster, "fe-1", "uid:33"));
    assert_int_equal(roster.count, 3);
    assert_int_equal(roster.at[2].left_at, 13); /* of two, the older one went */
    assert_true(roster_strike(&roster, "fe-1", "uid:33"));
    assert_false(roster_strike(&roster, "fe-1", "uid:33"));
    assert_int_equal(roster.count, 2);
    assert_int_equal(roster.lost, 0);
    roster_fini(&roster);
}

static void beyond_the_limit_the_oldest_goes_and_is_counted(void **unused)
{
    struct roster roster = {0};
    char name[16];

    (void)unused;
    for (int i = 0; i < ROSTER_MAX + 3; i++) {
        (void)snprintf(name, sizeof(name), "fe-%d", i);
        put(&roster, name, "uid:33", i, 1000000);
    }
    assert_int_equal(roster.count, ROSTER_MAX);
    assert_int_equal(roster.lost, 3);
    assert_false(roster_strike(&roster, "fe-2", "uid:33"));
    assert_true(roster_strike(&roster, "fe-3", "uid:33"));
    roster_fini(&roster);
}

static void an_entry_is_forgotten_at_its_instant(void **unused)
{
    struct roster roster = {0};

    (void)unused;
    put(&roster, "fe-1", "", 10, 100);
    put(&roster, "fe-2", "", 10, 101);
    roster_forget(&roster, 99);
    assert_int_equal(roster.count, 2);
    roster_forget(&roster, 100);
    assert_int_equal(roster.count, 1);
    assert_string_equal(roster.at[0].info.frontend, "fe-2");
    roster_forget(&roster, 102);
    assert_int_equal(roster.count, 0);
    roster_fini(&roster);
}

static void keys_are_held_until_their_births_end_or_max_offline(void **unused)
{
    struct key keys[2] = {{.dropped_from = 50, .forgotten_from = 90},
                          {.dropped_from = 60, .forgotten_from = 70, .revoked = true}};
    const struct keyring ring = {.realm = "web", .keys = keys, .count = 2};
    const struct keyring empty = {.realm = "web"};

    (void)unused;
    assert_int_equal(roster_forget_at(&ring, 0, 10), 90);
    assert_int_equal(roster_forget_at(&ring, 79, 10), 89);
    assert_int_equal(roster_forget_at(&ring, 81, 10), 90);
    assert_int_equal(roster_forget_at(&ring, INT64_MAX, 10), 90);
    assert_int_equal(roster_forget_at(&empty, 0, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_back_strikes_out_one_entry_of_his_own),
        cmocka_unit_test(beyond_the_limit_the_oldest_goes_and_is_counted),
        cmocka_unit_test(an_entry_is_forgotten_at_its_instant),
        cmocka_unit_test(keys_are_held_until_their_births_end_or_max_offline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
