/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes to and from one accepted socket, as they are or through TLS. Never blocks, never raises
 * SIGPIPE. What TLS buffers is encrypted; plaintext stays in the caller's memory.
 */
#ifndef STEKD_SERVE_TRANSPORT_H
#define STEKD_SERVE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct transport;

enum transport_io {
    TRANSPORT_OK,
    TRANSPORT_WAIT,   /* for the socket to become readable (read) or writable (write) */
    TRANSPORT_END,    /* the peer has closed, or is gone */
    TRANSPORT_BROKEN, /* TLS failed; the sentence says why */
};

/* `context` NULL: no TLS; else it is referenced, and the server's handshake is the first thing to
 * be done. On success `fd` (non-blocking) has moved to the transport. ERR_NOMEM. */
enum err transport_new(int fd, SSL_CTX *context, struct transport **out_transport) MUST_USE;
/* Says goodbye (close_notify) if that can be done without waiting, and closes the socket. NULL
 * allowed. */
void transport_free(struct transport *transport);

int transport_get_fd(const struct transport *transport);
/* NULL without TLS. Borrowed. */
SSL *transport_get_ssl(const struct transport *transport);

/* At least one byte on TRANSPORT_OK. */
enum transport_io transport_read(struct transport *transport, uint8_t *to, size_t cap,
                                 size_t *out_got, struct errbuf *why) MUST_USE;
/* Whether read has more that the socket does not tell of. */
bool transport_has_buffered(const struct transport *transport);

/* Some of the bytes, at least one, on TRANSPORT_OK. After TRANSPORT_WAIT the next write must begin
 * with the same bytes and be no shorter. */
enum transport_io transport_write(struct transport *transport, struct slice bytes,
                                  size_t *out_sent) MUST_USE;

/* Judges the peer's certificate once more, as if it came now, by `context` and at `now_ms` (wall
 * clock). ERR_DENIED with a sentence: it would be refused. Without TLS always ERR_OK. */
enum err transport_verify(const struct transport *transport, SSL_CTX *context, int64_t now_ms,
                          struct errbuf *why) MUST_USE;

/* Wall clock: when the first certificate of the peer's chain ends. INT64_MAX without TLS. */
int64_t transport_not_after_ms(const struct transport *transport);

#endif
