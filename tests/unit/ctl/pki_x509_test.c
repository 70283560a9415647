/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_x509.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "ctl/pki_crl.h"
#include "support/fake_time.h"
#include "wire/cert_names.h"
#include "wire/tls_context.h"

#define NOW_MS 1790000000000 /* September 2026 */
#define DAY_MS 86400000

static struct pki_identity make(enum pki_use use, const char *text, enum pki_name_kind kind,
                                const struct pki_identity *issuer, struct fake_random *random)
{
    struct pki_name name = {.kind = kind};
    struct pki_identity made = {NULL, NULL};
    struct errbuf why = {""};

    assert_true(strlen(text) <= PKI_NAME_MAX);
    memcpy(name.text, text, strlen(text) + 1);
    const struct pki_subject subject = {use, text, &name, 1, NOW_MS, NOW_MS + 10 * (int64_t)DAY_MS};
    if (pki_x509_make(&subject, issuer, &random->source, &made, &why) != ERR_OK) {
        fail_msg("%s", why.text);
    }
    return made;
}

/* X509_V_OK or why not, at `at_ms`, as this kind of peer, strictly. */
static int verify(X509 *leaf, X509 *ca, int purpose, int64_t at_ms, X509_CRL *crl)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    assert_non_null(store);
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    if (crl != NULL) {
        assert_int_equal(X509_STORE_add_crl(store, crl), 1);
    }
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)(at_ms / 1000));
    X509_STORE_CTX_set_flags(ctx,
                             X509_V_FLAG_X509_STRICT | (crl != NULL ? X509_V_FLAG_CRL_CHECK : 0));
    assert_int_equal(X509_STORE_CTX_set_purpose(ctx, purpose), 1);
    (void)X509_verify_cert(ctx);
    int error = X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return error;
}

static void a_certificate_is_good_for_its_use_alone_and_in_its_time(void **unused)
{
    static const enum pki_use uses[] = {PKI_USE_SERVER, PKI_USE_CLIENT};
    static const int purposes[] = {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT};
    struct fake_random random;

    (void)unused;
    fake_random_init(&random, 1);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    for (size_t i = 0; i < 2; i++) {
        struct pki_identity leaf = make(uses[i], "a.example.org", PKI_NAME_DNS, &ca, &random);
        X509 *x = leaf.certificate;
        int64_t end_ms = NOW_MS + 10 * (int64_t)DAY_MS;
        assert_int_equal(verify(x, ca.certificate, purposes[i], NOW_MS, NULL), X509_V_OK);
        assert_int_equal(verify(x, ca.certificate, purposes[1 - i], NOW_MS, NULL),
                         X509_V_ERR_INVALID_PURPOSE);
        assert_int_equal(verify(x, ca.certificate, purposes[i], NOW_MS - 1000, NULL),
                         X509_V_ERR_CERT_NOT_YET_VALID);
        assert_int_equal(verify(x, ca.certificate, purposes[i], end_ms + 1000, NULL),
                         X509_V_ERR_CERT_HAS_EXPIRED);
        assert_int_equal(pki_x509_until_ms(x), end_ms);
        assert_int_equal(X509_check_ca(x), 0);
        assert_true((X509_get_key_usage(x) & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) == 0);
        assert_int_equal(EVP_PKEY_get_bits(leaf.key), 256);
        pki_identity_fini(&leaf);
    }
    pki_identity_fini(&ca);
}

