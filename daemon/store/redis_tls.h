/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to a Redis or a Sentinel: whose certificate it must have, and what went wrong in words. */
#ifndef STEKD_STORE_REDIS_TLS_H
#define STEKD_STORE_REDIS_TLS_H

#include <openssl/types.h>

#include "base/err.h"

struct bufferevent;

/* A client's connection object that accepts only a peer whose certificate names `host` as an IP
 * address or DNS name among its SANs (RFC 6125: no common name; a whole label may be a wildcard).
 * What else is asked of the peer `context` says. ERR_NOMEM. The caller owns *out_ssl until a
 * bufferevent takes it. */
enum err redis_tls_new(SSL_CTX *context, const char *host, SSL **out_ssl) MUST_USE;

/* Why the TLS of this bufferevent failed, about the peer as "it". ERR_DENIED: one side refuses the
 * other's certificate. ERR_PROTOCOL: no TLS that both speak. ERR_UNAVAILABLE: it ended. ERR_OK: TLS
 * has nothing to say, and `why` is untouched. */
enum err redis_tls_explain(struct bufferevent *bev, struct errbuf *why) MUST_USE;

#endif
