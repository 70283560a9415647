/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening socket. A Unix one never takes over a path somebody answers on, never removes what is
 * not a socket, and removes its own file, and only its own, when it closes.
 */
#ifndef STEKD_SERVE_LISTENER_H
#define STEKD_SERVE_LISTENER_H

#include <stdint.h>

#include "base/err.h"
#include "host/timers.h"

struct event_base;
struct listener;

/* How long accepting stops when descriptors have run out and no connection closes. */
#define LISTENER_RETRY_MS INT64_C(1000)

struct listener_options {
    struct event_base *base;     /* borrowed until listener_close() */
    const struct timers *timers; /* likewise */
    const char *path;            /* Unix: absolute; copied. NULL: TCP */
    uint32_t mode;               /* Unix: of the socket file */
    const char *host;            /* TCP: an IPv4 or IPv6 address; copied */
    uint16_t port;               /* TCP; 0: the kernel picks one */
    /* `fd` is non-blocking and close-on-exec, and moves to the callee. */
    void (*on_accept)(void *ctx, int fd);
    /* Descriptors or memory ran out: accepting has stopped for LISTENER_RETRY_MS. */
    void (*on_exhausted)(void *ctx, int error);
    void *ctx;
};

/* ERR_CONFLICT: somebody serves there. ERR_INVALID: the path is no place for a socket, or the
 * address none of this host. ERR_NOT_FOUND: its directory does not exist. ERR_IO, ERR_DENIED: the
 * system refused; the sentence says what. */
enum err listener_open(const struct listener_options *options, struct listener **out_listener,
                       struct errbuf *why) MUST_USE;
/* NULL allowed. No callback afterwards. */
void listener_close(struct listener *listener);

/* Leaves new connections in the kernel's queue until listener_resume(), which also ends a wait for
 * descriptors. Both may be repeated. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* The path, or "192.0.2.1:7443" as it was bound. */
const char *listener_name(const struct listener *listener);

#endif