static void names_are_data_and_checked_as_such(void **unused)
{
    struct fake_random random;

    (void)unused;
    fake_random_init(&random, 2);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    /* Text that OpenSSL's configuration language would take for two names. */
    struct pki_identity odd = make(PKI_USE_CLIENT, "x://h/a,URI:y", PKI_NAME_URI, &ca, &random);
    GENERAL_NAMES *names = X509_get_ext_d2i(odd.certificate, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    GENERAL_NAMES_free(names);
    pki_identity_fini(&odd);
    struct pki_identity v6 = make(PKI_USE_SERVER, "2001:db8::7", PKI_NAME_IP, &ca, &random);
    assert_int_equal(X509_check_ip_asc(v6.certificate, "2001:db8::7", 0), 1);
    assert_int_equal(X509_check_ip_asc(v6.certificate, "2001:db8::8", 0), 0);
    pki_identity_fini(&v6);
    pki_identity_fini(&ca);
}

static void a_name_too_long_for_the_subject_stands_in_the_extension(void **unused)
{
    static const char name[] = "spiffe://example.org/frontend/a-name-of-more-than-sixty-four-bytes";
    struct fake_random random;

    (void)unused;
    fake_random_init(&random, 3);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    struct pki_identity leaf = make(PKI_USE_CLIENT, name, PKI_NAME_URI, &ca, &random);
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(leaf.certificate)), 0);
    int at = X509_get_ext_by_NID(leaf.certificate, NID_subject_alt_name, -1);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(leaf.certificate, at)), 1);
    assert_int_equal(
        verify(leaf.certificate, ca.certificate, X509_PURPOSE_SSL_CLIENT, NOW_MS, NULL), X509_V_OK);
    pki_identity_fini(&leaf);
    pki_identity_fini(&ca);
}

static void serial_numbers_come_from_the_source_and_are_positive(void **unused)
{
    struct fake_random random;
    struct fake_random again;

    (void)unused;
    fake_random_init(&random, 4);
    fake_random_init(&again, 4);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://a.org", PKI_NAME_URI, NULL, &random);
    struct pki_identity same = make(PKI_USE_CA, "spiffe://a.org", PKI_NAME_URI, NULL, &again);
    struct pki_identity next = make(PKI_USE_CLIENT, "x://h/a", PKI_NAME_URI, &ca, &random);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(ca.certificate);
    assert_int_equal(ASN1_STRING_length(serial), 16);
    assert_int_equal(ASN1_STRING_type(serial), V_ASN1_INTEGER);
    assert_int_equal(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(same.certificate)), 0);
    assert_int_not_equal(ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(next.certificate)), 0);
    /* The keys do not. */
    assert_int_equal(EVP_PKEY_eq(ca.key, same.key), 0);
    pki_identity_fini(&next);
    pki_identity_fini(&same);
    pki_identity_fini(&ca);
}

static enum err fail_to_fill(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
    return ERR_IO;
}

static void without_randomness_nothing_is_made(void **unused)
{
    const struct random_source broken = {fail_to_fill, NULL};
    const struct pki_subject subject = {PKI_USE_CA, "x", NULL, 0, NOW_MS, NOW_MS + DAY_MS};
    struct pki_identity made = {NULL, NULL};
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(pki_x509_make(&subject, NULL, &broken, &made, &why), ERR_CRYPTO);
    assert_null(made.certificate);
    assert_null(made.key);
    assert_true(why.text[0] != '\0');
}

struct pem {
    struct secret_buf certificate;
    struct secret_buf key;
};

static struct pem encode(const struct pki_identity *identity)
{
    struct pem pem = {{0}, {0}};

    assert_int_equal(pki_x509_encode(identity->certificate, &pem.certificate), ERR_OK);
    assert_int_equal(pki_x509_encode_key(identity->key, &pem.key), ERR_OK);
    return pem;
}

static void pem_fini(struct pem *pem)
{
    secret_buf_fini(&pem->certificate);
    secret_buf_fini(&pem->key);
}

static struct slice slice_of(const struct secret_buf *buf)
{
    return (struct slice){buf->at, buf->len};
}

