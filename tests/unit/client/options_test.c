/* SPDX-License-Identifier: Apache-2.0 */
#include "src/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void endpoints_are_hosts_with_ports_or_absolute_unix_paths(void **unused)
{
    char longest[ENDPOINT_PATH_MAX + 16] = "unix:/";
    const struct {
        const char *text;
        enum stek_status expected;
        const char *says;
    } rows[] = {
        {"unix:/run/stekd/stekd.sock", STEK_OK, ""},
        {"unix:/", STEK_OK, ""},
        {"unix:relative", STEK_ERR_INVALID, "absolute"},
        {"unix:", STEK_ERR_INVALID, "absolute"},
        {"/run/stekd.sock", STEK_ERR_INVALID, "unix:/absolute/path"},
        {"", STEK_ERR_INVALID, "unix:/absolute/path"},
        {NULL, STEK_ERR_INVALID, "unix:/absolute/path"},
        {"unix:/a\nb", STEK_ERR_INVALID, "unix:/absolute/path"},
        {"stekd.example.org:7443", STEK_OK, ""},
        {"[::1]:7443", STEK_OK, ""},
        {"127.0.0.1:65535", STEK_OK, ""},
        {"stekd.example.org", STEK_ERR_INVALID, "host:port"},
        {":7443", STEK_ERR_INVALID, "no host"},
        {"host:port", STEK_ERR_INVALID, "from 1 to 65535"},
        {"host:", STEK_ERR_INVALID, "from 1 to 65535"},
        {"host:0", STEK_ERR_INVALID, "from 1 to 65535"},
        {"host:65536", STEK_ERR_INVALID, "from 1 to 65535"},
        {"host:7443 ", STEK_ERR_INVALID, "from 1 to 65535"},
        {"::1:7443", STEK_ERR_INVALID, "[v6 address]:port"},
        {"[host]:7443", STEK_ERR_INVALID, "no host"},
        {"[]:7443", STEK_ERR_INVALID, "no host"},
        {"ho/st:7443", STEK_ERR_INVALID, "no host"},
        {"-host:7443", STEK_ERR_INVALID, "no host"},
        {"unix:7443", STEK_ERR_INVALID, "absolute"},
    };
    struct stek_options *options = stek_options_new();
    (void)unused;
    assert_string_equal(stek_options_error(options), "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(stek_options_add_endpoint(options, rows[i].text), rows[i].expected);
        if (rows[i].expected != STEK_OK) {
            assert_non_null(strstr(stek_options_error(options), rows[i].says));
        }
    }
    assert_int_equal(options->endpoint_count, 5);
    assert_false(options->endpoints[0].is_tcp);
    assert_string_equal(options->endpoints[0].path, "/run/stekd/stekd.sock");
    assert_true(options->endpoints[3].is_tcp);
    assert_string_equal(options->endpoints[3].host, "::1");
    assert_int_equal(options->endpoints[3].port, 7443);
    assert_string_equal(options->endpoints[3].text, "[::1]:7443");
    memset(longest + 6, 'p', ENDPOINT_PATH_MAX - 1);
    assert_int_equal(stek_options_add_endpoint(options, longest), STEK_OK);
    longest[5 + ENDPOINT_PATH_MAX] = 'p';
    assert_int_equal(stek_options_add_endpoint(options, longest), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "107"));
    stek_options_free(options);
    stek_options_free(NULL);
}

static void there_are_at_most_eight_endpoints(void **unused)
{
    struct stek_options *options = stek_options_new();
    (void)unused;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(stek_options_add_endpoint(options, "unix:/x"), STEK_OK);
    }
    assert_int_equal(stek_options_add_endpoint(options, "unix:/x"), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "8 endpoints"));
    stek_options_free(options);
}

