/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A non-blocking connection to a daemon with an h2_session on it: bytes between the two, nothing
 * more. A Unix socket, or mutual TLS over TCP. Never raises SIGPIPE. What is read passes through
 * locked memory that is wiped at once.
 *
 *   closed --> resolving --> connecting --> shaking --> open        TCP; one address after another
 *   closed ------------------------------------------> open        Unix socket
 *
 * How long a link may take to open is its user's business: link_close() at any time.
 */
#ifndef STEK_SRC_LINK_H
#define STEK_SRC_LINK_H

#include "base/err.h"
#include "base/secret.h"
#include "src/channel.h"
#include "src/endpoint.h"
#include "src/resolve.h"
#include "wire/h2_session.h"

enum link_state { LINK_CLOSED, LINK_RESOLVING, LINK_CONNECTING, LINK_SHAKING, LINK_OPEN };

/* Where to, and as whom. */
struct link_way {
    const struct endpoint *endpoint; /* borrowed until link_close() */
    /* TCP only. */
    SSL_CTX *context;        /* borrowed during link_open() */
    int64_t wall_ms;         /* Unix ms at which certificates are judged */
    int64_t patience_ms;     /* how long the user will wait; addresses share it */
    struct resolve **lookup; /* borrowed until link_close(): a lookup of this endpoint's host that
                                is under way, or NULL; outlives links, so that a slow resolver is
                                asked once; *lookup is the user's to free */
};

struct link {
    enum link_state state;
    int fd;                  /* owned; -1: closed, or resolving */
    struct h2_session *h2;   /* owned */
    struct channel *channel; /* owned; NULL: plain */
    uint8_t *in;             /* owned: LINK_READ_MAX bytes of secret memory */
    struct secret_buf out;   /* what the socket has not taken yet */
    struct link_way way;
    struct resolve_answer addresses;
    size_t address;  /* being tried */
    int64_t next_at; /* boot ms: when to look for the resolver's answer, or try the next address */
};

/* A closed link; link_close() on it does nothing. */
void link_init(struct link *link);

/* `events` is copied, `ctx` borrowed until link_close(). `now_ms`: boot ms. ERR_UNAVAILABLE with a
 * sentence when nobody listens there. */
enum err link_open(struct link *link, const struct link_way *way, int64_t now_ms,
                   const struct h2_events *events, void *ctx, struct errbuf *why) MUST_USE;
/* Fires no callback. */
void link_close(struct link *link);

/* What to poll for: POLLIN, and POLLOUT while something waits to be sent or a connection made. */
short link_wants(const struct link *link);
/* Boot ms at which link_step() has something to do even if the descriptor is silent. */
int64_t link_deadline(const struct link *link);

/* Sends what the session has to say, as far as the socket takes it. Nothing before it is open. */
enum err link_flush(struct link *link, struct errbuf *why) MUST_USE;

/* Goes on opening; when open reads what is there and flushes. `is_ready`: poll() reported the
 * descriptor. Callbacks come from inside. ERR_UNAVAILABLE: the peer closed, or is not who it should
 * be; ERR_DENIED: it refuses our certificate; ERR_PROTOCOL: it broke the protocol; in any case
 * close the link. */
enum err link_step(struct link *link, int64_t now_ms, bool is_ready, struct errbuf *why) MUST_USE;

#endif
