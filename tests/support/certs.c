/* SPDX-License-Identifier: Apache-2.0 */
#include "support/certs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define HOUR_S INT64_C(3600)

/* Takes the memory of a BIO as a string. */
static char *text_of(BIO *bio)
{
    char *bytes = NULL;
    const long len = BIO_get_mem_data(bio, &bytes);
    char *text = malloc((size_t)len + 1);

    assert(text != NULL);
    memcpy(text, bytes, (size_t)len);
    text[len] = '\0';
    BIO_free(bio);
    return text;
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);

    assert(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void set_name_and_dates(X509 *x509, const struct cert_wish *wish)
{
    const bool is_usual = wish->from_s == 0 && wish->until_s == 0;
    const int64_t from = is_usual ? -HOUR_S : wish->from_s;
    const int64_t until = is_usual ? 24 * HOUR_S : wish->until_s;
    X509_NAME *name = X509_get_subject_name(x509);
    BIGNUM *serial = BN_new();

    assert(serial != NULL && BN_rand(serial, 120, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
    assert(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509)) != NULL);
    BN_free(serial);
    assert(X509_set_version(x509, 2) == 1);
    assert(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)wish->name,
                                      -1, -1, 0) == 1);
    assert(X509_time_adj_ex(X509_getm_notBefore(x509), 0, (long)from, NULL) != NULL);
    assert(X509_time_adj_ex(X509_getm_notAfter(x509), 0, (long)until, NULL) != NULL);
}

struct cert cert_make(const struct cert_wish *wish, const struct cert *issuer)
{
    struct cert cert = {.x509 = X509_new(), .key = EVP_EC_gen("P-256")};
    BIO *pem = BIO_new(BIO_s_mem());
    BIO *key_pem = BIO_new(BIO_s_mem());

    assert(cert.x509 != NULL && cert.key != NULL && pem != NULL && key_pem != NULL);
    X509 *signer = issuer == NULL ? cert.x509 : issuer->x509;
    set_name_and_dates(cert.x509, wish);
    assert(X509_set_issuer_name(cert.x509, X509_get_subject_name(signer)) == 1);
    assert(X509_set_pubkey(cert.x509, cert.key) == 1);
    add_extension(cert.x509, signer, NID_basic_constraints,
                  wish->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish->san != NULL) {
        add_extension(cert.x509, signer, NID_subject_alt_name, wish->san);
    }
    if (wish->eku != NULL) {
        add_extension(cert.x509, signer, NID_ext_key_usage, wish->eku);
    }
    assert(X509_sign(cert.x509, issuer == NULL ? cert.key : issuer->key, EVP_sha256()) > 0);
    assert(PEM_write_bio_X509(pem, cert.x509) == 1);
    assert(PEM_write_bio_PKCS8PrivateKey(key_pem, cert.key, NULL, NULL, 0, NULL, NULL) == 1);
    cert.pem = text_of(pem);
    cert.key_pem = text_of(key_pem);
    return cert;
}

void cert_fini(struct cert *cert)
{
    X509_free(cert->x509);
    EVP_PKEY_free(cert->key);
    free(cert->pem);
    free(cert->key_pem);
    *cert = (struct cert){0};
}

char *cert_crl(const struct cert *issuer, const struct cert *revoked, int64_t until_s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *at = ASN1_TIME_new();
    BIO *pem = BIO_new(BIO_s_mem());

    assert(crl != NULL && at != NULL && pem != NULL && X509_CRL_set_version(crl, 1) == 1);
    assert(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1);
    assert(X509_time_adj_ex(at, 0, -2 * HOUR_S, NULL) != NULL);
    assert(X509_CRL_set1_lastUpdate(crl, at) == 1);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        assert(entry != NULL && X509_REVOKED_set_revocationDate(entry, at) == 1);
        assert(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x509)) == 1);
        assert(X509_CRL_add0_revoked(crl, entry) == 1);
    }
    assert(X509_time_adj_ex(at, 0, (long)until_s, NULL) != NULL);
    assert(X509_CRL_set1_nextUpdate(crl, at) == 1);
    assert(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    assert(PEM_write_bio_X509_CRL(pem, crl) == 1);
    ASN1_TIME_free(at);
    X509_CRL_free(crl);
    return text_of(pem);
}

char *cert_key_encrypted(const struct cert *cert, const char *password)
{
    BIO *pem = BIO_new(BIO_s_mem());

    assert(pem != NULL);
    assert(PEM_write_bio_PKCS8PrivateKey(pem, cert->key, EVP_aes_256_cbc(), password,
                                         (int)strlen(password), NULL, NULL) == 1);
    return text_of(pem);
}
