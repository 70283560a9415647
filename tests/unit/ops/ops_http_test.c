/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ops_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#define PATIENCE_MS 10000 /* a condition that has not come by then will not */

struct fixture {
    struct event_base *base;
    struct ops_http *http;
    bool is_ready;
    int prints;
};

static void print_metrics(void *ctx, FILE *to)
{
    struct fixture *f = ctx;

    f->prints++;
    (void)fputs("stekd_test 1\n", to);
}

static bool is_ready(void *ctx, char *why, size_t cap)
{
    const struct fixture *f = ctx;

    (void)snprintf(why, cap, "realm web: still loading");
    return f->is_ready;
}

static enum err listen_on(struct fixture *f, const char *address, int64_t timeout_ms,
                          struct errbuf *why)
{
    const struct ops_http_options options = {
        .base = f->base,
        .address = address,
        .timeout_ms = timeout_ms,
        .print_metrics = print_metrics,
        .is_ready = is_ready,
        .ctx = f,
    };

    return ops_http_new(&options, &f->http, why);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct errbuf why = {""};

    assert_non_null(f);
    f->is_ready = true;
    f->base = event_base_new();
    assert_non_null(f->base);
    assert_int_equal(listen_on(f, "127.0.0.1", OPS_HTTP_TIMEOUT_MS, &why), ERR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ops_http_free(f->http);
    event_base_free(f->base);
    free(f);
    return 0;
}

static int64_t mono_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
}

static uint64_t count_of(const struct fixture *f, const char *label)
{
    struct metrics_count counts[OPS_HTTP_RESULTS];

    assert_int_equal(ops_http_counts(f->http, counts), OPS_HTTP_RESULTS);
    for (size_t i = 0; i < OPS_HTTP_RESULTS; i++) {
        if (strcmp(counts[i].label, label) == 0) {
            return counts[i].count;
        }
    }
    fail_msg("no result \"%s\"", label);
    return 0;
}

