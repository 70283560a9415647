/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cert_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

struct row {
    const char *pattern;
    const char *name;
    bool want;
};

static void check_rows(enum cert_name_kind kind, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cert_pattern_matches(kind, rows[i].pattern, rows[i].name) != rows[i].want) {
            fail_msg("row %zu: \"%s\" %s \"%s\"", i, rows[i].pattern,
                     rows[i].want ? "does not match" : "matches", rows[i].name);
        }
    }
}

static void a_star_is_one_segment_of_a_path(void **unused)
{
    static const struct row rows[] = {
        {"spiffe://a.org/fe/1", "spiffe://a.org/fe/1", true},
        {"spiffe://a.org/fe/1", "spiffe://a.org/fe/2", false},
        {"spiffe://a.org/fe/1", "spiffe://a.org/fe/11", false},
        {"spiffe://a.org/fe/11", "spiffe://a.org/fe/1", false},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/1", true},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/a-b_c.d~e:f@g!h", true},
        {"spiffe://a.org/*/1", "spiffe://a.org/fe/1", true},
        {"spiffe://a.org/*/*", "spiffe://a.org/fe/1", true},
        {"spiffe://a.org/*", "spiffe://a.org/fe", true},
        /* no more and no less than one */
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/1/2", false},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/1/", false},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/", false},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe", false},
        {"spiffe://a.org/*", "spiffe://a.org", false},
        {"spiffe://a.org/*/1", "spiffe://a.org//1", false},
        {"spiffe://a.org", "spiffe://a.org/", false},
        {"spiffe://a.org/", "spiffe://a.org", false},
        {"spiffe://a.org/fe", "spiffe://a.org/fe/", false},
        /* no dots, escapes, queries, fragments */
        {"spiffe://a.org/*/x", "spiffe://a.org/../x", false},
        {"spiffe://a.org/*/x", "spiffe://a.org/./x", false},
        {"spiffe://a.org/*/x", "spiffe://a.org/.../x", true},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/a%2Fb", false},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/%2e%2e", false},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/1?x", false},
        {"spiffe://a.org/fe/*", "spiffe://a.org/fe/1#x", false},
        {"spiffe://a.org/*/op", "spiffe://a.org/a?b/op", false},
        {"spiffe://a.org/*/a?b/op", "spiffe://a.org/1/a?b/op", false},
        {"spiffe://a.org/a?b/op", "spiffe://a.org/a?b/op", true},
        {"spiffe://a.org/a%2Fb", "spiffe://a.org/a%2Fb", true},
        {"spiffe://a.org/a%2Fb", "spiffe://a.org/a%2fb", false},
        {"spiffe://a.org/a/b", "spiffe://a.org/a%2Fb", false},
        /* elsewhere a star is a star, and no name may have one */
        {"spiffe://a.org/fe-*", "spiffe://a.org/fe-1", false},
        {"spiffe://a.org/**", "spiffe://a.org/fe", false},
        {"spiffe://*/fe", "spiffe://a.org/fe", false},
        {"spiffe://*.org/fe", "spiffe://a.org/fe", false},
        {"*://a.org/fe", "spiffe://a.org/fe", false},
        {"*", "spiffe://a.org/fe", false},
    };

    (void)unused;
    check_rows(CERT_NAME_URI, rows, sizeof(rows) / sizeof(rows[0]));
}

