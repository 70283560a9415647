/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct key sample = {.published_at = 50,
                                  .active_from = 100,
                                  .retired_from = 200,
                                  .dropped_from = 300,
                                  .forgotten_from = 400,
                                  .has_bytes = true,
                                  .bytes = {1, 2, 3}};

static void state_changes_exactly_on_its_dates(void **unused)
{
    static const struct {
        int64_t now;
        enum key_state want;
        enum key_state want_revoked;
        bool encrypts;
        bool decrypts;
    } rows[] = {
        {INT64_MIN, KEY_NEXT, KEY_REVOKED, false, true},
        {99, KEY_NEXT, KEY_REVOKED, false, true},
        {100, KEY_ACTIVE, KEY_REVOKED, true, true},
        {101, KEY_ACTIVE, KEY_REVOKED, true, true},
        {199, KEY_ACTIVE, KEY_REVOKED, true, true},
        {200, KEY_RETIRED, KEY_REVOKED, false, true},
        {201, KEY_RETIRED, KEY_REVOKED, false, true},
        {299, KEY_RETIRED, KEY_REVOKED, false, true},
        {300, KEY_DROPPED, KEY_REVOKED, false, false},
        {301, KEY_DROPPED, KEY_REVOKED, false, false},
        {399, KEY_DROPPED, KEY_REVOKED, false, false},
        {400, KEY_FORGOTTEN, KEY_FORGOTTEN, false, false},
        {401, KEY_FORGOTTEN, KEY_FORGOTTEN, false, false},
        {INT64_MAX, KEY_FORGOTTEN, KEY_FORGOTTEN, false, false},
    };
    struct key revoked = sample;
    struct key tombstone = sample;
    (void)unused;
    revoked.revoked = true;
    key_wipe(&tombstone);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(key_state_at(&sample, rows[i].now), rows[i].want);
        assert_int_equal(key_state_at(&revoked, rows[i].now), rows[i].want_revoked);
        assert_int_equal(key_encrypts_at(&sample, rows[i].now), rows[i].encrypts);
        assert_int_equal(key_decrypts_at(&sample, rows[i].now), rows[i].decrypts);
        assert_false(key_encrypts_at(&revoked, rows[i].now));
        assert_false(key_decrypts_at(&revoked, rows[i].now));
        assert_false(key_encrypts_at(&tombstone, rows[i].now));
        assert_false(key_decrypts_at(&tombstone, rows[i].now));
    }
}

static void every_state_has_its_word(void **unused)
{
    static const char *const words[] = {"next",    "active",    "retired",
                                        "dropped", "forgotten", "revoked"};
    (void)unused;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_string_equal(key_state_text((enum key_state)i), words[i]);
    }
}

static void dates_are_sound_only_in_their_order(void **unused)
{
    static const struct {
        int64_t dates[5];
        bool want;
    } rows[] = {
        {{1, 1, 2, 3, 3}, true},
        {{1, 2, 3, 4, 5}, true},
        {{2, 1, 3, 4, 5}, false},
        {{1, 2, 2, 4, 5}, false},
        {{1, 2, 3, 3, 5}, false},
        {{1, 2, 3, 5, 4}, false},
        {{INT64_MIN, 0, 1, 2, INT64_MAX}, true},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct key key = {.published_at = rows[i].dates[0],
                                .active_from = rows[i].dates[1],
                                .retired_from = rows[i].dates[2],
                                .dropped_from = rows[i].dates[3],
                                .forgotten_from = rows[i].dates[4]};
        assert_int_equal(key_dates_are_sound(&key), rows[i].want);
    }
}

static void a_start_moves_only_earlier_and_takes_its_dates_along(void **unused)
{
    static const struct {
        int64_t start;
        int64_t want;
    } rows[] = {{101, 100}, {100, 100}, {99, 99}, {51, 51}, {50, 50}};
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct key key = sample;
        assert_int_equal(key_start_at(&key, rows[i].start), rows[i].want != 100);
        assert_int_equal(key.active_from, rows[i].want);
        assert_int_equal(key.retired_from, rows[i].want + 100);
        assert_int_equal(key.dropped_from, rows[i].want + 200);
        assert_int_equal(key.published_at, 50);
        assert_int_equal(key.forgotten_from, 400);
        assert_true(key_dates_are_sound(&key));
    }
}

static void a_start_never_overflows(void **unused)
{
    struct key key = {.published_at = INT64_MIN,
                      .active_from = INT64_MAX - 3,
                      .retired_from = INT64_MAX - 2,
                      .dropped_from = INT64_MAX - 1,
                      .forgotten_from = INT64_MAX};
    (void)unused;
    assert_true(key_start_at(&key, INT64_MIN));
    assert_true(key.active_from == INT64_MIN);
    assert_true(key.retired_from < INT64_MAX - 2);
}

static void wiping_leaves_a_tombstone(void **unused)
{
    static const uint8_t zero[KEY_LEN];
    struct key key = sample;
    (void)unused;
    key_wipe(&key);
    assert_false(key.has_bytes);
    assert_memory_equal(key.bytes, zero, KEY_LEN);
    assert_int_equal(key.dropped_from, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state_changes_exactly_on_its_dates),
        cmocka_unit_test(every_state_has_its_word),
        cmocka_unit_test(dates_are_sound_only_in_their_order),
        cmocka_unit_test(a_start_moves_only_earlier_and_takes_its_dates_along),
        cmocka_unit_test(a_start_never_overflows),
        cmocka_unit_test(wiping_leaves_a_tombstone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
