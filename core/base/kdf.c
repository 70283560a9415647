/* SPDX-License-Identifier: Apache-2.0 */
#include "base/kdf.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/secret.h"

/* OpenSSL takes parameters through non-const pointers and only reads them. */
static OSSL_PARAM octets(const char *name, struct slice bytes)
{
    union {
        const void *from;
        void *to;
    } cast = {.from = bytes.at == NULL ? (const void *)"" : bytes.at};
    return OSSL_PARAM_construct_octet_string(name, cast.to, bytes.len);
}

enum err kdf_hkdf_sha256_salted(struct slice key, struct slice salt, struct slice info,
                                uint8_t *out, size_t out_len)
{
    enum err rc = ERR_NOMEM;
    EVP_KDF_CTX *ctx = NULL;
    char digest[] = "SHA256";

    /* The queue belongs to the application this may run inside: leave it as it was. */
    (void)ERR_set_mark();
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    /* OpenSSL would derive from an empty key, that is, from nothing. */
    if (kdf == NULL || key.len == 0) {
        rc = ERR_CRYPTO;
        goto out;
    }
    ctx = EVP_KDF_CTX_new(kdf);
    if (ctx == NULL) {
        goto out;
    }
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, key),
        octets(OSSL_KDF_PARAM_INFO, info),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_end(),
    };
    rc = EVP_KDF_derive(ctx, out, out_len, params) == 1 ? ERR_OK : ERR_CRYPTO;

out:
    if (rc != ERR_OK) {
        secret_wipe(out, out_len);
    }
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    (void)ERR_pop_to_mark();
    return rc;
}

enum err kdf_hkdf_sha256(struct slice key, struct slice info, uint8_t *out, size_t out_len)
{
    return kdf_hkdf_sha256_salted(key, (struct slice){NULL, 0}, info, out, out_len);
}

enum err kdf_sha256(struct slice bytes, uint8_t out[KDF_SHA256_LEN])
{
    size_t len = 0;

    (void)ERR_set_mark();
    const bool ok = EVP_Q_digest(NULL, "SHA256", NULL, bytes.at, bytes.len, out, &len) == 1 &&
                    len == KDF_SHA256_LEN;
    (void)ERR_pop_to_mark();
    if (!ok) {
        secret_wipe(out, KDF_SHA256_LEN);
        return ERR_CRYPTO;
    }
    return ERR_OK;
}
