/* SPDX-License-Identifier: Apache-2.0 */
/* Throw-away certificates for tests, as PEM text in memory: any name, date and purpose, the wrong
 * ones included. P-256. Everything asserts. */
#ifndef STEK_TESTS_SUPPORT_CERTS_H
#define STEK_TESTS_SUPPORT_CERTS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

struct cert_wish {
    const char *name; /* CN */
    const char *san;  /* as in openssl.cnf: "URI:spiffe://a/b,DNS:x.example"; NULL: none */
    const char *eku;  /* "serverAuth", "clientAuth", both; NULL: no such extension */
    int64_t from_s;   /* notBefore and notAfter, seconds from now; both 0: an hour ago, in a day */
    int64_t until_s;
    bool is_ca;
};

struct cert {
    X509 *x509;
    EVP_PKEY *key;
    char *pem;     /* owned: the certificate */
    char *key_pem; /* owned: its private key, PKCS#8 */
};

/* `issuer` NULL: signs itself. */
struct cert cert_make(const struct cert_wish *wish, const struct cert *issuer);
/* {0} allowed. */
void cert_fini(struct cert *cert);

/* A revocation list of `issuer` that names `revoked` (NULL: nobody) and ends `until_s` from now.
 * The caller frees it. */
char *cert_crl(const struct cert *issuer, const struct cert *revoked, int64_t until_s);

/* The private key once more, encrypted with a password. The caller frees it. */
char *cert_key_encrypted(const struct cert *cert, const char *password);

#endif
