/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as requests for the daemon's HTTP pages, in two pieces: exactly one answer, with a
 * known status and a length that is true.
 *
 * libevent's listener is replaced by the functions below (a program's own come before a shared
 * library's), so that a connection is a socket pair: the kernel's ports would run out in seconds.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "fuzz.h"
#include "ops/ops_http.h"

#define ANSWER_MAX 16384
#define TURNS      8 /* of the loop: a few suffice for a socket pair */

struct evconnlistener {
    evconnlistener_cb on_accept;
    void *arg;
    int fd;
};

/* The one that ops_http has made last. */
static struct evconnlistener *made;

struct evconnlistener *evconnlistener_new_bind(struct event_base *base, evconnlistener_cb on_accept,
                                               void *arg, unsigned flags, int backlog,
                                               const struct sockaddr *address, int len)
{
    struct evconnlistener *listener = malloc(sizeof(*listener));

    (void)base;
    (void)flags;
    (void)backlog;
    (void)address;
    (void)len;
    assert(listener != NULL);
    *listener = (struct evconnlistener){
        .on_accept = on_accept, .arg = arg, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert(listener->fd >= 0);
    made = listener;
    return listener;
}

void evconnlistener_free(struct evconnlistener *listener)
{
    (void)close(listener->fd);
    free(listener);
}

evutil_socket_t evconnlistener_get_fd(struct evconnlistener *listener)
{
    return listener->fd;
}

void evconnlistener_set_error_cb(struct evconnlistener *listener, evconnlistener_errorcb on_error)
{
    (void)listener;
    (void)on_error;
}

int evconnlistener_enable(struct evconnlistener *listener)
{
    (void)listener;
    return 0;
}

int evconnlistener_disable(struct evconnlistener *listener)
{
    (void)listener;
    return 0;
}

static void print_metrics(void *ctx, FILE *to)
{
    (void)ctx;
    (void)fputs("stekd_up 1\n", to);
}

static bool is_ready(void *ctx, char *why, size_t cap)
{
    (void)ctx;
    (void)snprintf(why, cap, "it is only a test");
    return false;
}

static void turn(struct event_base *base)
{
    for (int i = 0; i < TURNS; i++) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
    }
}

/* Status line, headers, as many bytes as were said, and then the end. */
static void check_answer(const char *text, size_t len)
{
    static const int known[] = {200, 400, 404, 405, 431, 503};
    int status = 0;
    size_t body = 0;
    bool is_known = false;

    const char *end = strstr(text, "\r\n\r\n");
    const char *said = strstr(text, "Content-Length: ");
    assert(end != NULL && said != NULL && said < end);
    assert(sscanf(text, "HTTP/1.1 %d ", &status) == 1);
    assert(sscanf(said, "Content-Length: %zu", &body) == 1);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        is_known = is_known || known[i] == status;
    }
    assert(is_known);
    const size_t head = (size_t)(end - text) + 4;
    assert(len == head + body || len == head); /* the latter: HEAD */
    assert(strstr(text, "Connection: close\r\n") != NULL);
}

static void ask(struct event_base *base, struct slice in)
{
    const struct ops_http_options options = {.base = base,
                                             .address = "127.0.0.1",
                                             .timeout_ms = 100000,
                                             .print_metrics = print_metrics,
                                             .is_ready = is_ready};
    struct ops_http *http = NULL;
    struct errbuf why = {""};
    static char answer[ANSWER_MAX + 1];
    int ends[2];

    assert(ops_http_new(&options, &http, &why) == ERR_OK);
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    const size_t half = in.len / 2;
    made->on_accept(made, ends[0], NULL, 0, made->arg);
    assert(half == 0 || write(ends[1], in.at, half) == (ssize_t)half);
    turn(base);
    /* Answered to the first half already, the server has closed its way out: so be it. */
    (void)!send(ends[1], in.at + half, in.len - half, MSG_NOSIGNAL);
    turn(base);
    ssize_t len = read(ends[1], answer, ANSWER_MAX);
    if (len > 0) {
        answer[len] = '\0';
        check_answer(answer, (size_t)len);
    } else {
        assert(in.len < OPS_HTTP_HEADERS_MAX);
    }
    (void)close(ends[1]);
    turn(base);
    ops_http_free(http);
    turn(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_base *base = event_base_new();

    assert(base != NULL);
    ask(base, (struct slice){data, size});
    event_base_free(base);
    return 0;
}
