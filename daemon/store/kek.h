/* SPDX-License-Identifier: Apache-2.0 */
/* Key-encryption keys: 32 raw random bytes in a file each, known by an id that tells nothing. */
#ifndef STEKD_STORE_KEK_H
#define STEKD_STORE_KEK_H

#include <stdint.h>

#include "base/err.h"

#define KEK_LEN    32
#define KEK_ID_LEN 8

struct kek {
    uint8_t id[KEK_ID_LEN]; /* HKDF of the bytes: not secret */
    uint8_t bytes[KEK_LEN];
};

/* Reads `path` into `*out`, which lies in secret memory. Refused, each with its own sentence: what
 * is no regular file, what others can read or the group can write, what neither we nor root own,
 * any other size, bytes that repeat, hexadecimal digits and other text. On failure *out is
 * untouched. ERR_IO, ERR_INVALID, ERR_NOMEM, ERR_CRYPTO. */
enum err kek_read(const char *path, struct kek *out, struct errbuf *why) MUST_USE;

#endif
