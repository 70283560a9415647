/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of OpenSSL by our own code. One that fails leaves an entry in the error queue, as the real
 * one does. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "support/faults.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static bool fails(enum fault_kind kind)
{
    if (!faults_hit(kind)) {
        return false;
    }
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    return true;
}

#define WRAP_AS(kind, type, failed, name, parameters, call)                                        \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return fails(kind) ? (failed) : __real_##name call;                                        \
    }
#define WRAP(type, failed, name, parameters, call)                                                 \
    WRAP_AS(FAULT_CRYPTO, type, failed, name, parameters, call)

WRAP_AS(FAULT_RANDOM, int, 0, RAND_bytes, (unsigned char *out, int len), (out, len))
WRAP_AS(FAULT_RANDOM, int, 0, RAND_priv_bytes, (unsigned char *out, int len), (out, len))

/* Ciphers, digests, derivation. */
WRAP(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), ())
WRAP(int, 0, EVP_CIPHER_CTX_ctrl, (EVP_CIPHER_CTX * c, int type, int arg, void *at),
     (c, type, arg, at))
WRAP(EVP_CIPHER *, NULL, EVP_CIPHER_fetch, (OSSL_LIB_CTX * l, const char *n, const char *p),
     (l, n, p))
WRAP(int, 0, EVP_CipherInit_ex,
     (EVP_CIPHER_CTX * c, const EVP_CIPHER *t, ENGINE *e, const unsigned char *k,
      const unsigned char *iv, int enc),
     (c, t, e, k, iv, enc))
WRAP(int, 0, EVP_CipherUpdate,
     (EVP_CIPHER_CTX * c, unsigned char *out, int *len, const unsigned char *in, int in_len),
     (c, out, len, in, in_len))
WRAP(int, 0, EVP_CipherFinal_ex, (EVP_CIPHER_CTX * c, unsigned char *out, int *len), (c, out, len))
WRAP(int, 0, EVP_Digest,
     (const void *in, size_t len, unsigned char *out, unsigned int *out_len, const EVP_MD *t,
      ENGINE *e),
     (in, len, out, out_len, t, e))
WRAP(int, 0, EVP_DigestInit_ex, (EVP_MD_CTX * c, const EVP_MD *t, ENGINE *e), (c, t, e))
WRAP(int, 0, EVP_DigestUpdate, (EVP_MD_CTX * c, const void *in, size_t len), (c, in, len))
WRAP(int, 0, EVP_DigestFinal_ex, (EVP_MD_CTX * c, unsigned char *out, unsigned int *len),
     (c, out, len))
WRAP(EVP_MD_CTX *, NULL, EVP_MD_CTX_new, (void), ())
WRAP(EVP_MD *, NULL, EVP_MD_fetch, (OSSL_LIB_CTX * l, const char *n, const char *p), (l, n, p))
WRAP(EVP_KDF *, NULL, EVP_KDF_fetch, (OSSL_LIB_CTX * l, const char *n, const char *p), (l, n, p))
WRAP(EVP_KDF_CTX *, NULL, EVP_KDF_CTX_new, (EVP_KDF * k), (k))
WRAP(int, 0, EVP_KDF_derive,
     (EVP_KDF_CTX * c, unsigned char *out, size_t len, const OSSL_PARAM params[]),
     (c, out, len, params))
WRAP(int, 0, EVP_Q_digest,
     (OSSL_LIB_CTX * l, const char *n, const char *p, const void *in, size_t len,
      unsigned char *out, size_t *out_len),
     (l, n, p, in, len, out, out_len))
WRAP(int, 0, HMAC_Init_ex, (HMAC_CTX * c, const void *k, int len, const EVP_MD *t, ENGINE *e),
     (c, k, len, t, e))

/* Certificates. */
WRAP(BIO *, NULL, BIO_new, (const BIO_METHOD *m), (m))
WRAP(BIO *, NULL, BIO_new_mem_buf, (const void *at, int len), (at, len))
WRAP(int, 0, BIO_write_ex, (BIO * b, const void *at, size_t len, size_t *put), (b, at, len, put))
WRAP(STACK_OF(X509_INFO) *, NULL, PEM_X509_INFO_read_bio,
     (BIO * b, STACK_OF(X509_INFO) * s, pem_password_cb *cb, void *u), (b, s, cb, u))
WRAP(EVP_PKEY *, NULL, PEM_read_bio_PrivateKey,
     (BIO * b, EVP_PKEY **k, pem_password_cb *cb, void *u), (b, k, cb, u))
