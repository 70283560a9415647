/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/derive.h"

#include <string.h>

#include "base/bytes.h"
#include "base/kdf.h"
#include "base/secret.h"
#include "base/text.h"

#define PREFIX      "stek v1 "
#define PURPOSE_MAX 16
#define INFO_MAX    (sizeof(PREFIX) + PURPOSE_MAX + 1 + REALM_NAME_MAX + 2 + CONTEXT_MAX)

/* The layout stands in the header. Every length is written before what it measures, so that no
 * two inputs share one info. */
static void write_info(struct writer *w, const char *purpose, const char *realm,
                       const char *context)
{
    const size_t realm_len = strlen(realm);
    const size_t context_len = strlen(context);
    writer_bytes(w, PREFIX, strlen(PREFIX));
    writer_bytes(w, purpose, strlen(purpose) + 1);
    writer_u8(w, (uint8_t)realm_len);
    writer_bytes(w, realm, realm_len);
    writer_u16be(w, (uint16_t)context_len);
    writer_bytes(w, context, context_len);
}

static enum err expand(const uint8_t bytes[KEY_LEN], const char *purpose, const char *realm,
                       const char *context, uint8_t *out, size_t out_len)
{
    uint8_t info[INFO_MAX];
    struct writer w;

    if (!text_is_realm_name(realm) || strnlen(context, CONTEXT_MAX + 1) > CONTEXT_MAX) {
        secret_wipe(out, out_len);
        return ERR_INVALID;
    }
    writer_init(&w, info, sizeof(info));
    write_info(&w, purpose, realm, context);
    return kdf_hkdf_sha256((struct slice){bytes, KEY_LEN}, (struct slice){info, w.len}, out,
                           out_len);
}

enum err derive_name(const uint8_t bytes[KEY_LEN], const char *realm, uint8_t out[KEY_NAME_LEN])
{
    return expand(bytes, "name", realm, "", out, KEY_NAME_LEN);
}

enum err derive_subkeys(const uint8_t bytes[KEY_LEN], const char *realm, const char *context,
                        struct subkeys *out)
{
    enum err rc = expand(bytes, "aes-256", realm, context, out->aes, sizeof(out->aes));
    if (rc == ERR_OK) {
        rc = expand(bytes, "hmac-sha-256", realm, context, out->hmac, sizeof(out->hmac));
    }
    if (rc != ERR_OK) {
        secret_wipe(out, sizeof(*out));
    }
    return rc;
}

enum err derive_profile48(const uint8_t bytes[KEY_LEN], const char *realm, const char *context,
                          uint8_t out[SUBKEY_PROFILE48_LEN])
{
    return expand(bytes, "profile-48", realm, context, out, SUBKEY_PROFILE48_LEN);
}

enum err derive_check_name(const struct key *key, const char *realm)
{
    uint8_t name[KEY_NAME_LEN];
    enum err rc = derive_name(key->bytes, realm, name);

    if (rc == ERR_OK && !secret_equal(name, key->name, sizeof(name))) {
        rc = ERR_INVALID;
    }
    return rc;
}
