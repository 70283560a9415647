/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void hex_goes_there_and_back_for_every_byte(void **unused)
{
    (void)unused;
    for (unsigned value = 0; value < 256; value++) {
        static const char digits[] = "0123456789abcdef";
        const uint8_t byte = (uint8_t)value;
        char hex[3];
        uint8_t back = (uint8_t)~byte;
        text_hex_encode(&byte, 1, hex);
        assert_int_equal(hex[0], digits[value / 16]);
        assert_int_equal(hex[1], digits[value % 16]);
        assert_int_equal(hex[2], '\0');
        assert_int_equal(text_hex_decode(hex, &back, 1), ERR_OK);
        assert_int_equal(back, byte);
    }
}

static void hex_decoding_takes_exactly_the_hex_digits(void **unused)
{
    (void)unused;
    for (int c = 1; c < 256; c++) {
        const char hex[] = {'0', (char)c, '\0'};
        const char *digits = "0123456789abcdefABCDEF";
        uint8_t out = 0xaa;
        const enum err want = strchr(digits, c) != NULL ? ERR_OK : ERR_INVALID;
        assert_int_equal(text_hex_decode(hex, &out, 1), want);
        if (want != ERR_OK) {
            assert_int_equal(out, 0);
        }
    }
}

static void hex_of_the_wrong_length_is_refused_and_leaves_zeros(void **unused)
{
    static const char *const rows[] = {"", "0", "01020", "0102030", "010203040", "01020g"};
    static const uint8_t zero[3];
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[3] = {1, 1, 1};
        assert_int_equal(text_hex_decode(rows[i], out, 3), ERR_INVALID);
        assert_memory_equal(out, zero, 3);
    }
    uint8_t out[3];
    assert_int_equal(text_hex_decode("A1b2C3", out, 3), ERR_OK);
    assert_memory_equal(out, "\xa1\xb2\xc3", 3);
}

static void a_copy_fits_or_is_refused(void **unused)
{
    char to[4] = "old";
    (void)unused;
    assert_int_equal(text_copy(to, sizeof(to), "abc"), ERR_OK);
    assert_string_equal(to, "abc");
    assert_int_equal(text_copy(to, sizeof(to), "abcd"), ERR_LIMIT);
    assert_string_equal(to, "");
    assert_int_equal(text_copy(to, 0, "a"), ERR_LIMIT);
    assert_int_equal(text_copy(to, 1, ""), ERR_OK);
}

static void a_realm_name_is_plain(void **unused)
{
    static const struct {
        const char *name;
        bool want;
    } rows[] = {
        {"web", true},  {"a", true},    {"0", true},         {"web-1.eu_west", true},
        {"", false},    {".a", false},  {"-a", false},       {"_a", false},
        {"Web", false}, {"a/b", false}, {"a b", false},      {"a{b}", false},
        {"a\n", false}, {"..", false},  {"\xc3\xa4", false}, {"a:b", false},
    };
    char longest[REALM_NAME_MAX + 2];
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(text_is_realm_name(rows[i].name), rows[i].want);
    }
    memset(longest, 'a', sizeof(longest));
    longest[REALM_NAME_MAX + 1] = '\0';
    assert_false(text_is_realm_name(longest));
    longest[REALM_NAME_MAX] = '\0';
    assert_true(text_is_realm_name(longest));
}

static void a_label_cannot_forge_a_line(void **unused)
{
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"", true},
        {"fe-17 (rack 3)", true},
        {"caf\xc3\xa9", true},
        {"\xe2\x82\xac \xf0\x9f\x94\x91", true},
        {"\xf4\x8f\xbf\xbd", true},
        {"a\nb", false},
        {"a\x1b[2J", false},
        {"a\x7f", false},
        {"\xc2\x85", false},     /* NEL */
        {"\xe2\x80\xa8", false}, /* line separator */
        {"\xe2\x80\xae", false}, /* right-to-left override */
        {"\xe2\x81\xa7", false}, /* isolate */
        {"\xef\xbb\xbf", false}, /* byte order mark */
        {"\x80", false},
        {"\xc3", false},
        {"\xc3(", false},
        {"\xc0\xaf", false},         /* overlong */
        {"\xe0\x80\xaf", false},     /* overlong */
        {"\xf0\x80\x80\xaf", false}, /* overlong */
        {"\xed\xa0\x80", false},     /* surrogate */
        {"\xf4\x90\x80\x80", false}, /* past U+10FFFF */
        {"\xf8\x88\x80\x80\x80", false},
        {"\xff", false},
        {"\xe2\x82", false},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (text_is_label(rows[i].text, 100) != rows[i].want) {
            fail_msg("row %zu", i);
        }
    }
    assert_true(text_is_label("abc", 3));
    assert_false(text_is_label("abcd", 3));
    assert_true(text_is_label("", 0));
}

static void a_span_uses_the_largest_unit_that_divides_it(void **unused)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {0, "0s"},
        {1, "1ms"},
        {1500, "1500ms"},
        {28000, "28s"},
        {60000, "1m"},
        {90000, "90s"},
        {43200000, "12h"},
        {604800000, "7d"},
        {604800001, "604800001ms"},
        {-1000, "-1s"},
        {INT64_MAX, "9223372036854775807ms"},
        {INT64_MIN, "-9223372036854775808ms"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(text_span_of(rows[i].ms).text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_there_and_back_for_every_byte),
        cmocka_unit_test(hex_decoding_takes_exactly_the_hex_digits),
        cmocka_unit_test(hex_of_the_wrong_length_is_refused_and_leaves_zeros),
        cmocka_unit_test(a_copy_fits_or_is_refused),
        cmocka_unit_test(a_realm_name_is_plain),
        cmocka_unit_test(a_label_cannot_forge_a_line),
        cmocka_unit_test(a_span_uses_the_largest_unit_that_divides_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
