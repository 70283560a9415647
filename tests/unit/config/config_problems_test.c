/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_problems.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_printed(const struct config_problems *problems, const char *want)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    config_problems_print(problems, "f", to);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, want);
    free(text);
}

static struct config_mark at(size_t line, size_t column)
{
    return (struct config_mark){.line = line, .column = column};
}

static void are_printed_by_place_and_in_order_at_one_place(void **unused)
{
    struct config_problems problems = {0};

    (void)unused;
    config_problems_add(&problems, at(2, 1), "c");
    config_problems_add(&problems, at(1, 9), "b");
    config_problems_note(&problems, at(2, 1), "%s", "d");
    config_problems_add(&problems, at(10, 1), "e");
    config_problems_add(&problems, at(0, 0), "a");
    config_problems_sort(&problems);
    assert_printed(&problems, "f: a\nf:1:9: b\nf:2:1: c\nf:2:1: note: d\nf:10:1: e\n");
    assert_int_equal(problems.errors, 4);
    config_problems_fini(&problems);
    assert_null(problems.at);
}

static void more_than_the_limit_are_counted_only(void **unused)
{
    struct config_problems problems = {0};

    (void)unused;
    for (size_t i = 0; i < CONFIG_PROBLEMS_MAX; i++) {
        config_problems_add(&problems, at(1, 1), "x");
    }
    assert_int_equal(problems.not_kept, 0);
    config_problems_add(&problems, at(1, 1), "x");
    assert_int_equal(problems.count, CONFIG_PROBLEMS_MAX);
    assert_int_equal(problems.errors, CONFIG_PROBLEMS_MAX + 1);
    assert_int_equal(problems.not_kept, 1);
    config_problems_fini(&problems);
}

static void a_long_sentence_is_cut_and_ended(void **unused)
{
    struct config_problems problems = {0};
    char text[2 * sizeof(struct errbuf)];

    (void)unused;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    config_problems_add(&problems, at(1, 1), "%s", text);
    assert_int_equal(strlen(problems.at[0].what.text), sizeof(struct errbuf) - 1);
    config_problems_fini(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_printed_by_place_and_in_order_at_one_place),
        cmocka_unit_test(more_than_the_limit_are_counted_only),
        cmocka_unit_test(a_long_sentence_is_cut_and_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
