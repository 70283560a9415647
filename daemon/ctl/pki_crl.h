/* SPDX-License-Identifier: Apache-2.0 */
/* The revocation list of "stekctl pki crl" (RFC 5280 §5). The list itself is all that is kept: a
 * new one is the old one and what was added. Opens no file and reads no clock. */
#ifndef STEKD_CTL_PKI_CRL_H
#define STEKD_CTL_PKI_CRL_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "ctl/pki_x509.h"

struct pki_crl_dates {
    int64_t from_ms; /* Unix time */
    int64_t until_ms;
};

/* `old` in PEM, or .len 0: none yet. Its list, and the serial numbers of `revoked`, as a new list
 * in PEM; *out starts as {0}, and the caller ends it with secret_buf_fini(). A certificate that is
 * on the list already stays there once. ERR_INVALID: `old` is not this CA's list, or a certificate
 * is not this CA's; ERR_CRYPTO, ERR_NOMEM. */
enum err pki_crl_make(const struct pki_identity *ca, struct slice old, X509 *const *revoked,
                      size_t revoked_count, struct pki_crl_dates dates, struct secret_buf *out,
                      struct errbuf *why) MUST_USE;

#endif
