/* SPDX-License-Identifier: Apache-2.0 */
#include "host/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One day: nobody watches a daemon less closely, and the sum of two stays far from overflow. */
#define WATCHDOG_MAX_USEC UINT64_C(86400000000)

struct notify {
    struct notify_options options;
    int fd; /* -1: there is no manager */
    struct sockaddr_un address;
    socklen_t address_len;
    int64_t watchdog_ms;
    struct timer *timer;
    char status[NOTIFY_STATUS_MAX]; /* as last told */
};

/* ---- the environment ---- */

static enum err parse_socket(const char *text, struct notify *notify, struct errbuf *why)
{
    size_t len = strlen(text);
    bool is_abstract = text[0] == '@';

    if ((text[0] != '/' && !is_abstract) || len < 2) {
        errbuf_set(why, "NOTIFY_SOCKET is neither a path nor an abstract name");
        return ERR_INVALID;
    }
    /* A path needs its NUL; an abstract name has none, and begins with one in place of the @. */
    if (len + (is_abstract ? 0 : 1) > sizeof(notify->address.sun_path)) {
        errbuf_set(why, "NOTIFY_SOCKET is too long for a socket's address");
        return ERR_INVALID;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, text, len);
    if (is_abstract) {
        notify->address.sun_path[0] = '\0';
    }
    notify->address_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (is_abstract ? 0 : 1));
    return ERR_OK;
}

/* Decimal digits only. */
static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (text[0] == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > max) {
            return false;
        }
        value = value * 10 + (uint64_t)(*text - '0');
    }
    if (value > max) {
        return false;
    }
    *out = value;
    return true;
}

static enum err parse_watchdog(const struct notify_options *options, struct notify *notify,
                               struct errbuf *why)
{
    uint64_t pid = 0;
    uint64_t usec = 0;

    if (options->watchdog_usec == NULL) {
        return ERR_OK;
    }
    if (options->watchdog_pid != NULL && !parse_number(options->watchdog_pid, INT32_MAX, &pid)) {
        errbuf_set(why, "WATCHDOG_PID is not a number");
        return ERR_INVALID;
    }
    /* Meant for whoever started us. */
    if (options->watchdog_pid != NULL && pid != (uint64_t)options->pid) {
        return ERR_OK;
    }
    if (!parse_number(options->watchdog_usec, WATCHDOG_MAX_USEC, &usec) || usec == 0) {
        errbuf_set(why, "WATCHDOG_USEC is not a number of microseconds from 1 to a day");
        return ERR_INVALID;
    }
    notify->watchdog_ms = usec < 2000 ? 1 : (int64_t)(usec / 2000);
    return ERR_OK;
}

/* ---- telling ---- */

static enum err tell(const struct notify *notify, const char *text)
{
    ssize_t sent = sendto(notify->fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&notify->address, notify->address_len);

    return sent < 0 ? ERR_IO : ERR_OK;
}

/* One line: what is not printable would be another assignment, or garbage on a terminal. */
static void describe(const struct notify *notify, char text[NOTIFY_STATUS_MAX])
{
    text[0] = '\0';
    if (notify->options.describe != NULL) {
        notify->options.describe(notify->options.ctx, text, NOTIFY_STATUS_MAX);
    }
    for (char *at = text; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e) {
            *at = '?';
        }
    }
}

/* `first` and, if it has changed, the status. */
static enum err tell_with_status(struct notify *notify, const char *first)
{
    char status[NOTIFY_STATUS_MAX];
    char text[NOTIFY_STATUS_MAX + 64];

    describe(notify, status);
    bool is_news = strcmp(status, notify->status) != 0;
    (void)snprintf(text, sizeof(text), "%s%s%s%s", first, is_news ? "STATUS=" : "",
                   is_news ? status : "", is_news ? "\n" : "");
    enum err rc = text[0] == '\0' ? ERR_OK : tell(notify, text);
    if (rc == ERR_OK) {
        memcpy(notify->status, status, sizeof(status));
    }
    return rc;
}

static void arm(struct notify *notify)
{
    timer_arm(notify->options.timers, notify->timer,
              notify->watchdog_ms > 0 ? notify->watchdog_ms : NOTIFY_STATUS_MS);
}

static void on_beat(void *arg)
{
    struct notify *notify = arg;

    (void)tell_with_status(notify, notify->watchdog_ms > 0 ? "WATCHDOG=1\n" : "");
    arm(notify);
}

enum err notify_ready(struct notify *notify, struct errbuf *why)
{
    if (notify->fd < 0) {
        return ERR_OK;
    }
    arm(notify);
    enum err rc = tell_with_status(notify, "READY=1\n");
    if (rc != ERR_OK) {
        errbuf_set(why, "the service manager cannot be told: %s", strerror(errno));
    }
    return rc;
}

void notify_reloading(struct notify *notify, uint64_t now_us)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu\n",
                   (unsigned long long)now_us);
    if (notify->fd >= 0) {
        (void)tell(notify, text);
    }
}

void notify_stopping(struct notify *notify)
{
    if (notify->fd >= 0) {
        (void)tell_with_status(notify, "STOPPING=1\n");
    }
}

int64_t notify_watchdog_ms(const struct notify *notify)
{
    return notify->watchdog_ms;
}

/* ---- begin and end ---- */

static enum err open_socket(struct notify *notify, struct errbuf *why)
{
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0) {
        errbuf_set(why, "no socket for the service manager: %s", strerror(errno));
        return ERR_IO;
    }
    notify->timer = timer_new(notify->options.timers, on_beat, notify);
    if (notify->timer == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    return ERR_OK;
}

enum err notify_new(const struct notify_options *options, struct notify **out_notify,
                    struct errbuf *why)
{
    struct notify *notify = calloc(1, sizeof(*notify));
    enum err rc = ERR_OK;

    if (notify == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    notify->options = *options;
    notify->fd = -1;
    if (options->socket != NULL && options->socket[0] != '\0') {
        rc = parse_socket(options->socket, notify, why);
        if (rc == ERR_OK) {
            rc = parse_watchdog(options, notify, why);
        }
        if (rc == ERR_OK) {
            rc = open_socket(notify, why);
        }
    }
    if (rc != ERR_OK) {
        notify_free(notify);
        return rc;
    }
    *out_notify = notify;
    return ERR_OK;
}

void notify_free(struct notify *notify)
{
    if (notify == NULL) {
        return;
    }
    timer_free(notify->options.timers, notify->timer);
    if (notify->fd >= 0) {
        (void)close(notify->fd);
    }
    free(notify);
}