static void a_ca_is_loaded_only_if_all_of_it_is_right(void **unused)
{
    static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
    struct fake_random random;

    (void)unused;
    fake_random_init(&random, 5);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    struct pki_identity leaf = make(PKI_USE_CLIENT, "x://h/a", PKI_NAME_URI, &ca, &random);
    struct pem ours = encode(&ca);
    struct pem other = encode(&leaf);
    const struct slice nothing = {(const uint8_t *)"", 0};
    const struct {
        struct slice certificate;
        struct slice key;
        int64_t now_ms;
        const char *says; /* NULL: is loaded */
    } rows[] = {
        {slice_of(&ours.certificate), slice_of(&ours.key), NOW_MS, NULL},
        {slice_of(&other.certificate), slice_of(&other.key), NOW_MS, "not that of a CA"},
        {slice_of(&ours.certificate), slice_of(&other.key), NOW_MS, "does not belong"},
        {slice_of(&ours.key), slice_of(&ours.key), NOW_MS, "its certificate: holds no"},
        {nothing, slice_of(&ours.key), NOW_MS, "its certificate: holds no"},
        {slice_of(&ours.certificate), nothing, NOW_MS, "its key: holds no"},
        {slice_of(&ours.certificate),
         {(const uint8_t *)encrypted, sizeof(encrypted) - 1},
         NOW_MS,
         "needs no password"},
        {slice_of(&ours.certificate), slice_of(&ours.key), NOW_MS + 11 * (int64_t)DAY_MS,
         "has expired"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_identity loaded = {NULL, NULL};
        struct errbuf why = {""};
        enum err rc =
            pki_x509_load_ca(rows[i].certificate, rows[i].key, rows[i].now_ms, &loaded, &why);
        assert_int_equal(rc, rows[i].says == NULL ? ERR_OK : ERR_INVALID);
        assert_true((loaded.certificate != NULL) == (rows[i].says == NULL));
        if (rows[i].says != NULL && strstr(why.text, rows[i].says) == NULL) {
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, why.text, rows[i].says);
        }
        pki_identity_fini(&loaded);
    }
    pem_fini(&ours);
    pem_fini(&other);
    pki_identity_fini(&leaf);
    pki_identity_fini(&ca);
}

static void a_ca_names_its_trust_domain(void **unused)
{
    static const struct {
        const char *name;
        const char *want;
    } rows[] = {{"spiffe://example.org", "example.org"},
                {"spiffe://example.org/path", NULL},
                {"https://example.org", NULL}};
    struct fake_random random;

    (void)unused;
    fake_random_init(&random, 6);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char domain[PKI_NAME_MAX + 1] = "untouched";
        struct pki_identity ca = make(PKI_USE_CA, rows[i].name, PKI_NAME_URI, NULL, &random);
        assert_int_equal(pki_x509_domain(ca.certificate, domain),
                         rows[i].want != NULL ? ERR_OK : ERR_NOT_FOUND);
        assert_string_equal(domain, rows[i].want != NULL ? rows[i].want : "untouched");
        pki_identity_fini(&ca);
    }
}

static void stekd_and_libstek_take_what_is_made(void **unused)
{
    static const struct {
        enum pki_use use;
        enum tls_role role;
        enum pki_name_kind kind;
        const char *name;
        size_t seen; /* names a rule can match */
    } rows[] = {
        {PKI_USE_SERVER, TLS_SERVER, PKI_NAME_DNS, "a.example.org", 1},
        {PKI_USE_SERVER, TLS_SERVER, PKI_NAME_IP, "::1", 0},
        {PKI_USE_CLIENT, TLS_CLIENT, PKI_NAME_URI, "spiffe://example.org/frontend/fe-1", 1},
    };
    struct fake_random random;

    (void)unused;
    fake_random_init(&random, 9);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    struct pem trusted = encode(&ca);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pki_identity leaf = make(rows[i].use, rows[i].name, rows[i].kind, &ca, &random);
        struct pem ours = encode(&leaf);
        const struct tls_context_options options = {
            .role = rows[i].role,
            .certificate = {"leaf.pem", slice_of(&ours.certificate)},
            .private_key = {"leaf.key", slice_of(&ours.key)},
            .ca = {"ca.pem", slice_of(&trusted.certificate)},
            .min_version = TLS1_3_VERSION,
            .now_ms = NOW_MS,
        };
        struct cert_names names = {0};
        SSL_CTX *context = NULL;
        struct errbuf why = {""};
        if (tls_context_new(&options, &context, &why) != ERR_OK ||
            tls_check_purpose(leaf.certificate, rows[i].role, false, &why) != ERR_OK ||
            cert_names_of(leaf.certificate, &names, &why) != ERR_OK) {
            fail_msg("row %zu: %s", i, why.text);
        }
        assert_int_equal(names.count, rows[i].seen);
        if (rows[i].seen > 0) {
            assert_string_equal(names.at[0].text, rows[i].name);
        }
        cert_names_fini(&names);
        SSL_CTX_free(context);
        pem_fini(&ours);
        pki_identity_fini(&leaf);
    }
    pem_fini(&trusted);
    pki_identity_fini(&ca);
}

static X509_CRL *decode_list(const struct secret_buf *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
    X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(crl);
    return crl;
}

