/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A non-blocking Unix-socket connection with an h2_session on it: bytes between the two, nothing
 * more. Never raises SIGPIPE. What is read passes through locked memory that is wiped at once.
 */
#ifndef STEK_SRC_LINK_H
#define STEK_SRC_LINK_H

#include "base/err.h"
#include "base/secret.h"
#include "src/endpoint.h"
#include "wire/h2_session.h"

struct link {
    int fd;                /* owned; -1: closed */
    struct h2_session *h2; /* owned */
    uint8_t *in;           /* owned: LINK_READ_MAX bytes of secret memory */
    struct secret_buf out; /* what the socket has not taken yet */
};

/* A closed link; link_close() on it does nothing. */
void link_init(struct link *link);

/* `events` is copied, `ctx` borrowed until link_close(). ERR_UNAVAILABLE with a sentence when
 * nobody listens there. */
enum err link_open(struct link *link, const struct endpoint *endpoint,
                   const struct h2_events *events, void *ctx, struct errbuf *why) MUST_USE;
/* Fires no callback. */
void link_close(struct link *link);

/* What to poll for: POLLIN, and POLLOUT while something waits to be sent. */
short link_wants(const struct link *link);

/* Sends what the session has to say, as far as the socket takes it. */
enum err link_flush(struct link *link, struct errbuf *why) MUST_USE;

/* Reads what is there and flushes. Callbacks come from inside. ERR_UNAVAILABLE: the peer closed,
 * ERR_PROTOCOL: it broke the protocol; either way close the link. */
enum err link_on_ready(struct link *link, struct errbuf *why) MUST_USE;

#endif
