/* SPDX-License-Identifier: Apache-2.0 */
#include "src/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/dial.h"

#define LINK_READ_MAX  ((size_t)16384)
#define LINK_READS_MAX 32 /* in one go: a flood must not keep the driver from its timers */

void link_init(struct link *link)
{
    *link = (struct link){.fd = -1, .next_at = INT64_MAX};
}

static void say_goodbye(struct link *link)
{
    if (link->state == LINK_OPEN && link->channel != NULL && link->out.len == 0) {
        channel_say_goodbye(link->channel);
        const struct slice bytes = channel_pending(link->channel);
        const ssize_t n = send(link->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        (void)n; /* a courtesy */
    }
}

void link_close(struct link *link)
{
    say_goodbye(link);
    h2_session_free(link->h2);
    channel_free(link->channel);
    secret_free(link->in);
    secret_buf_fini(&link->out);
    if (link->fd >= 0) {
        (void)close(link->fd);
    }
    link_init(link);
}

static enum err make_parts(struct link *link, const struct h2_events *events, void *ctx,
                           struct errbuf *why)
{
    const struct h2_limits limits = {0};
    const struct link_way *way = &link->way;
    link->in = secret_alloc(LINK_READ_MAX);
    if (link->in == NULL) {
        errbuf_set(why, "no locked memory for a connection: %s", strerror(errno));
        return ERR_NOMEM;
    }
    enum err rc = h2_session_new(H2_CLIENT, &limits, events, ctx, &link->h2);
    if (rc == ERR_OK && way->endpoint->is_tcp) {
        rc = channel_new(way->context, way->endpoint->host, way->wall_ms, &link->channel);
    }
    if (rc != ERR_OK) {
        errbuf_set(why, "cannot begin a connection: %s", err_text(rc));
    }
    return rc;
}

enum err link_open(struct link *link, const struct link_way *way, int64_t now_ms,
                   const struct h2_events *events, void *ctx, struct errbuf *why)
{
    link_init(link);
    link->way = *way;
    enum err rc = dial_begin(link, now_ms, why);
    if (rc == ERR_OK) {
        rc = make_parts(link, events, ctx, why);
    }
    if (rc != ERR_OK) {
        link_close(link);
    }
    return rc;
}

short link_wants(const struct link *link)
{
    if (link->state == LINK_CONNECTING) {
        return POLLOUT;
    }
    return (short)(link->out.len > 0 ? POLLIN | POLLOUT : POLLIN);
}

int64_t link_deadline(const struct link *link)
{
    return link->next_at;
}

/* --- out ------------------------------------------------------------------------------------- */

/* Sends from `bytes` what the socket takes; `*out_sent` may be less than all. */
static enum err send_some(struct link *link, struct slice bytes, size_t *out_sent,
                          struct errbuf *why)
{
    size_t sent = 0;
    while (sent < bytes.len) {
        const ssize_t n = send(link->fd, bytes.at + sent, bytes.len - sent, MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            sent = bytes.len; /* it has gone; what it said last, and why, is there to be read */
        } else if (errno != EINTR) {
            errbuf_set(why, "cannot send: %s", strerror(errno));
            return ERR_UNAVAILABLE;
        }
    }
    *out_sent = sent;
    return ERR_OK;
}

static enum err flush_kept(struct link *link, struct errbuf *why)
{
    size_t sent = 0;
    const enum err rc = send_some(link, (struct slice){link->out.at, link->out.len}, &sent, why);
    if (rc == ERR_OK) {
        secret_buf_consume(&link->out, sent);
    }
    return rc;
}

/* What goes to the socket next; len 0: nothing now. */
static enum err next_bytes(struct link *link, struct slice *out, struct errbuf *why)
{
    struct slice plain = {0};
    if (link->channel == NULL) {
        return h2_session_drain(link->h2, out, why);
    }
    enum err rc = ERR_OK;
    if (link->state == LINK_OPEN && channel_pending(link->channel).len == 0) {
        rc = h2_session_drain(link->h2, &plain, why);
        if (rc == ERR_OK && plain.len > 0) {
            rc = channel_write(link->channel, plain, why);
        }
    }
    *out = channel_pending(link->channel);
    return rc;
}

static enum err send_next(struct link *link, struct slice bytes, struct errbuf *why)
{
    size_t sent = 0;
    enum err rc = send_some(link, bytes, &sent, why);
    if (rc == ERR_OK && sent < bytes.len) {
        rc = secret_buf_append(&link->out, bytes.at + sent, bytes.len - sent);
    }
    if (link->channel != NULL) {
        channel_sent(link->channel);
    }
    return rc;
}

enum err link_flush(struct link *link, struct errbuf *why)
{
    if (link->state < LINK_SHAKING) {
        return ERR_OK;
    }
    enum err rc = flush_kept(link, why);
    /* Nothing is taken from the session while an older rest waits: it says so by its limits. */
    while (rc == ERR_OK && link->out.len == 0) {
        struct slice bytes = {0};
        rc = next_bytes(link, &bytes, why);
        if (rc != ERR_OK || bytes.len == 0) {
            break;
        }
        rc = send_next(link, bytes, why);
    }
    return rc;
}

/* --- in -------------------------------------------------------------------------------------- */

static enum err feed_session(struct link *link, size_t len, struct errbuf *why)
{
    const enum err rc = h2_session_feed(link->h2, (struct slice){link->in, len}, why);
    secret_wipe(link->in, len);
    return rc;
}

/* The handshake's part of what has come, then the session's. */
static enum err read_channel(struct link *link, struct errbuf *why)
{
    enum err rc = ERR_OK;
    if (link->state == LINK_SHAKING) {
        rc = channel_shake(link->channel, why);
        link->state = channel_is_open(link->channel) ? LINK_OPEN : LINK_SHAKING;
    }
    while (rc == ERR_OK && link->state == LINK_OPEN) {
        size_t len = 0;
        rc = channel_read(link->channel, link->in, LINK_READ_MAX, &len, why);
        if (rc != ERR_OK || len == 0) {
            break;
        }
        rc = feed_session(link, len, why);
    }
    return rc;
}

static enum err take_bytes(struct link *link, size_t len, struct errbuf *why)
{
    if (link->channel == NULL) {
        return feed_session(link, len, why);
    }
    const enum err rc = channel_feed(link->channel, (struct slice){link->in, len});
    if (rc != ERR_OK) {
        errbuf_set(why, "out of memory");
        return rc;
    }
    return read_channel(link, why);
}

/* Whether to read on is `*out_more`. */
static enum err read_once(struct link *link, bool *out_more, struct errbuf *why)
{
    const ssize_t n = recv(link->fd, link->in, LINK_READ_MAX, 0);
    *out_more = false;
    if (n > 0) {
        const enum err rc = take_bytes(link, (size_t)n, why);
        *out_more = rc == ERR_OK;
        return rc;
    }
    if (n == 0) {
        errbuf_set(why, "the daemon closed the connection%s",
                   link->state == LINK_SHAKING ? " during the TLS handshake" : "");
        return ERR_UNAVAILABLE;
    }
    if (errno == EINTR) {
        *out_more = true;
        return ERR_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return ERR_OK;
    }
    errbuf_set(why, "cannot receive: %s", strerror(errno));
    return ERR_UNAVAILABLE;
}

static enum err read_all(struct link *link, struct errbuf *why)
{
    enum err rc = ERR_OK;
    bool more = true;
    for (int i = 0; i < LINK_READS_MAX && more && rc == ERR_OK; i++) {
        rc = read_once(link, &more, why);
    }
    if (rc != ERR_OK) {
        /* The session may have a last word for the peer (GOAWAY), TLS an alert; ours is the first
         * error. */
        const enum err last_word = link_flush(link, NULL);
        (void)last_word;
        return rc;
    }
    rc = link_flush(link, why);
    if (rc == ERR_OK && !h2_session_is_alive(link->h2)) {
        errbuf_set(why, "the daemon ended the connection");
        rc = ERR_UNAVAILABLE;
    }
    return rc;
}

enum err link_step(struct link *link, int64_t now_ms, bool is_ready, struct errbuf *why)
{
    if (link->state < LINK_SHAKING) {
        const enum err rc = dial_step(link, now_ms, is_ready, why);
        if (rc != ERR_OK || link->state != LINK_SHAKING) {
            return rc;
        }
        is_ready = true; /* the first step of the handshake is ours */
        const enum err hello = channel_shake(link->channel, why);
        if (hello != ERR_OK) {
            return hello;
        }
    }
    return is_ready ? read_all(link, why) : ERR_OK;
}
