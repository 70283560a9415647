/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 to a daemon, without a socket: the socket's bytes in and out, plain bytes out and in. So
 * nothing here can raise a signal or block.
 *
 * The daemon must show a certificate of a CA we trust, made for servers (serverAuth), that names
 * the endpoint's host among its DNS names or IP addresses: not its common name, no wildcard (RFC
 * 6125 section 6.4). It must agree on HTTP/2 (ALPN "h2").
 *
 *   shaking --(the daemon is who it should be)--> open
 */
#ifndef STEK_SRC_CHANNEL_H
#define STEK_SRC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct channel;

/* `context` is up-referenced. `now_ms`: Unix ms at which certificates are judged. ERR_NOMEM. */
enum err channel_new(SSL_CTX *context, const char *host, int64_t now_ms,
                     struct channel **out_channel) MUST_USE;
/* Without a word to the daemon: channel_say_goodbye() comes before. NULL allowed. */
void channel_free(struct channel *channel);

/* The daemon has agreed to everything; what it thinks of our certificate shows with its first
 * bytes (RFC 8446 section 4.4.2.4). */
bool channel_is_open(const struct channel *channel);

/* Bytes that came from the socket. ERR_NOMEM. */
enum err channel_feed(struct channel *channel, struct slice bytes) MUST_USE;
/* Goes on with the handshake as far as the bytes fed allow. ERR_UNAVAILABLE with a sentence: the
 * daemon is not who it should be, or does not speak TLS; ERR_DENIED: it refuses our certificate.
 * An alert for it may be pending all the same. */
enum err channel_shake(struct channel *channel, struct errbuf *why) MUST_USE;
/* Plain bytes that have come; *out_len 0: all the bytes fed are used up. Errors as above;
 * ERR_UNAVAILABLE too when the daemon has said goodbye. */
enum err channel_read(struct channel *channel, uint8_t *at, size_t cap, size_t *out_len,
                      struct errbuf *why) MUST_USE;
/* Takes all of `plain`. */
enum err channel_write(struct channel *channel, struct slice plain, struct errbuf *why) MUST_USE;
void channel_say_goodbye(struct channel *channel);

/* What is to be sent; borrowed until the next call. channel_sent(): it has been, or was copied. */
struct slice channel_pending(const struct channel *channel);
void channel_sent(struct channel *channel);

#endif
