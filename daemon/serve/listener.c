/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/text.h"
#include "serve/tcp_socket.h"

#define ACCEPT_BURST 32 /* then the loop's other events have their turn */

struct listener {
    struct listener_options options;    /* path and host NULL once it is open */
    struct sockaddr_un address;         /* Unix */
    char tcp_name[TCP_SOCKET_NAME_MAX]; /* TCP; else "" */
    int fd;                             /* owned; -1: none */
    bool is_bound;                      /* the file is ours to remove ... */
    dev_t device;                       /* ... while it is still this one */
    ino_t inode;                        /* likewise */
    struct event *event;                /* owned */
    struct timer *retry;                /* owned */
    bool is_paused;                     /* by listener_pause() */
    bool is_out_of_files;               /* until the retry timer or listener_resume() */
};

static enum err system_error(const struct listener *l, const char *what, struct errbuf *why)
{
    int error = errno;

    errbuf_set(why, "%s: %s: %s", l->address.sun_path, what, strerror(error));
    return error == EACCES || error == EPERM ? ERR_DENIED : ERR_IO;
}

/* ERR_OK: nobody answers. */
static enum err probe(const struct listener *l, struct errbuf *why)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return system_error(l, "cannot make a socket", why);
    }
    int rc = connect(fd, (const struct sockaddr *)&l->address, sizeof(l->address));
    int error = rc == 0 ? 0 : errno;
    (void)close(fd);
    if (error == ECONNREFUSED || error == ENOENT) {
        return ERR_OK;
    }
    /* EAGAIN: a full queue, so somebody is there. */
    if (error == 0 || error == EAGAIN || error == EINPROGRESS) {
        errbuf_set(why, "%s: another process serves on this socket; is stekd running already?",
                   l->address.sun_path);
        return ERR_CONFLICT;
    }
    errno = error;
    return system_error(l, "cannot tell whether somebody serves here", why);
}

/* Removes the file of a daemon that died; refuses anything else that stands in the way. */
static enum err clear_path(const struct listener *l, struct errbuf *why)
{
    struct stat st;

    if (lstat(l->address.sun_path, &st) != 0) {
        return errno == ENOENT ? ERR_OK : system_error(l, "cannot look at it", why);
    }
    if (!S_ISSOCK(st.st_mode)) {
        errbuf_set(why, "%s: exists and is not a socket; stekd does not remove it",
                   l->address.sun_path);
        return ERR_INVALID;
    }
    enum err rc = probe(l, why);
    if (rc == ERR_OK && unlink(l->address.sun_path) != 0 && errno != ENOENT) {
        rc = system_error(l, "cannot remove the socket of a daemon that is gone", why);
    }
    return rc;
}

/* What a new operator meets first: say whose fault it is. */
static enum err bind_error(const struct listener *l, struct errbuf *why)
{
    if (errno == ENOENT || errno == ENOTDIR) {
        errbuf_set(why,
                   "%s: its directory does not exist: create it (RuntimeDirectory=stekd in the "
                   "systemd unit makes /run/stekd)",
                   l->address.sun_path);
        return ERR_NOT_FOUND;
    }
    if (errno == EACCES) {
        errbuf_set(why, "%s: uid %u may not create it: its directory must be open to that user",
                   l->address.sun_path, (unsigned int)geteuid());
        return ERR_DENIED;
    }
    return system_error(l, "cannot bind", why);
}

static enum err bind_path(struct listener *l, struct errbuf *why)
{
    struct stat st;

    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) {
        return system_error(l, "cannot make a socket", why);
    }
    /* Nobody but us may connect until the mode is what was asked for. */
    mode_t old = umask(0177);
    int rc = bind(l->fd, (const struct sockaddr *)&l->address, sizeof(l->address));
    int error = errno;
    (void)umask(old);
    if (rc != 0) {
        errno = error;
        if (error == EADDRINUSE) {
            errbuf_set(why, "%s: another process took this path just now", l->address.sun_path);
            return ERR_CONFLICT;
        }
        return bind_error(l, why);
    }
    if (lstat(l->address.sun_path, &st) != 0) {
        return system_error(l, "cannot look at the new socket", why);
    }
    l->is_bound = true;
    l->device = st.st_dev;
    l->inode = st.st_ino;
    if (listen(l->fd, SOMAXCONN) != 0) {
        return system_error(l, "cannot listen", why);
    }
    if (chmod(l->address.sun_path, l->options.mode) != 0) {
        return system_error(l, "cannot set the mode", why);
    }
    return ERR_OK;
}

