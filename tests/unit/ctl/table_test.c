/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct table_column columns[] = {{"NAME", false}, {"COUNT", true}, {"NOTE", false}};

static void expect(struct table *table, const char *want)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    assert_int_equal(table_print(table, to), ERR_OK);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, want);
    free(text);
    table_free(table);
}

static struct table *make_table(void)
{
    struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));

    assert_non_null(table);
    return table;
}

static void columns_are_as_wide_as_their_widest_cell(void **unused)
{
    struct table *table = make_table();

    (void)unused;
    table_add(table, "web");
    table_add(table, "%d", 7);
    table_add(table, "fine");
    table_add(table, "internal");
    table_add(table, "%d", 1234567);
    table_add(table, "-");
    expect(table, "NAME        COUNT  NOTE\n"
                  "web             7  fine\n"
                  "internal  1234567  -\n");
}

static void a_table_without_rows_shows_its_titles(void **unused)
{
    (void)unused;
    expect(make_table(), "NAME  COUNT  NOTE\n");
}

static void characters_count_and_not_bytes(void **unused)
{
    struct table *table = make_table();

    (void)unused;
    table_add(table, "gr\xc3\xbc\xc3\x9f"
                     "e");
    table_add(table, "1");
    table_add(table, "x");
    expect(table, "NAME   COUNT  NOTE\n"
                  "gr\xc3\xbc\xc3\x9f"
                  "e      1  x\n");
}

static void control_bytes_do_not_reach_the_terminal(void **unused)
{
    struct table *table = make_table();

    (void)unused;
    table_add(table, "a\x1b[2Jb");
    table_add(table, "1");
    table_add(table, "two\nlines\x7f");
    expect(table, "NAME    COUNT  NOTE\n"
                  "a?[2Jb      1  two?lines?\n");
}

static void a_cell_longer_than_the_limit_is_cut(void **unused)
{
    struct table *table = make_table();
    char longest[TABLE_CELL_MAX + 2];
    char want[4 * TABLE_CELL_MAX];

    (void)unused;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    table_add(table, "n");
    table_add(table, "1");
    table_add(table, "%s", longest);
    (void)snprintf(want, sizeof(want), "NAME  COUNT  NOTE\nn         1  %.*s\n", TABLE_CELL_MAX,
                   longest);
    expect(table, want);
}

static void many_rows_are_all_kept(void **unused)
{
    struct table *table = make_table();
    char *text = NULL;
    size_t len = 0;
    size_t lines = 0;

    (void)unused;
    for (int i = 0; i < 1000; i++) {
        table_add(table, "%d", i);
        table_add(table, "%d", i);
        table_add(table, "x");
    }
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    assert_int_equal(table_print(table, to), ERR_OK);
    assert_int_equal(fclose(to), 0);
    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    assert_int_equal(lines, 1001);
    assert_non_null(strstr(text, "\n999     999  x\n"));
    free(text);
    table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(a_table_without_rows_shows_its_titles),
        cmocka_unit_test(characters_count_and_not_bytes),
        cmocka_unit_test(control_bytes_do_not_reach_the_terminal),
        cmocka_unit_test(a_cell_longer_than_the_limit_is_cut),
        cmocka_unit_test(many_rows_are_all_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