static void scheme_and_authority_have_no_case_and_paths_have(void **unused)
{
    static const struct row rows[] = {
        {"spiffe://a.org/fe", "SPIFFE://A.ORG/fe", true},
        {"SPIFFE://A.org/fe", "spiffe://a.ORG/fe", true},
        {"spiffe://a.org/fe", "spiffe://a.org/FE", false},
        {"spiffe://a.org/fe", "https://a.org/fe", false},
        {"spiffe://a.org/fe", "spiffe://b.org/fe", false},
        {"spiffe://a.org/fe", "spiffe://a.org.evil/fe", false},
        {"spiffe://a.org/fe", "spiffe://a.org:443/fe", false},
        {"spiffe://a.org/fe", "spiffe://x@a.org/fe", false},
        {"spiffe://a.org/*", "spiffe://a.org?/fe", false},
        {"spiffe://a.org/*", "spiffe://a.org#/fe", false},
        {"spiffe://a.org/fe", "x:spiffe://a.org/fe", false},
        /* without an authority: as a whole */
        {"urn:stek:fe", "urn:stek:fe", true},
        {"urn:stek:fe", "URN:stek:fe", false},
        {"urn:stek:*", "urn:stek:fe", false},
        {"urn:a/*", "urn:a/b", false},
        {"", "", false},
        {"", "spiffe://a.org/fe", false},
    };

    (void)unused;
    check_rows(CERT_NAME_URI, rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_star_is_one_label_of_a_dns_name(void **unused)
{
    static const struct row rows[] = {
        {"fe.example.org", "fe.example.org", true},
        {"fe.example.org", "FE.Example.ORG", true},
        {"FE.example.org", "fe.example.org", true},
        {"*.fe.example.org", "1.fe.example.org", true},
        {"*.fe.example.org", "a-1.FE.example.org", true},
        {"a.*.example.org", "a.b.example.org", true},
        {"*.*.example.org", "a.b.example.org", true},
        {"*", "localhost", true},
        /* no more and no less than one */
        {"*.fe.example.org", "fe.example.org", false},
        {"*.fe.example.org", ".fe.example.org", false},
        {"*.fe.example.org", "a.b.fe.example.org", false},
        {"*.example.org", "example.org", false},
        {"*.example.org", "a.example.org.", false},
        {"*.example.org.", "a.example.org", false},
        {"*", "a.b", false},
        {"*.*", "a", false},
        {"*.", "a", false},
        {"a..b", "a..b", false},
        {"a.", "a.", false},
        /* only as a whole label, and never in the name */
        {"fe*.example.org", "fe1.example.org", false},
        {"**.example.org", "fe.example.org", false},
        {"*.example.org", "*.example.org", false},
        {"*.example.org", "f*.example.org", false},
        {"fe.example.org", "*.example.org", false},
        {"*.org", "*.example.org", false},
        {"*", "*", false},
        /* suffixes and prefixes of a label */
        {"example.org", "xexample.org", false},
        {"example.org", "example.orgx", false},
        {"example.org", "example.or", false},
        {"", "", false},
        {"", "a", false},
        {"a", "", false},
    };

    (void)unused;
    check_rows(CERT_NAME_DNS, rows, sizeof(rows) / sizeof(rows[0]));
}

/* ---- certificates ---- */

struct raw {
    int type; /* GEN_... */
    const char *bytes;
    size_t len;
};
#define RAW(type, text)                                                                            \
    {                                                                                              \
        type, text, sizeof(text) - 1                                                               \
    }

static X509 *certificate_with(const struct raw *names, size_t count)
{
    X509 *made = X509_new();
    GENERAL_NAMES *list = GENERAL_NAMES_new();

    assert_true(made != NULL && list != NULL);
    for (size_t i = 0; i < count; i++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_STRING *text =
            names[i].type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
        assert_true(name != NULL && text != NULL);
        assert_int_equal(ASN1_STRING_set(text, names[i].bytes, (int)names[i].len), 1);
        GENERAL_NAME_set0_value(name, names[i].type, text);
        assert_true(sk_GENERAL_NAME_push(list, name) > 0);
    }
    assert_int_equal(X509_add1_ext_i2d(made, NID_subject_alt_name, list, 0, X509V3_ADD_APPEND), 1);
    GENERAL_NAMES_free(list);
    return made;
}

static void names_are_taken_in_their_order(void **unused)
{
    static const struct raw raw[] = {
        RAW(GEN_DNS, "fe-1.example.org"), RAW(GEN_IPADD, "\x7f\x00\x00\x01"),
        RAW(GEN_URI, "spiffe://a.org/fe/1"), RAW(GEN_EMAIL, "fe@example.org"),
        RAW(GEN_DNS, "*.example.org")};
    X509 *certificate = certificate_with(raw, 5);
    struct cert_names names = {0};
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(cert_names_of(certificate, &names, &why), ERR_OK);
    assert_int_equal(names.count, 3);
    assert_int_equal(names.at[0].kind, CERT_NAME_DNS);
    assert_string_equal(names.at[0].text, "fe-1.example.org");
    assert_int_equal(names.at[1].kind, CERT_NAME_URI);
    assert_string_equal(names.at[1].text, "spiffe://a.org/fe/1");
    assert_int_equal(names.at[2].kind, CERT_NAME_DNS);
    assert_string_equal(names.at[2].text, "*.example.org");
    cert_names_fini(&names);
    assert_int_equal(names.count, 0);
    cert_names_fini(&names);
    X509_free(certificate);
}

static void without_the_extension_there_are_no_names(void **unused)
{
    static const struct raw ip[] = {RAW(GEN_IPADD, "\x7f\x00\x00\x01")};
    X509 *bare = X509_new();
    X509 *address = certificate_with(ip, 1);
    struct cert_names names = {0};
    struct errbuf why = {""};

    (void)unused;
    /* The common name is nobody's name. */
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(bare), "CN", MBSTRING_ASC,
                                                (const unsigned char *)"fe-1.example.org", -1, -1,
                                                0),
                     1);
    assert_int_equal(cert_names_of(bare, &names, &why), ERR_OK);
    assert_int_equal(names.count, 0);
    assert_int_equal(cert_names_of(address, &names, &why), ERR_OK);
    assert_int_equal(names.count, 0);
    X509_free(bare);
    X509_free(address);
}