static void realms_are_named_plainly_each_once_and_at_most_64(void **unused)
{
    struct stek_options *options = stek_options_new();
    char name[16];
    (void)unused;
    assert_int_equal(stek_options_add_realm(options, NULL), STEK_ERR_INVALID);
    assert_int_equal(stek_options_add_realm(options, "No"), STEK_ERR_INVALID);
    assert_int_equal(stek_options_add_realm(options, ""), STEK_ERR_INVALID);
    assert_int_equal(options->realm_count, 0);
    for (int i = 0; i < 64; i++) {
        (void)snprintf(name, sizeof(name), "r%d", i);
        assert_int_equal(stek_options_add_realm(options, name), STEK_OK);
    }
    assert_int_equal(stek_options_add_realm(options, "r7"), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "r7"));
    assert_int_equal(stek_options_add_realm(options, "one-more"), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "64"));
    stek_options_free(options);
}

static void a_frontends_name_is_a_label_and_the_hosts_by_default(void **unused)
{
    struct stek_options *options = stek_options_new();
    char longest[WIRE_LABEL_MAX + 2];
    char out[WIRE_LABEL_MAX + 1];
    (void)unused;
    options_frontend_name(options, out);
    assert_true(strlen(out) > 0);
    memset(longest, 'n', sizeof(longest));
    longest[WIRE_LABEL_MAX + 1] = '\0';
    assert_int_equal(stek_options_set_name(options, longest), STEK_ERR_INVALID);
    longest[WIRE_LABEL_MAX] = '\0';
    assert_int_equal(stek_options_set_name(options, longest), STEK_OK);
    assert_int_equal(stek_options_set_name(options, ""), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_name(options, NULL), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_name(options, "a\tb"), STEK_ERR_INVALID);
    options_frontend_name(options, out);
    assert_string_equal(out, longest);
    stek_options_free(options);
}

static void tls_takes_three_files(void **unused)
{
    struct stek_options *options = stek_options_new();
    (void)unused;
    assert_int_equal(stek_options_set_tls(options, NULL, "cert", "key"), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_tls(options, "ca", "", "key"), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_tls(options, "ca", "cert", NULL), STEK_ERR_INVALID);
    assert_non_null(strstr(stek_options_error(options), "three PEM files"));
    assert_null(options->ca_file);
    assert_int_equal(stek_options_set_tls(options, "ca", "cert", "key"), STEK_OK);
    assert_int_equal(stek_options_set_tls(options, "ca2", "cert2", "key2"), STEK_OK);
    assert_string_equal(options->ca_file, "ca2");
    assert_string_equal(options->certificate_file, "cert2");
    assert_string_equal(options->key_file, "key2");
    stek_options_free(options);
}

static void contexts_are_between_1_and_1024(void **unused)
{
    struct stek_options *options = stek_options_new();
    (void)unused;
    assert_int_equal(options->contexts_max, 16);
    assert_int_equal(stek_options_set_max_contexts(options, 0), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_max_contexts(options, 1), STEK_OK);
    assert_int_equal(stek_options_set_max_contexts(options, 1024), STEK_OK);
    assert_int_equal(stek_options_set_max_contexts(options, 1025), STEK_ERR_INVALID);
    assert_int_equal(options->contexts_max, 1024);
    stek_options_free(options);
}

static void no_options_are_invalid_everywhere(void **unused)
{
    (void)unused;
    assert_int_equal(stek_options_add_endpoint(NULL, "unix:/x"), STEK_ERR_INVALID);
    assert_int_equal(stek_options_add_realm(NULL, "web"), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_name(NULL, "x"), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_tls(NULL, "a", "b", "c"), STEK_ERR_INVALID);
    assert_int_equal(stek_options_set_max_contexts(NULL, 1), STEK_ERR_INVALID);
    stek_options_set_log(NULL, NULL, NULL);
    assert_string_equal(stek_options_error(NULL), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_hosts_with_ports_or_absolute_unix_paths),
        cmocka_unit_test(there_are_at_most_eight_endpoints),
        cmocka_unit_test(realms_are_named_plainly_each_once_and_at_most_64),
        cmocka_unit_test(a_frontends_name_is_a_label_and_the_hosts_by_default),
        cmocka_unit_test(tls_takes_three_files),
        cmocka_unit_test(contexts_are_between_1_and_1024),
        cmocka_unit_test(no_options_are_invalid_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
