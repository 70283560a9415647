/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pki_x509.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/text.h"

#define SERIAL_LEN 16
#define DOMAIN_URI "spiffe://"

void pki_identity_fini(struct pki_identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    *identity = (struct pki_identity){NULL, NULL};
}

enum err pki_x509_fail(const char *what, struct errbuf *why)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    errbuf_set(why, "%s: OpenSSL: %s", what, reason != NULL ? reason : "failed");
    ERR_clear_error();
    return ERR_CRYPTO;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* For an encrypted key: there is no password, and nobody is asked for one. */
static int no_password(char *buffer, int size, int is_writing, void *ctx)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)ctx;
    return -1;
}

static BIO *open_slice(struct slice bytes)
{
    return bytes.len <= INT_MAX ? BIO_new_mem_buf(bytes.at, (int)bytes.len) : NULL;
}

enum err pki_x509_decode(struct slice pem, X509 **out, struct errbuf *why)
{
    BIO *bio = open_slice(pem);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (certificate == NULL) {
        errbuf_set(why, "holds no certificate in PEM");
        return ERR_INVALID;
    }
    *out = certificate;
    return ERR_OK;
}

static enum err decode_key(struct slice pem, EVP_PKEY **out, struct errbuf *why)
{
    BIO *bio = open_slice(pem);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (key == NULL) {
        errbuf_set(why, "its key: holds no private key in PEM that needs no password");
        return ERR_INVALID;
    }
    *out = key;
    return ERR_OK;
}

static enum err check_ca(const struct pki_identity *ca, int64_t now_ms, struct errbuf *why)
{
    int64_t until_ms = pki_x509_until_ms(ca->certificate);
    int is_fit = X509_check_private_key(ca->certificate, ca->key);

    ERR_clear_error();
    if (X509_check_ca(ca->certificate) != 1) {
        errbuf_set(why, "its certificate: is not that of a CA");
    } else if (is_fit != 1) {
        errbuf_set(why, "its key: does not belong to its certificate");
    } else if (until_ms <= now_ms) {
        errbuf_set(why, "its certificate: has expired; stekctl pki ca --force makes a new CA");
    } else {
        return ERR_OK;
    }
    return ERR_INVALID;
}

enum err pki_x509_load_ca(struct slice certificate, struct slice key, int64_t now_ms,
                          struct pki_identity *out, struct errbuf *why)
{
    struct pki_identity ca = {NULL, NULL};

    enum err rc = pki_x509_decode(certificate, &ca.certificate, why);
    if (rc != ERR_OK) {
        errbuf_prefix(why, "its certificate");
        return rc;
    }
    rc = decode_key(key, &ca.key, why);
    if (rc == ERR_OK) {
        rc = check_ca(&ca, now_ms, why);
    }
    if (rc == ERR_OK) {
        *out = ca;
    } else {
        pki_identity_fini(&ca);
    }
    return rc;
}

int64_t pki_x509_until_ms(const X509 *certificate)
{
    struct tm tm = {.tm_year = 0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1) {
        ERR_clear_error();
        return 0;
    }
    return (int64_t)timegm(&tm) * 1000;
}

enum err pki_x509_domain(const X509 *ca, char out[PKI_NAME_MAX + 1])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(ca, NID_subject_alt_name, NULL, NULL);
    enum err rc = ERR_NOT_FOUND;

    ERR_clear_error();
    for (int i = 0; rc != ERR_OK && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char text[sizeof(DOMAIN_URI) + PKI_NAME_MAX];
        if (name->type != GEN_URI) {
            continue;
        }
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        int len = ASN1_STRING_length(uri);
        if (len <= 0 || (size_t)len >= sizeof(text)) {
            continue;
        }
        memcpy(text, ASN1_STRING_get0_data(uri), (size_t)len);
        text[len] = '\0';
        if (strncmp(text, DOMAIN_URI, strlen(DOMAIN_URI)) == 0 &&
            pki_name_check_domain(text + strlen(DOMAIN_URI), NULL) == ERR_OK) {
            rc = text_copy(out, PKI_NAME_MAX + 1, text + strlen(DOMAIN_URI));
        }
    }
    GENERAL_NAMES_free(names);
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

enum err pki_x509_take_bio(BIO *bio, struct secret_buf *out)
{
    const char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);

    return len > 0 ? secret_buf_append(out, at, (size_t)len) : ERR_CRYPTO;
}

enum err pki_x509_encode(const X509 *certificate, struct secret_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    enum err rc = ERR_CRYPTO;

    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1) {
        rc = pki_x509_take_bio(bio, out);
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

enum err pki_x509_encode_key(const EVP_PKEY *key, struct secret_buf *out)
{
    /* Of the kind that wipes what it frees. */
    BIO *bio = BIO_new(BIO_s_secmem());
    enum err rc = ERR_CRYPTO;

    if (bio != NULL &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, no_password, NULL) == 1) {
        rc = pki_x509_take_bio(bio, out);
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

/* --- making ----------------------------------------------------------------------------------- */

/* RFC 5280 §4.1.2.2: positive, at most 20 bytes, never twice. */
static bool set_serial(X509 *certificate, const struct random_source *random)
{
    uint8_t bytes[SERIAL_LEN] = {0};
    bool is_set = false;

    if (random_fill(random, bytes, sizeof(bytes)) != ERR_OK) {
        return false;
    }
    bytes[0] = (uint8_t)((bytes[0] & 0x7fU) | 0x40U);
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    if (number != NULL) {
        is_set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    }
    BN_free(number);
    return is_set;
}

static bool set_dates(X509 *certificate, const struct pki_subject *subject)
{
    return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(subject->from_ms / 1000)) !=
               NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(subject->until_ms / 1000)) !=
               NULL;
}