static void a_byte_that_is_no_part_of_a_name_refuses_the_certificate(void **unused)
{
    static const struct raw good = RAW(GEN_URI, "spiffe://a.org/fe/1");
    static const struct raw rows[] = {
        RAW(GEN_DNS, "fe.example.org\0.evil.org"),
        RAW(GEN_DNS, "\0"),
        RAW(GEN_DNS, ""),
        RAW(GEN_DNS, "fe.example.org\n"),
        RAW(GEN_DNS, "fe example.org"),
        RAW(GEN_DNS, "fe\x7f.example.org"),
        RAW(GEN_DNS, "f\xc3\xa9.example.org"),
        RAW(GEN_URI, "spiffe://a.org/fe/1\0"),
        RAW(GEN_URI, "spiffe://a.org/fe/\t"),
        RAW(GEN_URI, ""),
        RAW(GEN_EMAIL, "a@b\0c"),
        RAW(GEN_EMAIL, ""),
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* Beside a good name, before it and after it. */
        for (int first = 0; first < 2; first++) {
            const struct raw raw[] = {first ? rows[i] : good, first ? good : rows[i]};
            X509 *certificate = certificate_with(raw, 2);
            struct cert_names names = {.count = 77};
            struct errbuf why = {""};
            assert_int_equal(cert_names_of(certificate, &names, &why), ERR_DENIED);
            assert_int_equal(names.count, 77);
            assert_true(why.text[0] != '\0');
            X509_free(certificate);
        }
    }
}

static void what_cannot_be_read_refuses_the_certificate(void **unused)
{
    static const unsigned char broken[] = {0x30, 0x05, 0x82, 0x09, 'a', 'b', 'c'};
    static const struct raw good[] = {RAW(GEN_DNS, "fe.example.org")};
    ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
    X509 *certificate = X509_new();
    X509 *doubled = certificate_with(good, 1);
    struct cert_names names = {0};
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(ASN1_OCTET_STRING_set(bytes, broken, sizeof(broken)), 1);
    X509_EXTENSION *extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, bytes);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    assert_int_equal(cert_names_of(certificate, &names, &why), ERR_DENIED);
    assert_non_null(strstr(why.text, "cannot be read"));
    X509_EXTENSION_free(extension);
    extension = X509_EXTENSION_dup(X509_get_ext(doubled, 0));
    assert_int_equal(X509_add_ext(doubled, extension, -1), 1);
    assert_int_equal(cert_names_of(doubled, &names, &why), ERR_DENIED);
    assert_non_null(strstr(why.text, "there twice"));
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(bytes);
    X509_free(certificate);
    X509_free(doubled);
}

static void more_than_we_hold_is_refused(void **unused)
{
    static char big[CERT_NAMES_BYTES_MAX];
    struct raw many[CERT_NAMES_MAX + 1];
    struct errbuf why = {""};

    (void)unused;
    for (size_t i = 0; i < CERT_NAMES_MAX + 1; i++) {
        many[i] = (struct raw)RAW(GEN_DNS, "fe.example.org");
    }
    for (size_t count = CERT_NAMES_MAX; count <= CERT_NAMES_MAX + 1; count++) {
        X509 *certificate = certificate_with(many, count);
        struct cert_names names = {0};
        assert_int_equal(cert_names_of(certificate, &names, &why),
                         count <= CERT_NAMES_MAX ? ERR_OK : ERR_LIMIT);
        cert_names_fini(&names);
        X509_free(certificate);
    }
    memset(big, 'a', sizeof(big));
    for (size_t len = CERT_NAMES_BYTES_MAX - 1; len <= CERT_NAMES_BYTES_MAX; len++) {
        const struct raw one[] = {{GEN_DNS, big, len}};
        X509 *certificate = certificate_with(one, 1);
        struct cert_names names = {0};
        assert_int_equal(cert_names_of(certificate, &names, &why),
                         len < CERT_NAMES_BYTES_MAX ? ERR_OK : ERR_LIMIT);
        cert_names_fini(&names);
        X509_free(certificate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_is_one_segment_of_a_path),
        cmocka_unit_test(scheme_and_authority_have_no_case_and_paths_have),
        cmocka_unit_test(a_star_is_one_label_of_a_dns_name),
        cmocka_unit_test(names_are_taken_in_their_order),
        cmocka_unit_test(without_the_extension_there_are_no_names),
        cmocka_unit_test(a_byte_that_is_no_part_of_a_name_refuses_the_certificate),
        cmocka_unit_test(what_cannot_be_read_refuses_the_certificate),
        cmocka_unit_test(more_than_we_hold_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
