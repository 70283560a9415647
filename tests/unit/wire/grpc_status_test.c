/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/grpc_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void an_error_keeps_its_meaning_across_the_wire(void **unused)
{
    static const struct {
        enum err code;
        enum grpc_status status;
        enum err back;
    } rows[] = {
        {ERR_OK, GRPC_OK, ERR_OK},
        {ERR_INVALID, GRPC_INVALID_ARGUMENT, ERR_INVALID},
        {ERR_NOMEM, GRPC_RESOURCE_EXHAUSTED, ERR_LIMIT},
        {ERR_IO, GRPC_INTERNAL, ERR_IO},
        {ERR_CRYPTO, GRPC_INTERNAL, ERR_IO},
        {ERR_CONFLICT, GRPC_ABORTED, ERR_CONFLICT},
        {ERR_UNAVAILABLE, GRPC_UNAVAILABLE, ERR_UNAVAILABLE},
        {ERR_TIMEOUT, GRPC_DEADLINE_EXCEEDED, ERR_TIMEOUT},
        {ERR_DENIED, GRPC_PERMISSION_DENIED, ERR_DENIED},
        {ERR_NOT_FOUND, GRPC_NOT_FOUND, ERR_NOT_FOUND},
        {ERR_REFUSED, GRPC_FAILED_PRECONDITION, ERR_REFUSED},
        {ERR_LIMIT, GRPC_RESOURCE_EXHAUSTED, ERR_LIMIT},
        {ERR_PROTOCOL, GRPC_INTERNAL, ERR_IO},
        {ERR_CANCELLED, GRPC_CANCELLED, ERR_CANCELLED},
        {ERR_UNSUPPORTED, GRPC_UNIMPLEMENTED, ERR_UNSUPPORTED},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(grpc_status_from_err(rows[i].code), rows[i].status);
        assert_int_equal(grpc_status_to_err(rows[i].status), rows[i].back);
    }
    assert_int_equal(COUNT(rows), ERR_UNSUPPORTED + 1);
}

static void only_ok_is_ok_and_every_number_has_a_name(void **unused)
{
    (void)unused;
    for (unsigned int status = 1; status <= GRPC_UNAUTHENTICATED; status++) {
        assert_int_not_equal(grpc_status_to_err(status), ERR_OK);
        assert_string_not_equal(grpc_status_name(status), "?");
    }
    assert_string_equal(grpc_status_name(GRPC_OK), "OK");
    assert_string_equal(grpc_status_name(GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
    assert_int_equal(grpc_status_to_err(17), ERR_PROTOCOL);
    assert_int_equal(grpc_status_to_err(UINT32_MAX), ERR_PROTOCOL);
    assert_string_equal(grpc_status_name(17), "?");
}

static void a_message_is_escaped_and_comes_back(void **unused)
{
    static const struct {
        const char *text;
        const char *encoded;
    } rows[] = {
        {"", ""},
        {"no such realm 'x~'", "no such realm 'x~'"},
        {"100%", "100%25"},
        {"%41", "%2541"},
        {"gr\xc3\xbc\xc3\x9f", "gr%C3%BC%C3%9F"},
        {" !\"#$&()*+,-./:;<=>?@[\\]^_`{|}", " !\"#$&()*+,-./:;<=>?@[\\]^_`{|}"},
    };
    char encoded[64];
    char back[64];
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(grpc_message_encode(rows[i].text, encoded, sizeof(encoded)),
                         strlen(rows[i].encoded));
        assert_string_equal(encoded, rows[i].encoded);
        assert_int_equal(grpc_message_decode(encoded, strlen(encoded), back, sizeof(back)),
                         strlen(rows[i].text));
        assert_string_equal(back, rows[i].text);
    }
}

static void control_bytes_travel_escaped_and_are_never_printed(void **unused)
{
    char encoded[16];
    char back[16];
    (void)unused;
    for (int c = 1; c < 256; c++) {
        const char text[] = {'a', (char)c, 'b', '\0'};
        const size_t len = grpc_message_encode(text, encoded, sizeof(encoded));
        for (size_t i = 0; i < len; i++) {
            assert_in_range(encoded[i], 0x20, 0x7e);
        }
        assert_int_equal(grpc_message_decode(encoded, len, back, sizeof(back)), 3);
        const char want = c < 0x20 || c == 0x7f ? '?' : (char)c;
        assert_int_equal(back[1], want);
    }
}

static void an_encoded_message_is_cut_between_units(void **unused)
{
    static const struct {
        size_t cap;
        const char *want;
    } rows[] = {{1, ""}, {2, "a"}, {3, "a"}, {4, "a"}, {5, "a%0A"}, {6, "a%0Ab"}, {7, "a%0Ab"}};
    char out[8];
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        memset(out, 'x', sizeof(out));
        assert_int_equal(grpc_message_encode("a\nb", out, rows[i].cap), strlen(rows[i].want));
        assert_string_equal(out, rows[i].want);
    }
}

