/* SPDX-License-Identifier: Apache-2.0 */
/* The session-id context: what a session must have been made under to be resumed here. */
#ifndef STEK_SRC_OPENSSL_SID_H
#define STEK_SRC_OPENSSL_SID_H

#include <stdint.h>

#include <openssl/ssl.h>

#include "base/err.h"

#define OPENSSL_SID_LEN 32

/* For `ctx` as it is set up now. ERR_CRYPTO leaves `out` untouched. */
enum err openssl_sid_make(const SSL_CTX *ctx, const char *realm, const char *context,
                          uint8_t out[OPENSSL_SID_LEN]) MUST_USE;

#endif
