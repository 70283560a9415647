/* SPDX-License-Identifier: Apache-2.0 */
#include "src/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINK_READ_MAX  ((size_t)16384)
#define LINK_READS_MAX 32 /* in one go: a flood must not keep the driver from its timers */

void link_init(struct link *link)
{
    *link = (struct link){.fd = -1};
}

void link_close(struct link *link)
{
    h2_session_free(link->h2);
    secret_free(link->in);
    secret_buf_fini(&link->out);
    if (link->fd >= 0) {
        (void)close(link->fd);
    }
    link_init(link);
}

static enum err connect_socket(struct link *link, const struct endpoint *endpoint,
                               struct errbuf *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _Static_assert(sizeof(address.sun_path) == sizeof(endpoint->path), "a path always fits");
    memcpy(address.sun_path, endpoint->path, sizeof(address.sun_path));

    link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0) {
        errbuf_set(why, "cannot make a socket: %s", strerror(errno));
        return ERR_IO;
    }
    /* A Unix socket connects at once or not at all (EAGAIN: the listener's queue is full). */
    if (connect(link->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        errbuf_set(why, "cannot connect to unix:%s: %s", endpoint->path, strerror(errno));
        return errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

enum err link_open(struct link *link, const struct endpoint *endpoint,
                   const struct h2_events *events, void *ctx, struct errbuf *why)
{
    const struct h2_limits limits = {0};
    link_init(link);
    enum err rc = connect_socket(link, endpoint, why);
    if (rc != ERR_OK) {
        goto out;
    }
    link->in = secret_alloc(LINK_READ_MAX);
    if (link->in == NULL) {
        rc = ERR_NOMEM;
        errbuf_set(why, "no locked memory for a connection: %s", strerror(errno));
        goto out;
    }
    rc = h2_session_new(H2_CLIENT, &limits, events, ctx, &link->h2);
    if (rc != ERR_OK) {
        errbuf_set(why, "cannot begin HTTP/2: %s", err_text(rc));
    }

out:
    if (rc != ERR_OK) {
        link_close(link);
    }
    return rc;
}

short link_wants(const struct link *link)
{
    return (short)(link->out.len > 0 ? POLLIN | POLLOUT : POLLIN);
}

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

enum err link_flush(struct link *link, struct errbuf *why)
{
    enum err rc = flush_kept(link, why);
    /* Nothing is taken from the session while an older rest waits: it says so by its limits. */
    while (rc == ERR_OK && link->out.len == 0) {
        struct slice bytes = {0};
        size_t sent = 0;
        rc = h2_session_drain(link->h2, &bytes, why);
        if (rc != ERR_OK || bytes.len == 0) {
            break;
        }
        rc = send_some(link, bytes, &sent, why);
        if (rc == ERR_OK && sent < bytes.len) {
            rc = secret_buf_append(&link->out, bytes.at + sent, bytes.len - sent);
        }
    }
    return rc;
}

/* Whether to read on is `*out_more`. */
static enum err read_once(struct link *link, bool *out_more, struct errbuf *why)
{
    const ssize_t n = recv(link->fd, link->in, LINK_READ_MAX, 0);
    *out_more = false;
    if (n > 0) {
        const enum err rc = h2_session_feed(link->h2, (struct slice){link->in, (size_t)n}, why);
        secret_wipe(link->in, (size_t)n);
        *out_more = rc == ERR_OK;
        return rc;
    }
    if (n == 0) {
        errbuf_set(why, "the daemon closed the connection");
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

enum err link_on_ready(struct link *link, struct errbuf *why)
{
    enum err rc = ERR_OK;
    bool more = true;
    for (int i = 0; i < LINK_READS_MAX && more && rc == ERR_OK; i++) {
        rc = read_once(link, &more, why);
    }
    if (rc != ERR_OK) {
        /* The session may have a last word for the peer (GOAWAY); ours is the first error. */
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
