/* SPDX-License-Identifier: Apache-2.0 */
#include "src/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define ADDRESS_TEXT_MAX 64

struct address_text {
    char text[ADDRESS_TEXT_MAX];
};

static struct address_text show(const struct link *link)
{
    struct address_text shown = {"?"};
    const struct resolve_answer *all = &link->addresses;
    (void)getnameinfo((const struct sockaddr *)&all->at[link->address], all->len[link->address],
                      shown.text, sizeof(shown.text), NULL, 0, NI_NUMERICHOST);
    return shown;
}

static enum err make_socket(struct link *link, int family, struct errbuf *why)
{
    link->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0) {
        errbuf_set(why, "cannot make a socket: %s", strerror(errno));
        return ERR_IO;
    }
    return ERR_OK;
}

static enum err connect_path(struct link *link, const struct endpoint *endpoint, struct errbuf *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _Static_assert(sizeof(address.sun_path) == sizeof(endpoint->path), "a path always fits");
    memcpy(address.sun_path, endpoint->path, sizeof(address.sun_path));
    const enum err rc = make_socket(link, AF_UNIX, why);
    if (rc != ERR_OK) {
        return rc;
    }
    /* A Unix socket connects at once or not at all (EAGAIN: the listener's queue is full). */
    if (connect(link->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        errbuf_set(why, "cannot connect to unix:%s: %s", endpoint->path, strerror(errno));
        return errno == EACCES || errno == EPERM ? ERR_DENIED : ERR_UNAVAILABLE;
    }
    link->state = LINK_OPEN;
    return ERR_OK;
}

/* --- addresses in turn ----------------------------------------------------------------------- */

static enum err begin_address(struct link *link, int64_t now_ms, struct errbuf *why)
{
    const struct resolve_answer *all = &link->addresses;
    const struct sockaddr *at = (const struct sockaddr *)&all->at[link->address];
    const enum err rc = make_socket(link, at->sa_family, why);
    if (rc != ERR_OK) {
        return rc;
    }
    const bool is_last = link->address + 1 == all->count;
    link->next_at =
        is_last ? INT64_MAX : clock_add_ms(now_ms, link->way.patience_ms / (int64_t)all->count);
    if (connect(link->fd, at, all->len[link->address]) != 0 && errno != EINPROGRESS) {
        errbuf_set(why, "cannot connect to %s: %s", show(link).text, strerror(errno));
        return ERR_UNAVAILABLE;
    }
    link->state = LINK_CONNECTING;
    return ERR_OK;
}

/* From link->address on, until one begins well; else the last one's trouble. */
static enum err try_addresses(struct link *link, int64_t now_ms, struct errbuf *why)
{
    enum err rc = ERR_UNAVAILABLE;
    for (; link->address < link->addresses.count; link->address++) {
        rc = begin_address(link, now_ms, why);
        if (rc == ERR_OK) {
            return ERR_OK;
        }
        if (link->fd >= 0) {
            (void)close(link->fd);
        }
        link->fd = -1;
    }
    return rc;
}

static enum err try_next(struct link *link, int64_t now_ms, struct errbuf *why)
{
    (void)close(link->fd);
    link->fd = -1;
    link->address++;
    return try_addresses(link, now_ms, why);
}

/* --- names ----------------------------------------------------------------------------------- */

static enum err await_name(struct link *link, int64_t now_ms, struct errbuf *why)
{
    struct resolve **lookup = link->way.lookup;
    if (!resolve_is_done(*lookup)) {
        link->next_at = clock_add_ms(now_ms, RESOLVE_LOOK_MS);
        return ERR_OK;
    }
    const enum err rc = resolve_get_answer(*lookup, &link->addresses, why);
    resolve_free(*lookup);
    *lookup = NULL;
    return rc == ERR_OK ? try_addresses(link, now_ms, why) : rc;
}

static enum err begin_name(struct link *link, int64_t now_ms, struct errbuf *why)
{
    const struct endpoint *endpoint = link->way.endpoint;
    struct resolve **lookup = link->way.lookup;
    link->state = LINK_RESOLVING;
    if (*lookup != NULL && resolve_is_stale(*lookup, now_ms)) {
        resolve_free(*lookup);
        *lookup = NULL;
    }
    if (*lookup == NULL) {
        const enum err rc = resolve_start(endpoint->host, endpoint->port, now_ms, lookup);
        if (rc != ERR_OK) {
            errbuf_set(why, "cannot look up the host %s: %s", endpoint->host, err_text(rc));
            return rc;
        }
    }
    return await_name(link, now_ms, why);
}

enum err dial_begin(struct link *link, int64_t now_ms, struct errbuf *why)
{
    const struct endpoint *endpoint = link->way.endpoint;
    if (!endpoint->is_tcp) {
        return connect_path(link, endpoint, why);
    }
    if (resolve_address(endpoint->host, endpoint->port, &link->addresses) == ERR_OK) {
        return try_addresses(link, now_ms, why);
    }
    return begin_name(link, now_ms, why);
}

/* Small messages both ways: waiting for more to send would only delay them. */
static void be_connected(struct link *link)
{
    const int one = 1;
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    link->state = LINK_SHAKING;
    link->next_at = INT64_MAX;
}

enum err dial_step(struct link *link, int64_t now_ms, bool is_ready, struct errbuf *why)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (link->state == LINK_RESOLVING) {
        return now_ms >= link->next_at ? await_name(link, now_ms, why) : ERR_OK;
    }
    if (!is_ready) {
        if (now_ms < link->next_at) {
            return ERR_OK;
        }
        errbuf_set(why, "%s does not answer", show(link).text);
        return try_next(link, now_ms, why);
    }
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error != 0) {
        errbuf_set(why, "cannot connect to %s: %s", show(link).text, strerror(error));
        return link->address + 1 < link->addresses.count ? try_next(link, now_ms, why)
                                                         : ERR_UNAVAILABLE;
    }
    be_connected(link);
    return ERR_OK;
}
