/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key_name[LOG_KEY_NAME_LEN] = {0x00, 0x01, 0xab, 0xcd, 0xef, 0xff};

/* One field, both formats, without the newline. */
static void assert_field(struct log_field field, const char *logfmt, const char *json)
{
    struct log_line line;

    log_line_start(&line, LOG_FORMAT_LOGFMT);
    log_line_add(&line, &field);
    log_line_finish(&line);
    line.text[line.len - 1] = '\0';
    assert_string_equal(line.text, logfmt);

    log_line_start(&line, LOG_FORMAT_JSON);
    log_line_add(&line, &field);
    log_line_finish(&line);
    line.text[line.len - 1] = '\0';
    assert_string_equal(line.text, json);
}

static void every_kind_of_field_has_its_form(void **unused)
{
    (void)unused;
    assert_field(log_string("a", "web"), "a=web", "{\"a\":\"web\"}");
    assert_field(log_int("a", INT64_MIN), "a=-9223372036854775808", "{\"a\":-9223372036854775808}");
    assert_field(log_bool("a", true), "a=true", "{\"a\":true}");
    assert_field(log_bool("a", false), "a=false", "{\"a\":false}");
    assert_field(log_key_name("key", key_name), "key=0001abcdefff00000000000000000000",
                 "{\"key\":\"0001abcdefff00000000000000000000\"}");
}

