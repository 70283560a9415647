/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three PEM files by which this process and the daemons know each other: whom to trust, our
 * certificate, its private key. Read and checked when the client is made, for servers give up the
 * right to read them later; looked at again while they can be, for certificates are renewed in
 * place. A set that does not fit together (half of it renewed, half of it written) is reported and
 * the one before is kept.
 *
 * The bytes are kept, not what OpenSSL makes of them: that exists while a connection does. The
 * key's lie in locked, undumped memory that forked children inherit; never in the shared mapping.
 *
 * Any thread, one at a time by a lock of its own.
 */
#ifndef STEK_SRC_CREDENTIALS_H
#define STEK_SRC_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/err.h"

#define CREDENTIALS_FILE_MAX ((size_t)262144) /* bytes of one file */

/* All three or none (NULL). */
struct credentials_paths {
    const char *ca;
    const char *certificate;
    const char *key;
};

struct credentials;

/* `paths` are copied, relative ones as they lead from here. `now_ms`: Unix ms, for the
 * certificates' dates. ERR_INVALID with a sentence that names the file, ERR_LIMIT when memory
 * cannot be locked, ERR_NOMEM, ERR_CRYPTO. */
enum err credentials_new(const struct credentials_paths *paths, int64_t now_ms,
                         struct credentials **out_credentials, struct errbuf *why) MUST_USE;
/* NULL allowed. */
void credentials_free(struct credentials *credentials);

/* In a forked child, before any other call: its copy's lock is nobody's and its memory unlocked.
 * Nothing happens in the process that made it. ERR_LIMIT. */
enum err credentials_adopt(struct credentials *credentials) MUST_USE;

/* Whether the files are others than when they were last read; reads them if so, and uses them from
 * now on if they are sound. On failure (the same again until the files change once more) what was
 * held is kept. */
enum err credentials_look(struct credentials *credentials, int64_t now_ms,
                          struct errbuf *why) MUST_USE;
/* Another number whenever what is held has become another. */
uint64_t credentials_version(struct credentials *credentials);

/* A context for connections to daemons. The caller owns it: SSL_CTX_free(). ERR_INVALID: our
 * certificate has expired meanwhile. */
enum err credentials_context(struct credentials *credentials, int64_t now_ms, SSL_CTX **out_context,
                             struct errbuf *why) MUST_USE;

/* Of our own certificate; Unix ms. */
struct credentials_dates {
    int64_t not_before_ms;
    int64_t not_after_ms;
};
struct credentials_dates credentials_dates(struct credentials *credentials);

#endif
