/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, and how it is said, stands in tests/golden/config; here are the values. */
#include "config/config_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void durations_are_a_whole_number_and_one_unit(void **unused)
{
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"0ms", 0},
        {"500ms", 500},
        {"15s", 15000},
        {"90m", 5400000},
        {"12h", 43200000},
        {"7d", 604800000},
        {"007d", 604800000},
        {"9223372036854775807ms", INT64_MAX},
        {"9223372036854775808ms", -1},
        {"106751991167d", INT64_C(9223372036828800000)},
        {"106751991168d", -1},
        {"18446744073709551616s", -1},
        {"", -1},
        {"s", -1},
        {"15", -1},
        {"15 s", -1},
        {" 15s", -1},
        {"15s ", -1},
        {"+15s", -1},
        {"-15s", -1},
        {"1.5s", -1},
        {"15S", -1},
        {"1h30m", -1},
        {"1w", -1},
        {"0x1s", -1},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {""};
        int64_t ms = -1;
        enum err want = rows[i].want < 0 ? ERR_INVALID : ERR_OK;
        assert_int_equal(config_value_duration(rows[i].text, &ms, &why), want);
        assert_int_equal(ms, rows[i].want);
        assert_int_equal(why.text[0] == '\0', want == ERR_OK);
    }
}

static void whole_numbers_are_digits_that_fit(void **unused)
{
    static const struct {
        const char *text;
        enum err want;
        uint32_t value;
    } rows[] = {
        {"0", ERR_OK, 0},
        {"4294967295", ERR_OK, UINT32_MAX},
        {"4294967296", ERR_INVALID, 7},
        {"", ERR_INVALID, 7},
        {"-1", ERR_INVALID, 7},
        {"1 ", ERR_INVALID, 7},
        {"1e3", ERR_INVALID, 7},
        {"99999999999999999999999", ERR_INVALID, 7},
        {"000012", ERR_OK, 12},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {""};
        uint32_t value = 7;
        assert_int_equal(config_value_uint(rows[i].text, &value, &why), rows[i].want);
        assert_int_equal(value, rows[i].value);
    }
}

static void modes_are_octal(void **unused)
{
    static const struct {
        const char *text;
        enum err want;
        uint32_t value;
    } rows[] = {
        {"0660", ERR_OK, 0660},    {"660", ERR_OK, 0660},   {"7777", ERR_OK, 07777},
        {"10000", ERR_INVALID, 7}, {"8", ERR_INVALID, 7},   {"", ERR_INVALID, 7},
        {"0o660", ERR_INVALID, 7}, {"66x", ERR_INVALID, 7},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {""};
        uint32_t value = 7;
        assert_int_equal(config_value_mode(rows[i].text, &value, &why), rows[i].want);
        assert_int_equal(value, rows[i].value);
    }
}

static void socket_paths_are_absolute_and_fit(void **unused)
{
    char path[CONFIG_UNIX_PATH_MAX + 2];
    struct errbuf why = {""};

    (void)unused;
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[CONFIG_UNIX_PATH_MAX + 1] = '\0';
    assert_int_equal(config_value_unix_path(path, &why), ERR_INVALID);
    path[CONFIG_UNIX_PATH_MAX] = '\0';
    assert_int_equal(config_value_unix_path(path, &why), ERR_OK);
    assert_int_equal(config_value_unix_path("/a", &why), ERR_OK);
    assert_int_equal(config_value_unix_path("/", &why), ERR_INVALID);
    assert_int_equal(config_value_unix_path("", &why), ERR_INVALID);
    assert_int_equal(config_value_unix_path("a", &why), ERR_INVALID);
}

static void store_addresses_are_host_and_port_or_a_socket(void **unused)
{
    static const struct {
        const char *text;
        const char *host;
        const char *unix_path;
        uint16_t port; /* what is refused stands in tests/golden/config */
    } rows[] = {
        {"127.0.0.1:6379", "127.0.0.1", "", 6379},
        {"redis.example.org:1", "redis.example.org", "", 1},
        {"[fe80::1]:65535", "fe80::1", "", 65535},
        {"unix:/run/redis/redis.sock", "", "/run/redis/redis.sock", 0},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_address address = {.port = 9};
        struct errbuf why = {""};
        assert_int_equal(config_value_address(rows[i].text, &address, &why), ERR_OK);
        assert_string_equal(address.host, rows[i].host);
        assert_string_equal(address.unix_path, rows[i].unix_path);
        assert_int_equal(address.port, rows[i].port);
    }
}

static void text_that_a_terminal_could_act_on_is_not_shown(void **unused)
{
    (void)unused;
    assert_string_equal(config_value_show("plain text"), "plain text");
    assert_string_equal(config_value_show(""), "");
    assert_string_equal(config_value_show("\x1b[31m"), "(unprintable or too long)");
}

static void an_http_address_is_loopback_and_a_port(void **unused)
{
    static const struct {
        const char *text;
        const char *address; /* NULL: refused */
        uint16_t port;
    } rows[] = {
        {"127.0.0.1:7480", "127.0.0.1", 7480},
        {"127.255.255.255:1", "127.255.255.255", 1},
        {"127.0.0.0:65535", "127.0.0.0", 65535},
        {"[::1]:7480", "::1", 7480},
        {"[0:0:0:0:0:0:0:1]:7480", "0:0:0:0:0:0:0:1", 7480},
        {"126.255.255.255:7480", NULL, 0},
        {"128.0.0.0:7480", NULL, 0},
        {"0.0.0.0:7480", NULL, 0},
        {"10.0.0.1:7480", NULL, 0},
        {"127.1:7480", NULL, 0},
        {"localhost:7480", NULL, 0},
        {"[::]:7480", NULL, 0},
        {"[::2]:7480", NULL, 0},
        {"[::ffff:127.0.0.1]:7480", NULL, 0},
        {"[127.0.0.1]:7480", NULL, 0},
        {"::1:7480", NULL, 0},
        {"[::1]7480", NULL, 0},
        {"[::1", NULL, 0},
        {"127.0.0.1", NULL, 0},
        {"127.0.0.1:", NULL, 0},
        {"127.0.0.1:0", NULL, 0},
        {"127.0.0.1:65536", NULL, 0},
        {"127.0.0.1:80x", NULL, 0},
        {"127.0.0.1:-1", NULL, 0},
        {":7480", NULL, 0},
        {"7480", NULL, 0},
        {"", NULL, 0},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_http http = {.address = "untouched", .port = 1};
        struct errbuf why = {""};
        enum err rc = config_value_loopback(rows[i].text, &http, &why);
        bool is_good = rows[i].address != NULL;
        assert_int_equal(rc, is_good ? ERR_OK : ERR_INVALID);
        assert_string_equal(http.address, is_good ? rows[i].address : "untouched");
        assert_int_equal(http.port, is_good ? rows[i].port : 1);
        assert_int_equal(why.text[0] == '\0', is_good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_http_address_is_loopback_and_a_port),
        cmocka_unit_test(durations_are_a_whole_number_and_one_unit),
        cmocka_unit_test(whole_numbers_are_digits_that_fit),
        cmocka_unit_test(modes_are_octal),
        cmocka_unit_test(socket_paths_are_absolute_and_fit),
        cmocka_unit_test(store_addresses_are_host_and_port_or_a_socket),
        cmocka_unit_test(text_that_a_terminal_could_act_on_is_not_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
