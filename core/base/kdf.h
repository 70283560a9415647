/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF-SHA256 (RFC 5869) and SHA-256, by libcrypto. No state, no I/O; any thread. */
#ifndef STEK_BASE_KDF_H
#define STEK_BASE_KDF_H

#include "base/bytes.h"
#include "base/err.h"

#define KDF_SHA256_LEN 32

/* Extract-and-expand with an empty salt. Writes exactly `out_len` bytes (at most 255 * 32), or
 * returns ERR_CRYPTO (an empty `key` too) or ERR_NOMEM and leaves `out` wiped. */
enum err kdf_hkdf_sha256(struct slice key, struct slice info, uint8_t *out,
                         size_t out_len) MUST_USE;

/* The same with a salt, which need not be secret. */
enum err kdf_hkdf_sha256_salted(struct slice key, struct slice salt, struct slice info,
                                uint8_t *out, size_t out_len) MUST_USE;

/* SHA-256 over one range. ERR_CRYPTO leaves `out` zeroed. */
enum err kdf_sha256(struct slice bytes, uint8_t out[KDF_SHA256_LEN]) MUST_USE;

#endif
