/* SPDX-License-Identifier: Apache-2.0 */
/* From the TLS sections of the configuration, and the PEM files they name, to contexts. */
#ifndef STEKD_APP_APP_TLS_H
#define STEKD_APP_APP_TLS_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/err.h"
#include "config/config.h"

#define APP_TLS_CERTIFICATE_WARN_MS INT64_C(604800000) /* a week: time to renew by hand */
#define APP_TLS_CRL_WARN_MS         INT64_C(21600000)  /* 6 hours: lists are renewed by machines */

/* Mutual TLS 1.3 for a TCP listener, or TLS 1.2 and later to Redis. Relative paths begin in the
 * configuration's folder. `now_ms` is the wall clock's. The caller owns *out_context. ERR_INVALID,
 * ERR_IO, ERR_NOMEM, ERR_CRYPTO, with a sentence that names the file. */
enum err app_tls_for_listener(const struct config *config, size_t listener, int64_t now_ms,
                              SSL_CTX **out_context, struct errbuf *why) MUST_USE;
enum err app_tls_for_redis(const struct config *config, int64_t now_ms, SSL_CTX **out_context,
                           struct errbuf *why) MUST_USE;

/* What will soon end or has: "the certificate tls/server.pem expires in 3d: ...". "" when there is
 * time. `index` counts what there is to say about one context from 0; false: no more. */
struct app_tls_lines {
    struct errbuf at[2]; /* certificate, revocation lists */
    size_t count;
};
void app_tls_describe_expiry(const SSL_CTX *context, const struct config_tls *tls, int64_t now_ms,
                             struct app_tls_lines *out);

#endif
