/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_principal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void principals_are_numbers_or_known_names(void **unused)
{
    static const struct {
        const char *text;
        enum err want;
        enum config_principal_kind kind;
        uint32_t id;
    } rows[] = {
        {"uid:0", ERR_OK, CONFIG_PRINCIPAL_UID, 0},
        {"uid:root", ERR_OK, CONFIG_PRINCIPAL_UID, 0},
        {"gid:0", ERR_OK, CONFIG_PRINCIPAL_GID, 0},
        {"gid:root", ERR_OK, CONFIG_PRINCIPAL_GID, 0},
        {"gid:33", ERR_OK, CONFIG_PRINCIPAL_GID, 33},
        {"uid:4294967294", ERR_OK, CONFIG_PRINCIPAL_UID, UINT32_MAX - 1},
        {"uid:4294967295", ERR_INVALID, 0, 7},
        {"uid:", ERR_INVALID, 0, 7},
        {"uid", ERR_INVALID, 0, 7},
        {"UID:0", ERR_INVALID, 0, 7},
        {" uid:0", ERR_INVALID, 0, 7},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {""};
        struct config_principal who = {.id = 7};
        assert_int_equal(config_principal_parse(rows[i].text, &who, &why), rows[i].want);
        assert_int_equal(who.kind, rows[i].kind);
        assert_int_equal(who.id, rows[i].id);
    }
}

static void patterns_of_certificate_names_have_whole_stars_only(void **unused)
{
    static const struct {
        const char *text;
        enum config_principal_kind kind;
        const char *pattern; /* NULL: refused */
    } rows[] = {
        {"spiffe://example.org/a", CONFIG_PRINCIPAL_URI, "spiffe://example.org/a"},
        {"spiffe://example.org/frontend/*", CONFIG_PRINCIPAL_URI,
         "spiffe://example.org/frontend/*"},
        {"spiffe://example.org/*/web", CONFIG_PRINCIPAL_URI, "spiffe://example.org/*/web"},
        {"spiffe://example.org", CONFIG_PRINCIPAL_URI, "spiffe://example.org"},
        {"https://example.org:8443/x/", CONFIG_PRINCIPAL_URI, "https://example.org:8443/x/"},
        {"x-1+a.b://h/*/*", CONFIG_PRINCIPAL_URI, "x-1+a.b://h/*/*"},
        {"spiffe://*/a", 0, NULL},
        {"spiffe://*.example.org/a", 0, NULL},
        {"*://example.org/a", 0, NULL},
        {"SPIFFE://example.org/a", 0, NULL},
        {"1x://example.org/a", 0, NULL},
        {"://example.org/a", 0, NULL},
        {"spiffe:///a", 0, NULL},
        {"spiffe://", 0, NULL},
        {"spiffe://example.org/fe-*", 0, NULL},
        {"spiffe://example.org/*fe", 0, NULL},
        {"spiffe://example.org/**", 0, NULL},
        {"spiffe://example.org/a?b", 0, NULL},
        {"spiffe://example.org?b", 0, NULL},
        {"spiffe://example.org/a#b", 0, NULL},
        {"spiffe://example.org//a", 0, NULL},
        {"spiffe://example.org/a b", 0, NULL},
        {"spiffe://example.org/\xc3\xa4", 0, NULL},
        {"uri:spiffe://example.org/a", 0, NULL}, /* the scheme of a URI is what is before :// */
        {"dns:a.example.org", CONFIG_PRINCIPAL_DNS, "a.example.org"},
        {"dns:*.fe.example.org", CONFIG_PRINCIPAL_DNS, "*.fe.example.org"},
        {"dns:fe.*.example.org", CONFIG_PRINCIPAL_DNS, "fe.*.example.org"},
        {"dns:a_b-1", CONFIG_PRINCIPAL_DNS, "a_b-1"},
        {"dns:*", 0, NULL},
        {"dns:*.*", 0, NULL},
        {"dns:", 0, NULL},
        {"dns:.example.org", 0, NULL},
        {"dns:example.org.", 0, NULL},
        {"dns:a..b", 0, NULL},
        {"dns:fe*.example.org", 0, NULL},
        {"dns:*fe.example.org", 0, NULL},
        {"dns:10.0.0.1", 0, NULL},
        {"dns:a.example.org:443", 0, NULL},
        {"dns:a b", 0, NULL},
        {"example.org", 0, NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errbuf why = {""};
        struct config_principal who = {.id = 7};
        bool is_good = rows[i].pattern != NULL;
        enum err rc = config_principal_parse(rows[i].text, &who, &why);
        if ((rc == ERR_OK) != is_good) {
            fail_msg("%s: %s", rows[i].text, why.text);
        }
        assert_int_equal(why.text[0] == '\0', is_good);
        if (is_good) {
            assert_int_equal(who.kind, rows[i].kind);
            assert_int_equal(who.id, 0);
            assert_string_equal(who.pattern, rows[i].pattern);
            free(who.pattern);
        } else {
            assert_int_equal(rc, ERR_INVALID);
            assert_int_equal(who.id, 7);
        }
    }
}

static void patterns_have_a_length_that_names_in_certificates_can_have(void **unused)
{
    char text[CONFIG_PATTERN_MAX + 2];
    struct errbuf why = {""};
    struct config_principal who = {0};

    (void)unused;
    memset(text, 'a', sizeof(text));
    memcpy(text, "spiffe://h/", 11);
    text[CONFIG_PATTERN_MAX + 1] = '\0';
    assert_int_equal(config_principal_parse(text, &who, &why), ERR_INVALID);
    text[CONFIG_PATTERN_MAX] = '\0';
    assert_int_equal(config_principal_parse(text, &who, &why), ERR_OK);
    free(who.pattern);
    memset(text, 'a', sizeof(text));
    memcpy(text, "dns:", 4);
    text[4 + 64] = '\0';
    assert_int_equal(config_principal_parse(text, &who, &why), ERR_INVALID);
    text[4 + 63] = '\0';
    assert_int_equal(config_principal_parse(text, &who, &why), ERR_OK);
    free(who.pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(principals_are_numbers_or_known_names),
        cmocka_unit_test(patterns_of_certificate_names_have_whole_stars_only),
        cmocka_unit_test(patterns_have_a_length_that_names_in_certificates_can_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
