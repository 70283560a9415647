/* SPDX-License-Identifier: Apache-2.0 */
/* PEM files, read whole: certificates, revocation lists, and private keys, which go into secret
 * memory and must be closed to other users. What the bytes mean is for wire/tls_context.h. */
#ifndef STEKD_HOST_PEM_FILE_H
#define STEKD_HOST_PEM_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PEM_FILE_MAX     4194304 /* revocation lists of large fleets */
#define PEM_FILE_KEY_MAX 65536   /* a private key: that much memory is locked for it */

enum pem_file_kind { PEM_FILE_PUBLIC, PEM_FILE_PRIVATE_KEY };

/* Starts as {0}. */
struct pem_file {
    uint8_t *at; /* owned */
    size_t len;
    enum pem_file_kind kind;
};

/* ERR_IO: it cannot be read. ERR_INVALID: it is no regular file, empty or too large, or a private
 * key that others may read or that its group may write. ERR_NOMEM. Each with a sentence that begins
 * with the path. */
enum err pem_file_read(const char *path, enum pem_file_kind kind, struct pem_file *out,
                       struct errbuf *why) MUST_USE;

/* Wipes a private key. Safe on {0} and twice. */
void pem_file_fini(struct pem_file *file);

#endif