static void a_broken_escape_stays_as_it_is(void **unused)
{
    static const struct {
        const char *encoded;
        const char *want;
    } rows[] = {
        {"%", "%"},      {"%4", "%4"},     {"%zz", "%zz"},     {"%4g", "%4g"},  {"%%41", "%A"},
        {"%c3", "\xc3"}, {"a%00b", "a?b"}, {"%1b[2J", "?[2J"}, {"x\ny", "x?y"},
    };
    char out[16];
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)grpc_message_decode(rows[i].encoded, strlen(rows[i].encoded), out, sizeof(out));
        assert_string_equal(out, rows[i].want);
    }
    assert_int_equal(grpc_message_decode("abc", 3, out, 1), 0);
    assert_string_equal(out, "");
    assert_int_equal(grpc_message_decode("abc", 3, out, 3), 2);
    assert_string_equal(out, "ab");
}

static void timeouts_are_read_in_every_unit_and_rounded_up(void **unused)
{
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"3S", 3000},        {"2950m", 2950},
        {"1010m", 1010},     {"1H", 3600000},
        {"2M", 120000},      {"1u", 1},
        {"1000u", 1},        {"1001u", 2},
        {"1n", 1},           {"1000000n", 1},
        {"1000001n", 2},     {"0S", 0},
        {"00000001S", 1000}, {"99999999H", INT64_C(359999996400000)},
        {"100000000m", -1},  {"", -1},
        {"S", -1},           {"3", -1},
        {"3s", -1},          {"-3S", -1},
        {"+3S", -1},         {" 3S", -1},
        {"3 S", -1},         {"3S ", -1},
        {"3.5S", -1},        {"0x1S", -1},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t ms = -1;
        const enum err rc = grpc_timeout_parse(rows[i].text, strlen(rows[i].text), &ms);
        assert_int_equal(rc, rows[i].want < 0 ? ERR_INVALID : ERR_OK);
        assert_int_equal(ms, rows[i].want);
    }
}

static void a_timeout_is_written_short_and_never_shorter_than_asked(void **unused)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {INT64_MIN, "1m"},
        {0, "1m"},
        {1, "1m"},
        {999, "999m"},
        {1000, "1S"},
        {1001, "1001m"},
        {3600000, "3600S"},
        {99999999, "99999999m"},
        {100000000, "100000S"},
        {100000001, "100001S"},
        {INT64_C(99999999000), "99999999S"},
        {INT64_C(99999999001), "99999999S"},
        {INT64_MAX, "99999999S"},
    };
    char out[16];
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        grpc_timeout_format(rows[i].ms, out);
        assert_string_equal(out, rows[i].want);
        int64_t back = 0;
        assert_int_equal(grpc_timeout_parse(out, strlen(out), &back), ERR_OK);
        assert_true(back >= rows[i].ms || rows[i].ms > INT64_C(99999999000));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_keeps_its_meaning_across_the_wire),
        cmocka_unit_test(only_ok_is_ok_and_every_number_has_a_name),
        cmocka_unit_test(a_message_is_escaped_and_comes_back),
        cmocka_unit_test(control_bytes_travel_escaped_and_are_never_printed),
        cmocka_unit_test(an_encoded_message_is_cut_between_units),
        cmocka_unit_test(a_broken_escape_stays_as_it_is),
        cmocka_unit_test(timeouts_are_read_in_every_unit_and_rounded_up),
        cmocka_unit_test(a_timeout_is_written_short_and_never_shorter_than_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
