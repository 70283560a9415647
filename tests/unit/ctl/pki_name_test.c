/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define L63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"

static void a_host_is_a_dns_name_or_an_address(void **unused)
{
    static const struct {
        const char *text;
        enum pki_name_kind kind;
        const char *want;
    } rows[] = {
        {"localhost", PKI_NAME_DNS, "localhost"},
        {"Stekd-1.Example.ORG", PKI_NAME_DNS, "stekd-1.example.org"},
        {"1.2.3.example", PKI_NAME_DNS, "1.2.3.example"},
        {L63 ".org", PKI_NAME_DNS, L63 ".org"},
        {L63 "." L63 "." L63 "." L63, PKI_NAME_DNS, NULL}, /* 255: one label too long a name */
        {"10.0.0.1", PKI_NAME_IP, "10.0.0.1"},
        {"::1", PKI_NAME_IP, "::1"},
        {"[2001:DB8:0:0::7]", PKI_NAME_IP, "2001:db8::7"},
        {"", PKI_NAME_DNS, NULL},
        {"10.0.0.300", PKI_NAME_DNS, NULL},
        {"a..b", PKI_NAME_DNS, NULL},
        {".a", PKI_NAME_DNS, NULL},
        {"a.", PKI_NAME_DNS, NULL},
        {"-a.b", PKI_NAME_DNS, NULL},
        {"a-.b", PKI_NAME_DNS, NULL},
        {"x" L63 ".org", PKI_NAME_DNS, NULL},
        {"*.example.org", PKI_NAME_DNS, NULL},
        {"a.example:7443", PKI_NAME_DNS, NULL},
        {"https://a.example", PKI_NAME_DNS, NULL},
        {"[::1]:7443", PKI_NAME_DNS, NULL},
        {"a_b.example", PKI_NAME_DNS, NULL},
        {"a b", PKI_NAME_DNS, NULL},
        {"caf\xc3\xa9.example", PKI_NAME_DNS, NULL},
        {"a\nb", PKI_NAME_DNS, NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_name name = {.kind = PKI_NAME_URI, .text = "untouched"};
        struct errbuf why = {""};
        enum err rc = pki_name_of_host(rows[i].text, &name, &why);
        if (rows[i].want == NULL) {
            assert_int_equal(rc, ERR_INVALID);
            assert_string_equal(name.text, "untouched");
            assert_true(why.text[0] != '\0');
        } else {
            assert_int_equal(rc, ERR_OK);
            assert_int_equal(name.kind, rows[i].kind);
            assert_string_equal(name.text, rows[i].want);
        }
    }
}

static void a_client_is_a_uri_a_dns_name_or_short_for_a_uri(void **unused)
{
    static const struct {
        const char *text;
        enum pki_name_kind kind;
        const char *want;
    } rows[] = {
        {"fe-1", PKI_NAME_URI, "spiffe://example.org/frontend/fe-1"},
        {"Mixed_Case.1", PKI_NAME_URI, "spiffe://example.org/frontend/Mixed_Case.1"},
        {"spiffe://other.org/a/b", PKI_NAME_URI, "spiffe://other.org/a/b"},
        {"urn+x://h:8/a%20b", PKI_NAME_URI, "urn+x://h:8/a%20b"},
        {"dns:Fe-1.example.org", PKI_NAME_DNS, "fe-1.example.org"},
        {"dns:10.0.0.1", PKI_NAME_DNS, NULL},
        {"dns:*.example.org", PKI_NAME_DNS, NULL},
        {"dns:", PKI_NAME_DNS, NULL},
        {"", PKI_NAME_URI, NULL},
        {".", PKI_NAME_URI, NULL},
        {"..", PKI_NAME_URI, NULL},
        {"a/b", PKI_NAME_URI, NULL},
        {"a b", PKI_NAME_URI, NULL},
        {"*", PKI_NAME_URI, NULL},
        {"fe\n1", PKI_NAME_URI, NULL},
        {"spiffe://example.org", PKI_NAME_URI, NULL},
        {"spiffe://example.org/", PKI_NAME_URI, NULL},
        {"spiffe:///frontend/a", PKI_NAME_URI, NULL},
        {"spiffe://example.org/a//b", PKI_NAME_URI, NULL},
        {"spiffe://example.org/a/../b", PKI_NAME_URI, NULL},
        {"spiffe://example.org/a?b", PKI_NAME_URI, NULL},
        {"spiffe://example.org/a#b", PKI_NAME_URI, NULL},
        {"spiffe://user@example.org/a", PKI_NAME_URI, NULL},
        {"spiffe://Example.org/a", PKI_NAME_URI, NULL},
        {"SPIFFE://example.org/a", PKI_NAME_URI, NULL},
        {"://example.org/a", PKI_NAME_URI, NULL},
        {"3://example.org/a", PKI_NAME_URI, NULL},
        {"spiffe://example.org/frontend/*", PKI_NAME_URI, NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_name name = {.kind = PKI_NAME_IP, .text = "untouched"};
        struct errbuf why = {""};
        enum err rc = pki_name_of_client(rows[i].text, "example.org", "frontend", &name, &why);
        if (rows[i].want == NULL) {
            if (rc != ERR_INVALID) {
                fail_msg("\"%s\" was taken for a name", rows[i].text);
            }
            assert_string_equal(name.text, "untouched");
            assert_true(why.text[0] != '\0');
        } else {
            assert_int_equal(rc, ERR_OK);
            assert_int_equal(name.kind, rows[i].kind);
            assert_string_equal(name.text, rows[i].want);
        }
    }
}

static void a_name_has_an_exact_longest_length(void **unused)
{
    const size_t frame = strlen("spiffe://example.org/frontend/");
    char text[PKI_NAME_MAX + 2];

    (void)unused;
    for (size_t len = PKI_NAME_MAX - 1; len <= PKI_NAME_MAX + 1; len++) {
        struct pki_name name;
        memset(text, 'x', sizeof(text));
        text[len - frame] = '\0';
        assert_int_equal(pki_name_of_client(text, "example.org", "frontend", &name, NULL),
                         len <= PKI_NAME_MAX ? ERR_OK : ERR_INVALID);
    }
}

static void a_file_is_named_after_the_last_part(void **unused)
{
    static const struct {
        struct pki_name name;
        const char *want;
    } rows[] = {
        {{PKI_NAME_DNS, "a.example.org"}, "a.example.org"},
        {{PKI_NAME_IP, "10.0.0.1"}, "10.0.0.1"},
        {{PKI_NAME_IP, "fe80::1"}, "fe80__1"},
        {{PKI_NAME_IP, "::1"}, "__1"},
        {{PKI_NAME_URI, "spiffe://example.org/frontend/fe-1"}, "fe-1"},
        {{PKI_NAME_URI, "spiffe://example.org/frontend/.hidden"}, NULL},
        {{PKI_NAME_URI, "spiffe://example.org/frontend/-o"}, NULL},
        {{PKI_NAME_URI, "spiffe://example.org/frontend/a%2fb"}, NULL},
        {{PKI_NAME_URI, "spiffe://example.org/ca"}, NULL},
        {{PKI_NAME_DNS, "ca"}, NULL},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char stem[PKI_NAME_MAX + 1] = "untouched";
        struct errbuf why = {""};
        enum err rc = pki_name_stem(&rows[i].name, stem, &why);
        assert_int_equal(rc, rows[i].want != NULL ? ERR_OK : ERR_INVALID);
        assert_string_equal(stem, rows[i].want != NULL ? rows[i].want : "untouched");
    }
}

static void a_trust_domain_is_made_like_a_dns_name(void **unused)
{
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        {"example.org", ERR_OK},
        {"prod", ERR_OK},
        {"", ERR_INVALID},
        {"Example.org", ERR_INVALID},
        {"example.org/x", ERR_INVALID},
        {"10.0.0.1", ERR_INVALID},
        {"spiffe://a.org", ERR_INVALID},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(pki_name_check_domain(rows[i].text, NULL), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_a_dns_name_or_an_address),
        cmocka_unit_test(a_client_is_a_uri_a_dns_name_or_short_for_a_uri),
        cmocka_unit_test(a_name_has_an_exact_longest_length),
        cmocka_unit_test(a_file_is_named_after_the_last_part),
        cmocka_unit_test(a_trust_domain_is_made_like_a_dns_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
