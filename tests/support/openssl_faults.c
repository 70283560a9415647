/* SPDX-License-Identifier: Apache-2.0 */
#include "support/openssl_faults.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static _Thread_local enum openssl_fault current;

void openssl_faults_set(enum openssl_fault fault)
{
    current = fault;
}

static int fails(enum openssl_fault fault)
{
    if (current != fault) {
        return 0;
    }
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    return 1;
}

int __real_RAND_bytes(unsigned char *out, int len);
int __wrap_RAND_bytes(unsigned char *out, int len)
{
    return fails(OPENSSL_FAULT_RAND) ? 0 : __real_RAND_bytes(out, len);
}

int __real_EVP_CipherInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *type, ENGINE *impl,
                             const unsigned char *key, const unsigned char *iv, int enc);
int __wrap_EVP_CipherInit_ex(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *type, ENGINE *impl,
                             const unsigned char *key, const unsigned char *iv, int enc)
{
    return fails(OPENSSL_FAULT_CIPHER) ? 0
                                       : __real_EVP_CipherInit_ex(ctx, type, impl, key, iv, enc);
}

int __real_HMAC_Init_ex(HMAC_CTX *ctx, const void *key, int len, const EVP_MD *md, ENGINE *impl);
int __wrap_HMAC_Init_ex(HMAC_CTX *ctx, const void *key, int len, const EVP_MD *md, ENGINE *impl)
{
    return fails(OPENSSL_FAULT_MAC) ? 0 : __real_HMAC_Init_ex(ctx, key, len, md, impl);
}

int __real_SSL_SESSION_set1_ticket_appdata(SSL_SESSION *session, const void *data, size_t len);
int __wrap_SSL_SESSION_set1_ticket_appdata(SSL_SESSION *session, const void *data, size_t len)
{
    if (data != NULL && fails(OPENSSL_FAULT_APPDATA)) {
        (void)__real_SSL_SESSION_set1_ticket_appdata(session, NULL, 0); /* as libssl does */
        return 0;
    }
    return __real_SSL_SESSION_set1_ticket_appdata(session, data, len);
}

EVP_CIPHER *__real_EVP_CIPHER_fetch(OSSL_LIB_CTX *lib, const char *name, const char *properties);
EVP_CIPHER *__wrap_EVP_CIPHER_fetch(OSSL_LIB_CTX *lib, const char *name, const char *properties)
{
    return fails(OPENSSL_FAULT_FETCH_CIPHER) ? NULL
                                             : __real_EVP_CIPHER_fetch(lib, name, properties);
}

EVP_MD *__real_EVP_MD_fetch(OSSL_LIB_CTX *lib, const char *name, const char *properties);
EVP_MD *__wrap_EVP_MD_fetch(OSSL_LIB_CTX *lib, const char *name, const char *properties)
{
    return fails(OPENSSL_FAULT_FETCH_DIGEST) ? NULL : __real_EVP_MD_fetch(lib, name, properties);
}

int __real_EVP_DigestInit_ex(EVP_MD_CTX *ctx, const EVP_MD *type, ENGINE *impl);
int __wrap_EVP_DigestInit_ex(EVP_MD_CTX *ctx, const EVP_MD *type, ENGINE *impl)
{
    return fails(OPENSSL_FAULT_DIGEST) ? 0 : __real_EVP_DigestInit_ex(ctx, type, impl);
}

int __real_EVP_Digest(const void *data, size_t len, unsigned char *out, unsigned int *out_len,
                      const EVP_MD *type, ENGINE *impl);
int __wrap_EVP_Digest(const void *data, size_t len, unsigned char *out, unsigned int *out_len,
                      const EVP_MD *type, ENGINE *impl)
{
    return fails(OPENSSL_FAULT_HASH) ? 0 : __real_EVP_Digest(data, len, out, out_len, type, impl);
}

int __real_SSL_CTX_set_ex_data(SSL_CTX *ctx, int index, void *data);
int __wrap_SSL_CTX_set_ex_data(SSL_CTX *ctx, int index, void *data)
{
    return fails(OPENSSL_FAULT_EX_DATA) ? 0 : __real_SSL_CTX_set_ex_data(ctx, index, data);
}

void *__real_secret_alloc(size_t size);
void *__wrap_secret_alloc(size_t size)
{
    if (current == OPENSSL_FAULT_SECRET) {
        errno = ENOMEM;
        return NULL;
    }
    return __real_secret_alloc(size);
}