static bool has_common_name(const struct pki_subject *subject)
{
    return strlen(subject->common_name) <= (size_t)ub_common_name || subject->name_count == 0;
}

static bool set_names(X509 *certificate, const struct pki_subject *subject, const X509 *issuer)
{
    X509_NAME *name = X509_get_subject_name(certificate);

    if (has_common_name(subject) &&
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)subject->common_name, -1, -1, 0) != 1) {
        return false;
    }
    return X509_set_issuer_name(certificate,
                                issuer != NULL ? X509_get_subject_name(issuer) : name) == 1;
}

static bool add_text_extension(X509 *certificate, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, (X509 *)(uintptr_t)(issuer != NULL ? issuer : certificate), certificate,
                   NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static GENERAL_NAME *make_general_name(const struct pki_name *name)
{
    GENERAL_NAME *general = GENERAL_NAME_new();
    ASN1_IA5STRING *text = NULL;

    if (general == NULL) {
        return NULL;
    }
    if (name->kind == PKI_NAME_IP) {
        ASN1_OCTET_STRING *address = a2i_IPADDRESS(name->text);
        if (address != NULL) {
            GENERAL_NAME_set0_value(general, GEN_IPADD, address);
            return general;
        }
        GENERAL_NAME_free(general);
        return NULL;
    }
    text = ASN1_IA5STRING_new();
    if (text == NULL || ASN1_STRING_set(text, name->text, (int)strlen(name->text)) != 1) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(general);
        return NULL;
    }
    GENERAL_NAME_set0_value(general, name->kind == PKI_NAME_DNS ? GEN_DNS : GEN_URI, text);
    return general;
}

/* Byte by byte, not by OpenSSL's configuration language: a name is data and never syntax. */
static bool add_alt_names(X509 *certificate, const struct pki_subject *subject)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool is_good = names != NULL;

    for (size_t i = 0; is_good && i < subject->name_count; i++) {
        GENERAL_NAME *name = make_general_name(&subject->names[i]);
        is_good = name != NULL && sk_GENERAL_NAME_push(names, name) > 0;
        if (!is_good) {
            GENERAL_NAME_free(name);
        }
    }
    if (is_good && subject->name_count > 0) {
        /* RFC 5280 §4.2.1.6: critical when the subject is empty. */
        is_good = X509_add1_ext_i2d(certificate, NID_subject_alt_name, names,
                                    has_common_name(subject) ? 0 : 1, X509V3_ADD_DEFAULT) == 1;
    }
    GENERAL_NAMES_free(names);
    return is_good;
}

static bool add_extensions(X509 *certificate, const struct pki_subject *subject, const X509 *issuer)
{
    static const struct {
        enum pki_use use;
        int nid;
        const char *value;
    } rows[] = {
        {PKI_USE_CA, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {PKI_USE_CA, NID_key_usage, "critical,keyCertSign,cRLSign"},
        {PKI_USE_SERVER, NID_basic_constraints, "critical,CA:FALSE"},
        {PKI_USE_SERVER, NID_key_usage, "critical,digitalSignature"},
        {PKI_USE_SERVER, NID_ext_key_usage, "serverAuth"},
        {PKI_USE_CLIENT, NID_basic_constraints, "critical,CA:FALSE"},
        {PKI_USE_CLIENT, NID_key_usage, "critical,digitalSignature"},
        {PKI_USE_CLIENT, NID_ext_key_usage, "clientAuth"},
    };

    bool is_good =
        add_text_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
        add_text_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
    for (size_t i = 0; is_good && i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_good = rows[i].use != subject->use ||
                  add_text_extension(certificate, issuer, rows[i].nid, rows[i].value);
    }
    return is_good && add_alt_names(certificate, subject);
}

enum err pki_x509_make(const struct pki_subject *subject, const struct pki_identity *issuer,
                       const struct random_source *random, struct pki_identity *out,
                       struct errbuf *why)
{
    struct pki_identity made = {.certificate = X509_new(), .key = EVP_EC_gen("P-256")};
    const X509 *signer = issuer != NULL ? issuer->certificate : NULL;
    enum err rc = ERR_OK;

    if (made.certificate == NULL || made.key == NULL ||
        X509_set_version(made.certificate, X509_VERSION_3) != 1 ||
        X509_set_pubkey(made.certificate, made.key) != 1 || !set_serial(made.certificate, random) ||
        !set_dates(made.certificate, subject) || !set_names(made.certificate, subject, signer) ||
        !add_extensions(made.certificate, subject, signer) ||
        X509_sign(made.certificate, issuer != NULL ? issuer->key : made.key, EVP_sha256()) <= 0) {
        rc = pki_x509_fail("the certificate could not be made", why);
    }
    if (rc == ERR_OK) {
        *out = made;
    } else {
        pki_identity_fini(&made);
    }
    return rc;
}