WRAP(X509 *, NULL, PEM_read_bio_X509, (BIO * b, X509 **x, pem_password_cb *cb, void *u),
     (b, x, cb, u))
WRAP(X509_CRL *, NULL, PEM_read_bio_X509_CRL, (BIO * b, X509_CRL **x, pem_password_cb *cb, void *u),
     (b, x, cb, u))
WRAP(int, 0, PEM_write_bio_PKCS8PrivateKey,
     (BIO * b, const EVP_PKEY *k, const EVP_CIPHER *c, const char *s, int len, pem_password_cb *cb,
      void *u),
     (b, k, c, s, len, cb, u))
WRAP(int, 0, PEM_write_bio_X509, (BIO * b, const X509 *x), (b, x))
WRAP(int, 0, PEM_write_bio_X509_CRL, (BIO * b, const X509_CRL *x), (b, x))
WRAP(X509 *, NULL, X509_new, (void), ())
WRAP(int, 0, X509_set_version, (X509 * x, long v), (x, v))
WRAP(int, 0, X509_set_pubkey, (X509 * x, EVP_PKEY *k), (x, k))
WRAP(int, 0, X509_set_issuer_name, (X509 * x, const X509_NAME *n), (x, n))
WRAP(int, 0, X509_sign, (X509 * x, EVP_PKEY *k, const EVP_MD *m), (x, k, m))
WRAP(int, 0, X509_add_ext, (X509 * x, X509_EXTENSION *e, int loc), (x, e, loc))
WRAP(int, 0, X509_add1_ext_i2d, (X509 * x, int nid, void *v, int crit, unsigned long flags),
     (x, nid, v, crit, flags))
WRAP(int, 0, X509_CRL_sign, (X509_CRL * x, EVP_PKEY *k, const EVP_MD *m), (x, k, m))
WRAP(int, 0, X509_CRL_sort, (X509_CRL * x), (x))
WRAP(X509_CRL *, NULL, X509_CRL_new, (void), ())
WRAP(ASN1_TIME *, NULL, ASN1_TIME_set, (ASN1_TIME * a, time_t t), (a, t))
WRAP(GENERAL_NAME *, NULL, GENERAL_NAME_new, (void), ())
WRAP(GENERAL_NAMES *, NULL, GENERAL_NAMES_new, (void), ())
WRAP(int, 0, X509_STORE_add_cert, (X509_STORE * s, X509 *x), (s, x))
WRAP(int, 0, X509_STORE_add_crl, (X509_STORE * s, X509_CRL *x), (s, x))
WRAP(X509_STORE_CTX *, NULL, X509_STORE_CTX_new, (void), ())
WRAP(int, 0, X509_STORE_CTX_init,
     (X509_STORE_CTX * c, X509_STORE *s, X509 *x, STACK_OF(X509) * chain), (c, s, x, chain))

/* Connections. */
WRAP(SSL_CTX *, NULL, SSL_CTX_new, (const SSL_METHOD *m), (m))
WRAP(int, 0, SSL_CTX_use_certificate, (SSL_CTX * c, X509 *x), (c, x))
WRAP(int, 0, SSL_CTX_use_PrivateKey, (SSL_CTX * c, EVP_PKEY *k), (c, k))
WRAP(int, 0, SSL_CTX_add_client_CA, (SSL_CTX * c, X509 *x), (c, x))
WRAP(int, 0, SSL_CTX_set_session_id_context, (SSL_CTX * c, const unsigned char *s, unsigned int n),
     (c, s, n))
WRAP(int, 1, SSL_CTX_set_alpn_protos, (SSL_CTX * c, const unsigned char *p, unsigned int n),
     (c, p, n))
WRAP(int, 0, SSL_CTX_set_ex_data, (SSL_CTX * c, int i, void *at), (c, i, at))
WRAP(SSL *, NULL, SSL_new, (SSL_CTX * c), (c))
WRAP(int, 0, SSL_set_fd, (SSL * s, int fd), (s, fd))
WRAP(int, 0, SSL_set_ex_data, (SSL * s, int i, void *at), (s, i, at))
WRAP(SSL_CTX *, NULL, SSL_set_SSL_CTX, (SSL * s, SSL_CTX *c), (s, c))
WRAP(int, 0, SSL_set1_param, (SSL * s, X509_VERIFY_PARAM *p), (s, p))
WRAP(int, 0, X509_VERIFY_PARAM_set1_host, (X509_VERIFY_PARAM * p, const char *n, size_t len),
     (p, n, len))
WRAP(int, 0, SSL_SESSION_set1_ticket_appdata, (SSL_SESSION * s, const void *at, size_t len),
     (s, at, len))
