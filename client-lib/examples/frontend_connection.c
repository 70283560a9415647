/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4() */
#endif

#include "frontend_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#define CONNECTION_MS 5000 /* from accept to close */

int64_t frontend_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void write_reply(struct frontend_connection *c, const char *name)
{
    char body[256];
    int len = snprintf(body, sizeof(body), "%s pid %d resumed %s %s\n", name, (int)getpid(),
                       SSL_session_reused(c->ssl) == 1 ? "yes" : "no", SSL_get_version(c->ssl));

    c->len = snprintf(c->text, sizeof(c->text),
                      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                      "Connection: close\r\n\r\n%s",
                      len, body);
}

/* What SSL_read() and SSL_write() are good for here: one call, its result. */
static int advance_once(struct frontend_connection *c)
{
    switch (c->step) {
    case STEP_HANDSHAKE:
        return SSL_accept(c->ssl);
    case STEP_REQUEST:
        return SSL_read(c->ssl, c->text + c->len, (int)sizeof(c->text) - 1 - c->len);
    case STEP_REPLY:
        return SSL_write(c->ssl, c->text, c->len);
    default:
        return SSL_shutdown(c->ssl) >= 0 ? 1 : -1; /* ours is sent; theirs is not waited for */
    }
}

static void take_step(struct frontend_connection *c, int result, const char *name)
{
    if (c->step != STEP_REQUEST) {
        c->step++;
        return;
    }
    c->len += result;
    c->text[c->len] = '\0';
    if (strstr(c->text, "\r\n\r\n") != NULL || strstr(c->text, "\n\n") != NULL) {
        write_reply(c, name);
        c->step = STEP_REPLY;
    } else if (c->len == (int)sizeof(c->text) - 1) {
        c->step = STEP_OVER; /* no request of ours is that long */
    }
}

void frontend_connection_advance(struct frontend_connection *c, const char *name)
{
    while (c->step != STEP_OVER) {
        ERR_clear_error();
        int result = advance_once(c);
        if (result > 0) {
            take_step(c, result, name);
            continue;
        }
        int reason = SSL_get_error(c->ssl, result);
        if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
            c->step = STEP_OVER;
            return;
        }
        c->wants = reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return;
    }
}

bool frontend_connection_open(struct frontend_connection *c, SSL_CTX *ctx, int listener)
{
    int one = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return false; /* another worker was faster */
    }
    /* Without it a resumed TLS 1.2 handshake waits 40 ms for a delayed acknowledgement. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        (void)close(fd);
        return false;
    }
    *c = (struct frontend_connection){
        .ssl = ssl, .fd = fd, .wants = POLLIN, .deadline_ms = frontend_now_ms() + CONNECTION_MS};
    return true;
}

void frontend_connection_close(struct frontend_connection *c)
{
    SSL_free(c->ssl);
    (void)close(c->fd);
}