static void a_list_grows_keeps_what_it_had_and_is_believed(void **unused)
{
    const struct pki_crl_dates dates = {NOW_MS, NOW_MS + DAY_MS};
    const struct slice none = {NULL, 0};
    struct fake_random random;
    struct secret_buf lists[3] = {{0}, {0}, {0}};
    struct errbuf why = {""};

    (void)unused;
    fake_random_init(&random, 7);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    struct pki_identity a = make(PKI_USE_CLIENT, "x://h/a", PKI_NAME_URI, &ca, &random);
    struct pki_identity b = make(PKI_USE_CLIENT, "x://h/b", PKI_NAME_URI, &ca, &random);
    X509 *const both[] = {b.certificate, a.certificate};
    assert_int_equal(pki_crl_make(&ca, none, NULL, 0, dates, &lists[0], &why), ERR_OK);
    assert_int_equal(pki_crl_make(&ca, slice_of(&lists[0]), &both[1], 1, dates, &lists[1], &why),
                     ERR_OK);
    assert_int_equal(pki_crl_make(&ca, slice_of(&lists[1]), both, 2, dates, &lists[2], &why),
                     ERR_OK);
    for (int i = 0; i < 3; i++) {
        X509_CRL *crl = decode_list(&lists[i]);
        int good = X509_V_OK;
        int bad = X509_V_ERR_CERT_REVOKED;
        ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
        assert_int_equal(ASN1_INTEGER_get(number), i + 1);
        ASN1_INTEGER_free(number);
        assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl)), i == 0 ? -1 : i);
        assert_int_equal(
            verify(a.certificate, ca.certificate, X509_PURPOSE_SSL_CLIENT, NOW_MS, crl),
            i >= 1 ? bad : good);
        assert_int_equal(
            verify(b.certificate, ca.certificate, X509_PURPOSE_SSL_CLIENT, NOW_MS, crl),
            i >= 2 ? bad : good);
        X509_CRL_free(crl);
        secret_buf_fini(&lists[i]);
    }
    pki_identity_fini(&a);
    pki_identity_fini(&b);
    pki_identity_fini(&ca);
}

static void a_list_is_not_mixed_with_another_authoritys(void **unused)
{
    const struct pki_crl_dates dates = {NOW_MS, NOW_MS + DAY_MS};
    const struct slice none = {NULL, 0};
    struct fake_random random;
    struct secret_buf list = {0};
    struct secret_buf out = {0};
    struct errbuf why = {""};

    (void)unused;
    fake_random_init(&random, 8);
    struct pki_identity ca = make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    struct pki_identity other =
        make(PKI_USE_CA, "spiffe://example.org", PKI_NAME_URI, NULL, &random);
    struct pki_identity leaf = make(PKI_USE_CLIENT, "x://h/a", PKI_NAME_URI, &other, &random);
    X509 *const revoked[] = {leaf.certificate};
    assert_int_equal(pki_crl_make(&ca, none, revoked, 1, dates, &out, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "not from this CA"));
    assert_int_equal(pki_crl_make(&other, none, revoked, 1, dates, &list, &why), ERR_OK);
    assert_int_equal(pki_crl_make(&ca, slice_of(&list), NULL, 0, dates, &out, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "not a list of this CA"));
    const struct slice text = {(const uint8_t *)"text", 4};
    assert_int_equal(pki_crl_make(&ca, text, NULL, 0, dates, &out, &why), ERR_INVALID);
    assert_int_equal(out.len, 0);
    secret_buf_fini(&list);
    pki_identity_fini(&leaf);
    pki_identity_fini(&other);
    pki_identity_fini(&ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_good_for_its_use_alone_and_in_its_time),
        cmocka_unit_test(names_are_data_and_checked_as_such),
        cmocka_unit_test(a_name_too_long_for_the_subject_stands_in_the_extension),
        cmocka_unit_test(serial_numbers_come_from_the_source_and_are_positive),
        cmocka_unit_test(without_randomness_nothing_is_made),
        cmocka_unit_test(a_ca_is_loaded_only_if_all_of_it_is_right),
        cmocka_unit_test(a_ca_names_its_trust_domain),
        cmocka_unit_test(stekd_and_libstek_take_what_is_made),
        cmocka_unit_test(a_list_grows_keeps_what_it_had_and_is_believed),
        cmocka_unit_test(a_list_is_not_mixed_with_another_authoritys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
