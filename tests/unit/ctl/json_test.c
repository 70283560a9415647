/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A document in memory. */
struct page {
    struct json json;
    char *text;
    size_t len;
};

static void open_page(struct page *page)
{
    memset(page, 0, sizeof(*page));
    page->json.to = open_memstream(&page->text, &page->len);
    assert_non_null(page->json.to);
}

static void expect(struct page *page, const char *want)
{
    assert_int_equal(fclose(page->json.to), 0);
    assert_string_equal(page->text, want);
    free(page->text);
}

static void strings_are_escaped_so_that_any_reader_takes_them(void **unused)
{
    static const struct {
        const char *value;
        const char *want;
    } rows[] = {
        {"", "\"\""},
        {"plain /text", "\"plain /text\""},
        {"say \"no\"", "\"say \\\"no\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"a\nb\tc\x01", "\"a\\u000ab\\u0009c\\u0001\""},
        {"\x1f \x20 \x7e \x7f", "\"\\u001f \x20 \x7e \\u007f\""},
        {"\x1b[31m", "\"\\u001b[31m\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xc2\x80\xc2\x9f\xc2\xa0", "\"\\u0080\\u009f\xc2\xa0\""},
        {"\xe2\x82\xac \xf0\x9f\x94\x91", "\"\xe2\x82\xac \xf0\x9f\x94\x91\""},
        /* Not UTF-8: a stray byte, a cut character, overlong, a surrogate, above U+10FFFF. */
        {"\xff", "\"\\ufffd\""},
        {"a\xc3", "\"a\\ufffd\""},
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct page page;
        open_page(&page);
        json_string(&page.json, NULL, rows[i].value);
        expect(&page, rows[i].want);
    }
}

static void numbers_keep_their_whole_range(void **unused)
{
    struct page page;

    (void)unused;
    open_page(&page);
    json_open_array(&page.json, NULL);
    json_int(&page.json, NULL, INT64_MIN);
    json_int(&page.json, NULL, INT64_MAX);
    json_uint(&page.json, NULL, UINT64_MAX);
    json_close_array(&page.json);
    expect(&page, "[\n  -9223372036854775808,\n  9223372036854775807,\n"
                  "  18446744073709551615\n]\n");
}

static void levels_are_indented_and_separated(void **unused)
{
    struct page page;

    (void)unused;
    open_page(&page);
    json_open_object(&page.json, NULL);
    json_bool(&page.json, "yes", true);
    json_open_array(&page.json, "list");
    json_open_object(&page.json, NULL);
    json_bool(&page.json, "no", false);
    json_close_object(&page.json);
    json_null(&page.json, NULL);
    json_close_array(&page.json);
    json_open_array(&page.json, "empty");
    json_close_array(&page.json);
    json_open_object(&page.json, "bare");
    json_close_object(&page.json);
    json_close_object(&page.json);
    expect(&page, "{\n"
                  "  \"yes\": true,\n"
                  "  \"list\": [\n"
                  "    {\n"
                  "      \"no\": false\n"
                  "    },\n"
                  "    null\n"
                  "  ],\n"
                  "  \"empty\": [],\n"
                  "  \"bare\": {}\n"
                  "}\n");
}

static void bytes_are_shown_in_hexadecimal_and_unknown_times_as_null(void **unused)
{
    static const uint8_t bytes[] = {0x00, 0x0f, 0xa5, 0xff};
    struct page page;

    (void)unused;
    open_page(&page);
    json_open_object(&page.json, NULL);
    json_hex(&page.json, "name", bytes, sizeof(bytes));
    json_time(&page.json, "never", 0);
    json_time(&page.json, "at", 1);
    json_time(&page.json, "beyond", INT64_MAX);
    json_close_object(&page.json);
    expect(&page, "{\n"
                  "  \"name\": \"000fa5ff\",\n"
                  "  \"never\": null,\n"
                  "  \"at\": \"1970-01-01T00:00:00.001Z\",\n"
                  "  \"beyond\": null\n"
                  "}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped_so_that_any_reader_takes_them),
        cmocka_unit_test(numbers_keep_their_whole_range),
        cmocka_unit_test(levels_are_indented_and_separated),
        cmocka_unit_test(bytes_are_shown_in_hexadecimal_and_unknown_times_as_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
