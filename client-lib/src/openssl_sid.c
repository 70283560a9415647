/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 over
 *
 *   "stek v1 session-id context" 0x00
 *   u8 len(realm) realm | u16be len(context) context | u32be verify mode
 *   u32be number of client CA names | per name, in order: u32be len(DER) DER
 *
 * Every length is written down, so that no two policies give the same bytes. libssl refuses to
 * resume a session whose context differs: sessions do not cross verify modes or client CAs, which
 * is how vhosts were bypassed (nginx CVE-2025-23419).
 */
#include "src/openssl_sid.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

static const char label[] = "stek v1 session-id context"; /* hashed with its NUL */

static bool add_number(EVP_MD_CTX *hash, uint32_t value, size_t width)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};

    return EVP_DigestUpdate(hash, bytes + sizeof(bytes) - width, width) == 1;
}

static bool add_text(EVP_MD_CTX *hash, const char *text, size_t width)
{
    size_t len = strlen(text);

    return add_number(hash, (uint32_t)len, width) && EVP_DigestUpdate(hash, text, len) == 1;
}

static bool add_name(EVP_MD_CTX *hash, const X509_NAME *name)
{
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(name, &der);
    bool ok = len >= 0 && add_number(hash, (uint32_t)len, 4) &&
              EVP_DigestUpdate(hash, der, (size_t)len) == 1;

    OPENSSL_free(der);
    return ok;
}

static bool add_client_cas(EVP_MD_CTX *hash, const SSL_CTX *ctx)
{
    const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(ctx);
    int count = names != NULL ? sk_X509_NAME_num(names) : 0;

    if (!add_number(hash, (uint32_t)count, 4)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (!add_name(hash, sk_X509_NAME_value(names, i))) {
            return false;
        }
    }
    return true;
}

enum err openssl_sid_make(const SSL_CTX *ctx, const char *realm, const char *context,
                          uint8_t out[OPENSSL_SID_LEN])
{
    uint8_t sid[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool ok = hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(hash, label, sizeof(label)) == 1 && add_text(hash, realm, 1) &&
              add_text(hash, context, 2) &&
              add_number(hash, (uint32_t)SSL_CTX_get_verify_mode(ctx), 4) &&
              add_client_cas(hash, ctx) && EVP_DigestFinal_ex(hash, sid, NULL) == 1;

    EVP_MD_CTX_free(hash);
    if (!ok) {
        return ERR_CRYPTO;
    }
    memcpy(out, sid, OPENSSL_SID_LEN);
    return ERR_OK;
}
