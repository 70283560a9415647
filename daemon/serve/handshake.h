/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accepted TCP socket until we know who is at the other end.
 *
 *      HANDSHAKING ---> done: transport and peer go to the owner
 *           |
 *           v
 *      LINGERING ---> failed
 *
 * TLS 1.3 with a client certificate (chain, dates, revocation, clientAuth named in its extended key
 * usage, names that are names) and ALPN h2, all within one time limit. Whoever is refused gets the
 * alert that says why (RFC 8446 section 6.2), and for a moment we only read and throw away: closing
 * at once would let the kernel's reset overtake the alert. What failed and why is logged and
 * counted here; one line a second for each reason, for anybody can cause them.
 */
#ifndef STEKD_SERVE_HANDSHAKE_H
#define STEKD_SERVE_HANDSHAKE_H

#include <stdint.h>

#include <openssl/types.h>

#include "base/err.h"
#include "serve/peer.h"
#include "serve/services.h"
#include "serve/transport.h"

struct event_base;
struct handshake;

#define HANDSHAKE_LINGER_MS INT64_C(1000)

struct handshake_options {
    struct event_base *base;         /* borrowed until handshake_free() */
    const struct services *services; /* likewise */
    const char *listener;            /* likewise; for the log */
    SSL_CTX *context;                /* referenced */
    int64_t timeout_ms;
    /* Exactly one of them, from the loop; the callee frees the handshake, now or later. `transport`
     * and what `peer` owns move to the callee. */
    void (*on_done)(void *ctx, struct handshake *handshake, struct transport *transport,
                    struct peer *peer);
    void (*on_failed)(void *ctx, struct handshake *handshake);
    void *ctx;
};

/* Prepares the context of a listener: a client that offers no ALPN at all gets its alert too. */
void handshake_prepare_context(SSL_CTX *context);

/* On success `fd` has moved to the handshake. ERR_NOMEM. */
enum err handshake_new(const struct handshake_options *options, int fd,
                       struct handshake **out_handshake) MUST_USE;
/* Closes what has not moved. Calls nothing back. NULL allowed. */
void handshake_free(struct handshake *handshake);

/* Counts and logs that it had to make room; the owner frees it. */
void handshake_evict(struct handshake *handshake);

/* The context it began with; borrowed. */
SSL_CTX *handshake_get_context(const struct handshake *handshake);

/* "expired", "unknown_ca", ...: for metrics and logs. */
const char *handshake_failure_text(enum handshake_failure failure);

#endif