static int connect_to(const struct fixture *f)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(ops_http_port(f->http)),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Turns the loop until the peer has closed; what it said. -1: reset. */
static ssize_t hear(const struct fixture *f, int fd, char *text, size_t cap)
{
    int64_t end = mono_ms() + PATIENCE_MS;
    size_t len = 0;

    text[0] = '\0';
    for (;;) {
        (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
        ssize_t got = recv(fd, text + len, cap - 1 - len, MSG_DONTWAIT);
        if (got == 0) {
            return (ssize_t)len;
        }
        if (got < 0 && errno != EAGAIN) {
            return -1;
        }
        len += got > 0 ? (size_t)got : 0;
        text[len] = '\0';
        assert_true(mono_ms() < end);
    }
}

static void ask(const struct fixture *f, const char *request, char *text, size_t cap)
{
    int fd = connect_to(f);

    say(fd, request);
    assert_true(hear(f, fd, text, cap) > 0);
    (void)close(fd);
}

static void every_request_has_its_answer(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *request;
        const char *status;
        const char *body;
    } rows[] = {
        {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK", "\r\n\r\nstekd_test 1\n"},
        {"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "200 OK", "\r\n\r\nstekd_test 1\n"},
        {"GET /healthz HTTP/1.1\r\n\r\n", "200 OK", "\r\n\r\nok\n"},
        {"GET /readyz HTTP/1.1\r\n\r\n", "200 OK", "\r\n\r\nready\n"},
        {"GET / HTTP/1.1\r\n\r\n", "404 Not Found", "/metrics"},
        {"GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found", ""},
        {"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405 ", "Allow: GET, HEAD\r\n"},
        {"get /metrics HTTP/1.1\r\n\r\n", "405 ", ""},
        {"GET http://x/metrics HTTP/1.1\r\n\r\n", "400 Bad Request", ""},
        {"GET /metrics HTTP/2.0\r\n\r\n", "400 Bad Request", ""},
        {"GET /metrics\r\n\r\n", "400 Bad Request", ""},
        {" /metrics HTTP/1.1\r\n\r\n", "400 Bad Request", ""},
        {"\r\n\r\n", "400 Bad Request", ""},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[2048];
        ask(f, rows[i].request, text, sizeof(text));
        assert_int_equal(strncmp(text, "HTTP/1.1 ", 9), 0);
        assert_int_equal(strncmp(text + 9, rows[i].status, strlen(rows[i].status)), 0);
        assert_non_null(strstr(text, rows[i].body));
        assert_non_null(strstr(text, "Connection: close\r\n"));
    }
    assert_int_equal(count_of(f, "ok"), 4);
    assert_int_equal(count_of(f, "not_found"), 2);
    assert_int_equal(count_of(f, "bad_method"), 2);
    assert_int_equal(count_of(f, "bad_request"), 6);
}

static void not_ready_is_503_with_the_reason(void **state)
{
    struct fixture *f = *state;
    char text[2048];

    f->is_ready = false;
    ask(f, "GET /readyz HTTP/1.1\r\n\r\n", text, sizeof(text));
    assert_non_null(strstr(text, "503 Service Unavailable"));
    assert_non_null(strstr(text, "not ready: realm web: still loading\n"));
    ask(f, "GET /healthz HTTP/1.1\r\n\r\n", text, sizeof(text));
    assert_non_null(strstr(text, "200 OK"));
}

static void head_has_the_length_and_no_body(void **state)
{
    const struct fixture *f = *state;
    char text[2048];

    ask(f, "HEAD /metrics HTTP/1.1\r\n\r\n", text, sizeof(text));
    assert_non_null(strstr(text, "Content-Length: 13\r\n"));
    assert_non_null(strstr(text, "text/plain; version=0.0.4"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void a_request_may_come_byte_by_byte(void **state)
{
    const struct fixture *f = *state;
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char text[2048];
    int fd = connect_to(f);

    for (size_t i = 0; request[i] != '\0'; i++) {
        assert_int_equal(send(fd, &request[i], 1, MSG_NOSIGNAL), 1);
        (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_true(hear(f, fd, text, sizeof(text)) > 0);
    assert_non_null(strstr(text, "\r\n\r\nok\n"));
    (void)close(fd);
}

/* One answer a connection, whatever else was sent along. */
static void what_follows_the_first_request_is_not_looked_at(void **state)
{
    const struct fixture *f = *state;
    char text[2048];

    ask(f, "GET /metrics HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", text, sizeof(text));
    assert_int_equal(f->prints, 1);
}

static void headers_are_taken_up_to_the_limit_and_not_beyond(void **state)
{
    const struct fixture *f = *state;
    static const char head[] = "GET /healthz HTTP/1.1\r\nX: ";
    static const struct {
        size_t size;
        const char *status;
    } rows[] = {{OPS_HTTP_HEADERS_MAX - 1, "200 OK"},
                {OPS_HTTP_HEADERS_MAX, "200 OK"},
                {OPS_HTTP_HEADERS_MAX + 1, "431 "},
                {4 * OPS_HTTP_HEADERS_MAX, "431 "}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[2048];
        char *request = malloc(rows[i].size + 1);
        assert_non_null(request);
        memset(request, 'x', rows[i].size);
        memcpy(request, head, strlen(head));
        memcpy(request + rows[i].size - 4, "\r\n\r\n", 5);
        ask(f, request, text, sizeof(text));
        assert_int_equal(strncmp(text + 9, rows[i].status, strlen(rows[i].status)), 0);
        free(request);
    }
}

static void one_connection_too_many_is_closed_and_counted(void **state)
{
    const struct fixture *f = *state;
    int fds[OPS_HTTP_CONNECTIONS_MAX];
    char text[2048];

    for (size_t i = 0; i < OPS_HTTP_CONNECTIONS_MAX; i++) {
        fds[i] = connect_to(f);
        (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(count_of(f, "refused"), 0);
    int fd = connect_to(f);
    assert_true(hear(f, fd, text, sizeof(text)) <= 0);
    assert_int_equal(count_of(f, "refused"), 1);
    (void)close(fd);
    /* One goes, and there is room again. */
    say(fds[0], "GET /healthz HTTP/1.1\r\n\r\n");
    assert_true(hear(f, fds[0], text, sizeof(text)) > 0);
    (void)close(fds[0]);
    (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
    ask(f, "GET /healthz HTTP/1.1\r\n\r\n", text, sizeof(text));
    assert_non_null(strstr(text, "200 OK"));
    for (size_t i = 1; i < OPS_HTTP_CONNECTIONS_MAX; i++) {
        (void)close(fds[i]);
    }
}

/* The limit is of the whole connection: to send on does not stretch it. */
static void a_slow_peer_is_cut_off_however_it_dribbles(void **state)
{
    struct fixture *f = *state;
    struct errbuf why = {""};

    ops_http_free(f->http);
    assert_int_equal(listen_on(f, "127.0.0.1", 100, &why), ERR_OK);
    int fd = connect_to(f);
    int64_t from = mono_ms();
    size_t sent = 0;
    while (mono_ms() < from + 90) {
        sent += sent < 100 && send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 1 : 0;
        (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    assert_int_equal(sent, 100);
    char text[256];
    assert_int_equal(count_of(f, "timed_out"), 0);
    assert_true(hear(f, fd, text, sizeof(text)) <= 0);
    assert_int_equal(count_of(f, "timed_out"), 1);
    (void)close(fd);
}

static void only_loopback_addresses_are_taken(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"0.0.0.0", "10.0.0.1",   "128.0.0.1",  "126.255.255.255",
                                      "::",      "::2",        "localhost",  "",
                                      "fe80::1", "127.0.0.1 ", "2001:db8::1"};
    struct errbuf why = {""};

    ops_http_free(f->http);
    f->http = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(listen_on(f, bad[i], 1000, &why), ERR_INVALID);
        assert_null(f->http);
        assert_non_null(strstr(why.text, "loopback"));
    }
    assert_int_equal(listen_on(f, "127.255.255.254", 1000, &why), ERR_OK);
}

static void a_port_in_use_is_said_in_words(void **state)
{
    struct fixture *f = *state;
    struct ops_http *second = NULL;
    struct errbuf why = {""};
    const struct ops_http_options options = {.base = f->base,
                                             .address = "127.0.0.1",
                                             .port = ops_http_port(f->http),
                                             .timeout_ms = 1000,
                                             .print_metrics = print_metrics,
                                             .is_ready = is_ready,
                                             .ctx = f};

    assert_int_equal(ops_http_new(&options, &second, &why), ERR_IO);
    assert_null(second);
    assert_non_null(strstr(why.text, "cannot listen on 127.0.0.1 port"));
    ops_http_free(NULL);
}

static void connections_end_with_the_listener(void **state)
{
    struct fixture *f = *state;
    char text[64];
    int fd = connect_to(f);

    (void)event_base_loop(f->base, EVLOOP_NONBLOCK);
    ops_http_free(f->http);
    f->http = NULL;
    assert_true(hear(f, fd, text, sizeof(text)) <= 0);
    (void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_request_has_its_answer),
        TEST(not_ready_is_503_with_the_reason),
        TEST(head_has_the_length_and_no_body),
        TEST(a_request_may_come_byte_by_byte),
        TEST(what_follows_the_first_request_is_not_looked_at),
        TEST(headers_are_taken_up_to_the_limit_and_not_beyond),
        TEST(one_connection_too_many_is_closed_and_counted),
        TEST(a_slow_peer_is_cut_off_however_it_dribbles),
        TEST(only_loopback_addresses_are_taken),
        TEST(a_port_in_use_is_said_in_words),
        TEST(connections_end_with_the_listener),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
