/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_code_has_its_own_text(void **unused)
{
    static const enum err codes[] = {
#define CODE(name, text) name,
        ERR_MAP(CODE)
#undef CODE
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_true(strlen(err_text(codes[i])) > 0);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(err_text(codes[i]), err_text(codes[j]));
        }
    }
    assert_string_equal(err_text((enum err)999), "unknown error");
}

static void a_sentence_is_replaced_and_prefixed(void **unused)
{
    struct errbuf why = {""};
    (void)unused;
    errbuf_set(&why, "first");
    errbuf_set(&why, "%s %d", "port", 7);
    assert_string_equal(why.text, "port 7");
    errbuf_prefix(&why, "listen %d", 1);
    assert_string_equal(why.text, "listen 1: port 7");
}

static void a_sentence_may_be_built_from_itself(void **unused)
{
    struct errbuf why = {""};
    (void)unused;
    errbuf_set(&why, "inner");
    errbuf_set(&why, "outer (%s)", why.text);
    assert_string_equal(why.text, "outer (inner)");
}

static void a_long_sentence_is_cut_and_terminated(void **unused)
{
    struct {
        struct errbuf why;
        char after;
    } box = {{""}, 'x'};
    char filler[sizeof(box.why.text) + 100];
    (void)unused;
    memset(filler, 'a', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    errbuf_set(&box.why, "%s", filler);
    assert_int_equal(strlen(box.why.text), sizeof(box.why.text) - 1);
    errbuf_prefix(&box.why, "p");
    assert_int_equal(strlen(box.why.text), sizeof(box.why.text) - 1);
    assert_memory_equal(box.why.text, "p: aaa", 6);
    assert_int_equal(box.after, 'x');
}

static void nobody_has_to_want_the_sentence(void **unused)
{
    (void)unused;
    errbuf_set(NULL, "%d", 1);
    errbuf_prefix(NULL, "%d", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_own_text),
        cmocka_unit_test(a_sentence_is_replaced_and_prefixed),
        cmocka_unit_test(a_sentence_may_be_built_from_itself),
        cmocka_unit_test(a_long_sentence_is_cut_and_terminated),
        cmocka_unit_test(nobody_has_to_want_the_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
