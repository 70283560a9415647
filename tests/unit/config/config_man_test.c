/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_man.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_keys.h"
#include "config/config_load.h"

/* The caller frees. */
static char *printed(void)
{
    char *text = NULL;
    size_t len = 0;

    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    config_man_print(to);
    assert_int_equal(fclose(to), 0);
    return text;
}

/* `stekctl config man` writes it. */
static void the_page_in_the_tree_is_what_the_table_says(void **unused)
{
    (void)unused;
    char *want = printed();
    size_t len = strlen(want);
    char *got = test_calloc(1, len + 2);
    FILE *file = fopen(CONFIG_MAN_PAGE, "r");
    assert_non_null(file);
    size_t got_len = fread(got, 1, len + 1, file);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(got, want);
    assert_int_equal(got_len, len);
    test_free(got);
    free(want);
}

/* "*realms.\*.readers*", as scdoc wants it. */
static void print_heading(char *out, size_t cap, const char *path)
{
    size_t len = 0;

    out[len++] = '\n';
    out[len++] = '*';
    for (const char *at = path; *at != '\0'; at++) {
        assert_true(len + 5 < cap);
        if (*at == '*' || *at == '_') {
            out[len++] = '\\';
        }
        out[len++] = *at;
    }
    memcpy(out + len, "*\n", 3);
}

static void every_key_of_this_version_has_its_entry(void **unused)
{
    size_t entries = 0;

    (void)unused;
    char *text = printed();
    for (size_t i = 0; i < config_keys_count(); i++) {
        char heading[128];
        print_heading(heading, sizeof(heading), config_keys_at(i)->path);
        assert_int_equal(strstr(text, heading) != NULL, config_keys_at(i)->since != NULL);
        entries += config_keys_at(i)->since != NULL;
    }
    print_message("%zu entries\n", entries);
    assert_true(entries > 30);
    free(text);
}

static void the_example_is_a_configuration_and_stands_in_the_page(void **unused)
{
    struct config *config = NULL;
    struct config_problems problems = {0};
    const char *example = config_man_example();

    (void)unused;
    char *text = printed();
    assert_non_null(strstr(text, example));
    assert_int_equal(config_load_text(example, strlen(example), &config, &problems), ERR_OK);
    assert_int_equal(problems.count, 0); /* no note, either */
    assert_int_equal(config->realm_count, 2);
    config_free(config);
    config_problems_fini(&problems);
    free(text);
}

static void lists_and_literals_are_closed(void **unused)
{
    size_t fences = 0;

    (void)unused;
    char *text = printed();
    for (const char *at = strstr(text, "```"); at != NULL; at = strstr(at + 3, "```")) {
        fences++;
    }
    assert_int_equal(fences, 2);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_in_the_tree_is_what_the_table_says),
        cmocka_unit_test(every_key_of_this_version_has_its_entry),
        cmocka_unit_test(the_example_is_a_configuration_and_stands_in_the_page),
        cmocka_unit_test(lists_and_literals_are_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
