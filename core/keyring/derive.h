/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that follows from a key's 32 bytes, by HKDF-SHA256 (RFC 5869, empty salt) with
 *
 *   info = "stek v1 " <purpose> 0x00 | u8 len(realm) realm | u16be len(context) context
 *
 * and purpose one of "name" (context empty), "aes-256", "hmac-sha-256", "profile-48". So a name
 * certifies its bytes in its realm, and a subkey of one realm or context is noise in another
 * (I4, I8). The inputs never change for a given key: subkeys depend on realm and context only,
 * for ever. docs/PROTOCOL.md has test vectors.
 */
#ifndef STEK_KEYRING_DERIVE_H
#define STEK_KEYRING_DERIVE_H

#include <stdbool.h>

#include "base/err.h"
#include "keyring/key.h"

#define CONTEXT_MAX          255 /* bytes of a context string, without NUL */
#define SUBKEY_AES_LEN       32
#define SUBKEY_HMAC_LEN      32
#define SUBKEY_PROFILE48_LEN 32 /* AES-128 16 + HMAC 16; with the 16-byte name: 48 */

/* Key material: only ever in secret memory, or on the stack of a function that wipes it. */
struct subkeys {
    uint8_t aes[SUBKEY_AES_LEN];
    uint8_t hmac[SUBKEY_HMAC_LEN];
};

/* ERR_INVALID for a bad realm name, else ERR_CRYPTO/ERR_NOMEM; `out` is then wiped. */
enum err derive_name(const uint8_t bytes[KEY_LEN], const char *realm,
                     uint8_t out[KEY_NAME_LEN]) MUST_USE;
enum err derive_subkeys(const uint8_t bytes[KEY_LEN], const char *realm, const char *context,
                        struct subkeys *out) MUST_USE;
enum err derive_profile48(const uint8_t bytes[KEY_LEN], const char *realm, const char *context,
                          uint8_t out[SUBKEY_PROFILE48_LEN]) MUST_USE;

/* Recomputes the name and compares in constant time. ERR_INVALID: it is another, or `realm` cannot
 * be one. ERR_NOMEM, ERR_CRYPTO: nothing is known about the key. */
enum err derive_check_name(const struct key *key, const char *realm) MUST_USE;

#endif