/* Accepting goes on exactly while nothing speaks against it. */
static void set_accepting(struct listener *l)
{
    if (l->is_paused || l->is_out_of_files) {
        (void)event_del(l->event);
    } else if (event_add(l->event, NULL) != 0) {
        timer_arm(l->options.timers, l->retry, LISTENER_RETRY_MS);
    }
}

static void on_retry(void *arg)
{
    struct listener *l = arg;

    l->is_out_of_files = false;
    set_accepting(l);
}

/* What the next accept() may get past: the connection is gone already, or it is a signal. */
static bool is_passing(int error)
{
    return error == EINTR || error == ECONNABORTED || error == EPROTO;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;

    (void)what;
    for (int i = 0; i < ACCEPT_BURST && !l->is_paused && !l->is_out_of_files; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted >= 0) {
            l->options.on_accept(l->options.ctx, accepted);
            continue;
        }
        int error = errno;
        if (error == EAGAIN || error == EWOULDBLOCK) {
            return;
        }
        if (!is_passing(error)) {
            /* EMFILE, ENFILE, ENOBUFS, ENOMEM: the socket stays readable, so without a pause the
             * loop would spin. */
            l->is_out_of_files = true;
            set_accepting(l);
            timer_arm(l->options.timers, l->retry, LISTENER_RETRY_MS);
            l->options.on_exhausted(l->options.ctx, error);
        }
    }
}

void listener_close(struct listener *l)
{
    struct stat st;

    if (l == NULL) {
        return;
    }
    if (l->event != NULL) {
        event_free(l->event);
    }
    timer_free(l->options.timers, l->retry);
    if (l->fd >= 0) {
        (void)close(l->fd);
    }
    /* A successor's socket may stand there by now. */
    if (l->is_bound && lstat(l->address.sun_path, &st) == 0 && st.st_dev == l->device &&
        st.st_ino == l->inode) {
        (void)unlink(l->address.sun_path);
    }
    free(l);
}

static enum err start_accepting(struct listener *l, struct errbuf *why)
{
    l->retry = timer_new(l->options.timers, on_retry, l);
    l->event = event_new(l->options.base, l->fd, EV_READ | EV_PERSIST, on_acceptable, l);
    if (l->retry == NULL || l->event == NULL || event_add(l->event, NULL) != 0) {
        errbuf_set(why, "%s: out of memory", listener_name(l));
        return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum err open_unix(struct listener *l, struct errbuf *why)
{
    const char *path = l->options.path;

    l->address.sun_family = AF_UNIX;
    if (text_copy(l->address.sun_path, sizeof(l->address.sun_path), path) != ERR_OK) {
        errbuf_set(why, "%s: longer than the %zu bytes a socket path may have", path,
                   sizeof(l->address.sun_path) - 1);
        return ERR_INVALID;
    }
    enum err rc = clear_path(l, why);
    return rc == ERR_OK ? bind_path(l, why) : rc;
}

static enum err open_tcp(struct listener *l, struct errbuf *why)
{
    enum err rc = tcp_socket_listen(l->options.host, l->options.port, &l->fd, why);

    if (rc == ERR_OK) {
        tcp_socket_format_local(l->fd, l->tcp_name);
    }
    return rc;
}

enum err listener_open(const struct listener_options *options, struct listener **out_listener,
                       struct errbuf *why)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    l->options = *options;
    l->fd = -1;
    enum err rc = options->path != NULL ? open_unix(l, why) : open_tcp(l, why);
    l->options.path = NULL;
    l->options.host = NULL;
    if (rc == ERR_OK) {
        rc = start_accepting(l, why);
    }
    if (rc != ERR_OK) {
        listener_close(l);
        return rc;
    }
    *out_listener = l;
    return ERR_OK;
}

void listener_pause(struct listener *l)
{
    l->is_paused = true;
    set_accepting(l);
}

void listener_resume(struct listener *l)
{
    if (l->is_paused || l->is_out_of_files) {
        l->is_paused = false;
        l->is_out_of_files = false;
        set_accepting(l);
    }
}

const char *listener_name(const struct listener *l)
{
    return l->tcp_name[0] != '\0' ? l->tcp_name : l->address.sun_path;
}
