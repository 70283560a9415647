/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void distance_counts_slips(void **unused)
{
    static const struct {
        const char *a;
        const char *b;
        size_t want;
    } rows[] = {
        {"", "", 0},
        {"", "abc", 3},
        {"abc", "", 3},
        {"abc", "abc", 0},
        {"abc", "abd", 1},
        {"abc", "abcd", 1},
        {"abcd", "abc", 1},
        {"abc", "acb", 1},
        {"abcd", "badc", 2},
        {"kitten", "sitting", 3},
        {"raeders", "readers", 1},
        {"0123456789012345678901234567890123456789", "0123456789012345678901234567890123456789", 0},
        {"01234567890123456789012345678901234567890", "0", SIZE_MAX},
        {"0", "01234567890123456789012345678901234567890", SIZE_MAX},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(config_suggest_distance(rows[i].a, rows[i].b), rows[i].want);
        assert_int_equal(config_suggest_distance(rows[i].b, rows[i].a), rows[i].want);
    }
}

static const char *suggest(const char *word)
{
    static const char *const candidates[] = {"rotate_every", "readers", "log", "level", "warning"};
    struct config_suggest s = config_suggest_start(word);

    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        config_suggest_offer(&s, candidates[i]);
    }
    return s.nearest == NULL ? "" : s.nearest;
}

static void only_a_near_word_is_suggested(void **unused)
{
    (void)unused;
    assert_string_equal(suggest("rotate_evry"), "rotate_every");
    assert_string_equal(suggest("rotat_evry"), "rotate_every");
    assert_string_equal(suggest("raeder"), "readers");
    assert_string_equal(suggest("lag"), "log");
    assert_string_equal(suggest("lab"), "");
    assert_string_equal(suggest("colour"), "");
    assert_string_equal(suggest(""), "");
}

static void the_beginning_of_a_word_is_near(void **unused)
{
    (void)unused;
    assert_string_equal(suggest("rot"), "rotate_every");
    assert_string_equal(suggest("warn"), "warning");
    assert_string_equal(suggest("wa"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_counts_slips),
        cmocka_unit_test(only_a_near_word_is_suggested),
        cmocka_unit_test(the_beginning_of_a_word_is_near),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
