/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates of "stekctl pki" (RFC 5280): P-256, SHA-256, version 3, random serial
 * numbers. Opens no file and reads no clock. Private keys are made by OpenSSL from its own
 * generator and live in its memory, which it wipes when they are freed; encoded they are in secret
 * memory.
 */
#ifndef STEKD_CTL_PKI_X509_H
#define STEKD_CTL_PKI_X509_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "ctl/pki_name.h"

/* For nothing else: a server's certificate is no client's, and neither signs. */
enum pki_use { PKI_USE_CA, PKI_USE_SERVER, PKI_USE_CLIENT };

/* All borrowed. */
struct pki_subject {
    enum pki_use use;
    const char *common_name; /* left out if longer than RFC 5280's 64 bytes and there are names */
    const struct pki_name *names;
    size_t name_count;
    int64_t from_ms; /* Unix time; kept in whole seconds */
    int64_t until_ms;
};

/* Starts as {0}. Both owned. */
struct pki_identity {
    X509 *certificate;
    EVP_PKEY *key;
};

void pki_identity_fini(struct pki_identity *identity);

/* A new key and a certificate for it. `issuer` NULL: signed by itself. ERR_CRYPTO, ERR_INVALID. */
enum err pki_x509_make(const struct pki_subject *subject, const struct pki_identity *issuer,
                       const struct random_source *random, struct pki_identity *out,
                       struct errbuf *why) MUST_USE;

/* A CA from the PEM of its certificate and of its key, unencrypted; both fit, it may sign, and it
 * is valid at now_ms. ERR_INVALID; the sentence begins with "its certificate" or "its key". */
enum err pki_x509_load_ca(struct slice certificate, struct slice key, int64_t now_ms,
                          struct pki_identity *out, struct errbuf *why) MUST_USE;

/* The first certificate in a PEM text; the caller owns it (X509_free). ERR_INVALID. */
enum err pki_x509_decode(struct slice pem, X509 **out, struct errbuf *why) MUST_USE;

/* PEM. *out starts as {0}; the caller ends it with secret_buf_fini(). ERR_CRYPTO, ERR_NOMEM. */
enum err pki_x509_encode(const X509 *certificate, struct secret_buf *out) MUST_USE;
enum err pki_x509_encode_key(const EVP_PKEY *key, struct secret_buf *out) MUST_USE;

/* The certificate's last moment; 0 when it has none that can be read. */
int64_t pki_x509_until_ms(const X509 *certificate);

/* The trust domain a CA made here is for ("example.org"). ERR_NOT_FOUND: it names none. */
enum err pki_x509_domain(const X509 *ca, char out[PKI_NAME_MAX + 1]) MUST_USE;

/* ERR_CRYPTO; the sentence is `what` and OpenSSL's reason. Empties OpenSSL's queue of errors. */
enum err pki_x509_fail(const char *what, struct errbuf *why);

/* What was written to a memory BIO, as PEM is. ERR_NOMEM. */
enum err pki_x509_take_bio(BIO *bio, struct secret_buf *out) MUST_USE;

#endif