static void durations_are_seconds_with_three_decimals(void **unused)
{
    static const struct {
        int64_t ms;
        const char *logfmt;
        const char *json;
    } rows[] = {
        {0, "a_s=0.000", "{\"a_s\":0.000}"},
        {1, "a_s=0.001", "{\"a_s\":0.001}"},
        {999, "a_s=0.999", "{\"a_s\":0.999}"},
        {1000, "a_s=1.000", "{\"a_s\":1.000}"},
        {-1500, "a_s=-1.500", "{\"a_s\":-1.500}"},
        {INT64_MIN, "a_s=-9223372036854775.808", "{\"a_s\":-9223372036854775.808}"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_field(log_duration("a", rows[i].ms), rows[i].logfmt, rows[i].json);
    }
}

static void times_are_utc_with_milliseconds(void **unused)
{
    static const struct {
        int64_t ms;
        const char *logfmt;
    } rows[] = {
        {0, "t=1970-01-01T00:00:00.000Z"},
        {-1, "t=1969-12-31T23:59:59.999Z"},
        {-1000, "t=1969-12-31T23:59:59.000Z"},
        {INT64_C(1709164800001), "t=2024-02-29T00:00:00.001Z"},
        {INT64_C(4102444799999), "t=2099-12-31T23:59:59.999Z"},
        {INT64_MAX, "t=292278994-08-17T07:12:55.807Z"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct log_line line;
        struct log_field field = log_time("t", rows[i].ms);
        log_line_start(&line, LOG_FORMAT_LOGFMT);
        log_line_add(&line, &field);
        log_line_finish(&line);
        line.text[line.len - 1] = '\0';
        assert_string_equal(line.text, rows[i].logfmt);
    }
}

static void text_from_outside_cannot_leave_its_value(void **unused)
{
    static const struct {
        const char *text;
        const char *logfmt;
        const char *json;
    } rows[] = {
        {"", "a=\"\"", "{\"a\":\"\"}"},
        {NULL, "a=\"\"", "{\"a\":\"\"}"},
        {"two words", "a=\"two words\"", "{\"a\":\"two words\"}"},
        {"a=b", "a=\"a=b\"", "{\"a\":\"a=b\"}"},
        {"x\" event=audit", "a=\"x\\\" event=audit\"", "{\"a\":\"x\\\" event=audit\"}"},
        {"back\\slash", "a=\"back\\\\slash\"", "{\"a\":\"back\\\\slash\"}"},
        {"1\n2\r3\t4", "a=\"1\\n2\\r3\\t4\"", "{\"a\":\"1\\n2\\r3\\t4\"}"},
        {"\x01\x1b[31m\x7f", "a=\"\\u0001\\u001b[31m\\u007f\"",
         "{\"a\":\"\\u0001\\u001b[31m\\u007f\"}"},
        /* UTF-8 stays; broken UTF-8 and C1 controls are shown byte by byte. */
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91", "a=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91\"",
         "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91\"}"},
        {"\xff", "a=\"\\u00ff\"", "{\"a\":\"\\u00ff\"}"},
        {"\xc3", "a=\"\\u00c3\"", "{\"a\":\"\\u00c3\"}"},
        {"\xc0\xaf", "a=\"\\u00c0\\u00af\"", "{\"a\":\"\\u00c0\\u00af\"}"},
        {"\xc2\x9b", "a=\"\\u00c2\\u009b\"", "{\"a\":\"\\u00c2\\u009b\"}"},
        {"\xed\xa0\x80", "a=\"\\u00ed\\u00a0\\u0080\"", "{\"a\":\"\\u00ed\\u00a0\\u0080\"}"},
        {"\xf4\x90\x80\x80", "a=\"\\u00f4\\u0090\\u0080\\u0080\"",
         "{\"a\":\"\\u00f4\\u0090\\u0080\\u0080\"}"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_field(log_string("a", rows[i].text), rows[i].logfmt, rows[i].json);
    }
}

static void fields_are_separated(void **unused)
{
    struct log_line line;
    struct log_field fields[] = {log_string("a", "x"), log_int("b", 2), log_bool("c", true)};

    (void)unused;
    log_line_start(&line, LOG_FORMAT_LOGFMT);
    for (size_t i = 0; i < 3; i++) {
        log_line_add(&line, &fields[i]);
    }
    log_line_finish(&line);
    assert_memory_equal(line.text, "a=x b=2 c=true\n", line.len);
    log_line_start(&line, LOG_FORMAT_JSON);
    for (size_t i = 0; i < 3; i++) {
        log_line_add(&line, &fields[i]);
    }
    log_line_finish(&line);
    assert_memory_equal(line.text, "{\"a\":\"x\",\"b\":2,\"c\":true}\n", line.len);
}

/* A value of `len` letters; is the end of the line as `want` says? */
static void assert_long(size_t len, const char *want)
{
    char text[LOG_VALUE_MAX + 8];
    struct log_line line;

    memset(text, 'x', sizeof(text));
    text[len] = '\0';
    struct log_field field = log_string("a", text);
    log_line_start(&line, LOG_FORMAT_JSON);
    log_line_add(&line, &field);
    log_line_finish(&line);
    assert_true(line.len >= strlen(want));
    assert_memory_equal(line.text + line.len - strlen(want), want, strlen(want));
}

static void a_long_value_is_cut_and_shows_it(void **unused)
{
    (void)unused;
    assert_long(LOG_VALUE_MAX - 1, "x\"}\n");
    assert_long(LOG_VALUE_MAX, "x\"}\n");
    assert_long(LOG_VALUE_MAX + 1, "x...\"}\n");
}

static void a_cut_never_splits_a_character(void **unused)
{
    char text[LOG_VALUE_MAX + 8];
    struct log_line line;

    (void)unused;
    memset(text, 'x', sizeof(text));
    memcpy(text + LOG_VALUE_MAX - 2, "\xe2\x82\xac", 4);
    struct log_field field = log_string("a", text);
    log_line_start(&line, LOG_FORMAT_JSON);
    log_line_add(&line, &field);
    log_line_finish(&line);
    assert_memory_equal(line.text + line.len - 8, "xx...\"}\n", 8);
}

static void a_line_that_is_full_says_so_and_stays_whole(void **unused)
{
    static const enum log_format formats[] = {LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON};
    char text[LOG_VALUE_MAX];

    (void)unused;
    memset(text, '\x01', sizeof(text)); /* six bytes each once escaped */
    text[sizeof(text) - 1] = '\0';
    for (size_t i = 0; i < 2; i++) {
        struct log_line line;
        struct log_field big = log_string("big", text);
        struct log_field small = log_int("small", 1);
        log_line_start(&line, formats[i]);
        log_line_add(&line, &small);
        log_line_add(&line, &big);
        log_line_add(&line, &small);
        log_line_finish(&line);
        const char *want = formats[i] == LOG_FORMAT_JSON
                               ? "{\"small\":1,\"small\":1,\"cut\":true}\n"
                               : "small=1 small=1 cut=true\n";
        assert_int_equal(line.len, strlen(want));
        assert_memory_equal(line.text, want, line.len);
    }
}

static void a_line_never_outgrows_its_limit(void **unused)
{
    (void)unused;
    for (size_t len = 0; len < 64; len++) {
        struct log_line line;
        char text[64];
        memset(text, 'x', sizeof(text));
        text[len] = '\0';
        struct log_field field = log_string("a", text);
        log_line_start(&line, LOG_FORMAT_LOGFMT);
        for (int i = 0; i < 3000; i++) {
            log_line_add(&line, &field);
        }
        log_line_finish(&line);
        assert_true(line.len <= LOG_LINE_MAX);
        assert_true(line.is_cut);
        assert_memory_equal(line.text + line.len - 10, " cut=true\n", 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_field_has_its_form),
        cmocka_unit_test(durations_are_seconds_with_three_decimals),
        cmocka_unit_test(times_are_utc_with_milliseconds),
        cmocka_unit_test(text_from_outside_cannot_leave_its_value),
        cmocka_unit_test(fields_are_separated),
        cmocka_unit_test(a_long_value_is_cut_and_shows_it),
        cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(a_line_that_is_full_says_so_and_stays_whole),
        cmocka_unit_test(a_line_never_outgrows_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
