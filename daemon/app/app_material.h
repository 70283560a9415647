/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a configuration names that lies in files of its own: certificates, private keys,
 * key-encryption keys, a password. Read whole, and found good, before anything is built or changed
 * with it: at the start, in a reload, and by --check. */
#ifndef STEKD_APP_APP_MATERIAL_H
#define STEKD_APP_APP_MATERIAL_H

#include <openssl/types.h>

#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "config/config.h"
#include "config/config_problems.h"
#include "store/seal.h"

/* Starts as {0}. */
struct app_material {
    SSL_CTX *listeners[CONFIG_LISTENERS_MAX]; /* owned; NULL: a Unix socket */
    SSL_CTX *redis;                           /* owned; NULL: no TLS */
    struct secret_buf password;               /* of Redis; empty: none */
    struct seal *seal;                        /* owned; NULL: records are not sealed */
};

/* Reads what it can and adds a problem for everything it cannot, at the entry or section that names
 * the file; notes for what ends soon. Not ERR_OK: there was a problem, and *out is untouched.
 * `random` is borrowed as long as the seal lives; `now_ms` is the wall clock's. */
enum err app_material_read(const struct config *config, const struct random_source *random,
                           int64_t now_ms, struct app_material *out,
                           struct config_problems *problems) MUST_USE;
/* Safe on {0} and twice. */
void app_material_fini(struct app_material *material);

/* What is read, and nothing kept: for --check. */
enum err app_material_check(const struct config *config, struct config_problems *problems) MUST_USE;

#endif
