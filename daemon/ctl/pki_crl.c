/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_crl.h"

#include <stdbool.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* The list in `pem`, which must be this CA's. */
static enum err decode_old(const struct pki_identity *ca, struct slice pem, X509_CRL **out,
                           struct errbuf *why)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509_CRL *crl = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
    enum err rc = ERR_INVALID;

    if (crl == NULL) {
        errbuf_set(why, "holds no revocation list in PEM");
    } else if (X509_CRL_verify(crl, ca->key) != 1) {
        errbuf_set(why, "is not a list of this CA; remove it to begin a new one");
        X509_CRL_free(crl);
    } else {
        *out = crl;
        rc = ERR_OK;
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

/* RFC 5280 §5.2.3: each list has a greater number than the one before. */
static bool set_number(X509_CRL *crl, X509_CRL *old)
{
    ASN1_INTEGER *before =
        old != NULL ? X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL) : NULL;
    BIGNUM *number = before != NULL ? ASN1_INTEGER_to_BN(before, NULL) : BN_new();
    ASN1_INTEGER *next = NULL;

    bool is_set = number != NULL && BN_add_word(number, 1) == 1;
    next = is_set ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    is_set = next != NULL &&
             X509_CRL_add1_ext_i2d(crl, NID_crl_number, next, 0, X509V3_ADD_DEFAULT) == 1;
    ASN1_INTEGER_free(next);
    BN_free(number);
    ASN1_INTEGER_free(before);
    return is_set;
}

static bool set_authority(X509_CRL *crl, const struct pki_identity *ca)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, ca->certificate, NULL, NULL, crl, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    bool is_added = extension != NULL && X509_CRL_add_ext(crl, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool set_frame(X509_CRL *crl, const struct pki_identity *ca, struct pki_crl_dates dates)
{
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)(dates.from_ms / 1000));
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(dates.until_ms / 1000));

    bool is_set =
        from != NULL && until != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)) == 1 &&
        X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1;
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return is_set;
}

static bool copy_entries(X509_CRL *crl, X509_CRL *old)
{
    STACK_OF(X509_REVOKED) *entries = old != NULL ? X509_CRL_get_REVOKED(old) : NULL;

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        X509_REVOKED *copy = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));
        if (copy == NULL || X509_CRL_add0_revoked(crl, copy) != 1) {
            X509_REVOKED_free(copy);
            return false;
        }
    }
    return true;
}

static bool add_entry(X509_CRL *crl, X509 *certificate, int64_t at_ms)
{
    X509_REVOKED *entry = NULL;

    if (X509_CRL_get0_by_cert(crl, &entry, certificate) == 1) {
        return true;
    }
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)(at_ms / 1000));
    entry = X509_REVOKED_new();
    bool is_added = at != NULL && entry != NULL &&
                    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1 &&
                    X509_REVOKED_set_revocationDate(entry, at) == 1 &&
                    X509_CRL_add0_revoked(crl, entry) == 1;
    if (!is_added) {
        X509_REVOKED_free(entry);
    }
    ASN1_TIME_free(at);
    return is_added;
}

static enum err check_ours(const struct pki_identity *ca, X509 *const *revoked, size_t count,
                           struct errbuf *why)
{
    for (size_t i = 0; i < count; i++) {
        if (X509_verify(revoked[i], ca->key) != 1) {
            ERR_clear_error();
            errbuf_set(why, "certificate %zu is not from this CA, so its list cannot name it",
                       i + 1);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

static enum err encode(X509_CRL *crl, struct secret_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum err rc = ERR_CRYPTO;

    if (bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1) {
        rc = pki_x509_take_bio(bio, out);
    }
    BIO_free(bio);
    return rc;
}

enum err pki_crl_make(const struct pki_identity *ca, struct slice old, X509 *const *revoked,
                      size_t revoked_count, struct pki_crl_dates dates, struct secret_buf *out,
                      struct errbuf *why)
{
    X509_CRL *before = NULL;
    X509_CRL *crl = NULL;

    enum err rc = check_ours(ca, revoked, revoked_count, why);
    if (rc == ERR_OK && old.len > 0) {
        rc = decode_old(ca, old, &before, why);
    }
    if (rc != ERR_OK) {
        goto out;
    }
    crl = X509_CRL_new();
    bool is_made = crl != NULL && set_frame(crl, ca, dates) && copy_entries(crl, before) &&
                   set_number(crl, before) && set_authority(crl, ca);
    for (size_t i = 0; is_made && i < revoked_count; i++) {
        is_made = add_entry(crl, revoked[i], dates.from_ms);
    }
    is_made = is_made && X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0;
    if (!is_made || encode(crl, out) != ERR_OK) {
        rc = pki_x509_fail("the revocation list could not be made", why);
    }

out:
    X509_CRL_free(crl);
    X509_CRL_free(before);
    return rc;
}
