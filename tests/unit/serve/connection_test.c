/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/connection.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "wire/codec.h"
#include "wire/methods.h"
#include "world.h"

/* A connection on one end of a socket pair, a client session on the other. */
struct wire {
    struct world *world;
    struct event_base *base;
    struct connection_env env;
    struct connection *connection; /* NULL once it was over */
    int client_fd;
    struct h2_session *client;
    size_t messages;
    size_t closed;
    enum grpc_status last_status;
    bool has_goaway;
    bool is_eof; /* the server has closed */
};

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    struct wire *w = ctx;

    (void)stream;
    (void)message;
    w->messages++;
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    struct wire *w = ctx;

    (void)stream;
    (void)message;
    w->closed++;
    w->last_status = status;
}

static void on_goaway(void *ctx)
{
    struct wire *w = ctx;

    w->has_goaway = true;
}

static void on_over(void *ctx, struct connection *connection)
{
    struct wire *w = ctx;

    assert_ptr_equal(connection, w->connection);
    w->connection = NULL;
    connection_free(connection);
}

static void join(struct wire *w, uint32_t uid)
{
    const int small = 4096;
    struct peer peer = {.uid = uid, .gid = uid, .pid = 1};
    struct transport *transport = NULL;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    w->client_fd = pair[1];
    assert_int_equal(transport_new(pair[0], NULL, &transport), ERR_OK);
    assert_int_equal(connection_new(&w->env, transport, &peer, &w->connection), ERR_OK);
}

static struct wire *wire_new(uint32_t uid)
{
    static const struct h2_events events = {
        .on_message = on_message, .on_closed = on_closed, .on_goaway = on_goaway};
    const struct h2_limits limits = {0};
    struct wire *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    w->world = world_new();
    world_start(w->world);
    w->base = event_base_new();
    assert_non_null(w->base);
    w->env = (struct connection_env){.base = w->base,
                                     .services = &w->world->services,
                                     .limits = connection_limits_default(),
                                     .on_over = on_over,
                                     .ctx = w};
    assert_int_equal(h2_session_new(H2_CLIENT, &limits, &events, w, &w->client), ERR_OK);
    join(w, uid);
    return w;
}

static void wire_free(struct wire *w)
{
    connection_free(w->connection);
    h2_session_free(w->client);
    (void)close(w->client_fd);
    event_base_free(w->base);
    world_free(w->world);
    free(w);
}

static void serve(struct wire *w)
{
    assert_true(event_base_loop(w->base, EVLOOP_NONBLOCK) >= 0);
}

static bool client_writes(struct wire *w)
{
    struct errbuf why = {""};
    struct slice bytes = {NULL, 0};

    assert_int_equal(h2_session_drain(w->client, &bytes, &why), ERR_OK);
    if (bytes.len == 0) {
        return false;
    }
    /* An error: the server has closed. */
    return send(w->client_fd, bytes.at, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len;
}

static bool client_reads(struct wire *w)
{
    struct errbuf why = {""};
    uint8_t bytes[4096];

    ssize_t got = recv(w->client_fd, bytes, sizeof(bytes), 0);
    if (got <= 0) {
        w->is_eof = w->is_eof || got == 0 || errno == ECONNRESET;
        return false;
    }
    assert_int_equal(h2_session_feed(w->client, (struct slice){bytes, (size_t)got}, &why), ERR_OK);
    return true;
}

/* Until neither side has anything to say. */
static void pump(struct wire *w)
{
    bool is_busy = true;

    while (is_busy) {
        is_busy = client_writes(w);
        serve(w);
        is_busy = client_reads(w) || is_busy;
    }
}

static void run(struct wire *w, int64_t ms)
{
    fake_time_run(w->world->time, ms);
    pump(w);
}

static void start_call(struct wire *w, const char *path, enum err encoded, struct secret_buf *bytes)
{
    int32_t stream = 0;

    assert_int_equal(encoded, ERR_OK);
    assert_int_equal(h2_session_call(w->client, path, "localhost", 0, &stream), ERR_OK);
    assert_int_equal(h2_session_send(w->client, stream, (struct slice){bytes->at, bytes->len}),
                     ERR_OK);
    assert_int_equal(h2_session_half_close(w->client, stream), ERR_OK);
    secret_buf_fini(bytes);
}

static void start_health(struct wire *w, const char *path)
{
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_health_check("", &bytes);

    start_call(w, path, rc, &bytes);
}

static void start_get(struct wire *w)
{
    const struct wire_get_keyring request = {.realm = "web"};
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_get_keyring(&request, &bytes);

    start_call(w, METHOD_GET_KEYRING, rc, &bytes);
}

static void calls_are_answered_over_the_socket(void **unused)
{
    struct wire *w = wire_new(UID_WEB_READER);

    (void)unused;
    start_health(w, METHOD_HEALTH_CHECK);
    start_get(w);
    pump(w);
    assert_int_equal(w->closed, 2);
    assert_int_equal(w->messages, 2);
    assert_int_equal(w->last_status, GRPC_OK);
    assert_non_null(w->connection);
    wire_free(w);
}

/* More than the socket and one flush hold: everything arrives, in order, piece by piece. */
static void a_reader_that_pauses_gets_everything(void **unused)
{
    struct wire *w = wire_new(UID_WEB_READER);

    (void)unused;
    for (size_t i = 0; i < 70; i++) {
        start_get(w);
    }
    while (client_writes(w)) {
        serve(w);
    }
    serve(w);
    assert_int_equal(w->messages, 0);
    pump(w);
    assert_int_equal(w->closed, 70);
    assert_int_equal(w->messages, 70);
    wire_free(w);
}

static void a_peer_that_never_reads_is_cut_off(void **unused)
{
    struct wire *w = wire_new(UID_WEB_READER);
    const int64_t stall_ms = w->env.limits.stall_ms;

    (void)unused;
    for (size_t i = 0; i < 70; i++) {
        start_get(w);
    }
    while (client_writes(w)) {
        serve(w);
    }
    serve(w);
    fake_time_run(w->world->time, stall_ms - 1);
    serve(w);
    assert_non_null(w->connection);
    fake_time_run(w->world->time, 1);
    serve(w);
    assert_null(w->connection);
    assert_int_equal(w->world->stats.stall_timeouts, 1);
    wire_free(w);
}

static void the_first_request_must_come_in_time(void **unused)
{
    struct wire *w = wire_new(UID_NOBODY);
    const int64_t handshake_ms = w->env.limits.handshake_ms;

    (void)unused;
    run(w, handshake_ms - 1);
    assert_non_null(w->connection);
    run(w, 1);
    assert_null(w->connection);
    assert_true(w->is_eof);
    assert_int_equal(w->world->stats.handshake_timeouts, 1);
    wire_free(w);
}

static void a_connection_without_calls_ends_after_a_while(void **unused)
{
    struct wire *w = wire_new(UID_NOBODY);
    const int64_t idle_ms = w->env.limits.idle_ms;

    (void)unused;
    pump(w);
    run(w, 5000);
    start_health(w, METHOD_HEALTH_CHECK);
    pump(w);
    assert_int_equal(w->closed, 1);
    run(w, idle_ms - 1);
    assert_non_null(w->connection);
    run(w, 1);
    assert_null(w->connection);
    assert_true(w->has_goaway);
    assert_int_equal(w->world->stats.idle_timeouts, 1);
    assert_int_equal(w->world->stats.handshake_timeouts, 0);
    wire_free(w);
}

static void a_stream_keeps_its_connection(void **unused)
{
    struct wire *w = wire_new(UID_NOBODY);

    (void)unused;
    start_health(w, METHOD_HEALTH_WATCH);
    pump(w);
    run(w, 10 * w->env.limits.idle_ms);
    assert_non_null(w->connection);
    assert_int_equal(w->closed, 0);
    wire_free(w);
}

static void draining_ends_streams_and_then_the_connection(void **unused)
{
    struct wire *w = wire_new(UID_NOBODY);

    (void)unused;
    start_health(w, METHOD_HEALTH_WATCH);
    pump(w);
    connection_drain(w->connection, "the daemon is stopping");
    pump(w);
    assert_int_equal(w->closed, 1);
    assert_int_equal(w->last_status, GRPC_UNAVAILABLE);
    assert_true(w->has_goaway);
    assert_null(w->connection);
    assert_int_equal(w->world->stats.drain_timeouts, 0);
    wire_free(w);
}

static void a_call_that_does_not_finish_holds_up_draining_for_its_limit_only(void **unused)
{
    struct wire *w = wire_new(UID_NOBODY);
    const int64_t drain_ms = w->env.limits.drain_ms;
    int32_t stream = 0;

    (void)unused;
    assert_int_equal(h2_session_call(w->client, METHOD_HEALTH_CHECK, "localhost", 0, &stream),
                     ERR_OK);
    pump(w);
    connection_drain(w->connection, "the daemon is stopping");
    run(w, drain_ms - 1);
    assert_non_null(w->connection);
    run(w, 1);
    assert_null(w->connection);
    assert_int_equal(w->world->stats.drain_timeouts, 1);
    wire_free(w);
}

static void a_peer_that_hangs_up_leaves_no_watcher(void **unused)
{
    struct wire *w = wire_new(UID_WEB_READER);
    struct wire_watch_request request = {.kind = WIRE_WATCH_OPEN, .as.open = {.realm = "web"}};
    struct secret_buf bytes = {0};
    uint32_t watchers = 0;
    uint32_t current = 0;

    (void)unused;
    enum err rc = wire_encode_watch_request(&request, &bytes);
    start_call(w, METHOD_WATCH_KEYRING, rc, &bytes);
    pump(w);
    hub_count(w->world->hub, "web", &watchers, &current);
    assert_int_equal(watchers, 1);
    assert_int_equal(shutdown(w->client_fd, SHUT_RDWR), 0);
    serve(w);
    serve(w);
    assert_null(w->connection);
    hub_count(w->world->hub, "web", &watchers, &current);
    assert_int_equal(watchers, 0);
    wire_free(w);
}

static void what_is_not_http2_is_closed_and_counted(void **unused)
{
    struct wire *w = wire_new(UID_NOBODY);
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    (void)unused;
    assert_int_equal(send(w->client_fd, text, sizeof(text) - 1, 0), (ssize_t)sizeof(text) - 1);
    serve(w);
    serve(w);
    assert_null(w->connection);
    assert_int_equal(w->world->stats.protocol_errors, 1);
    assert_true(world_has_logged(w->world, "event=connection-broken", "uid:99"));
    wire_free(w);
}

static void broken_connections_are_logged_once_a_second_at_most(void **unused)
{
    struct wire *w = wire_new(UID_NOBODY);

    (void)unused;
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            (void)close(w->client_fd);
            fake_time_run(w->world->time, i == 3 ? 1000 : 0);
            join(w, UID_NOBODY);
        }
        assert_int_equal(send(w->client_fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, 0), 27);
        serve(w);
        serve(w);
        assert_null(w->connection);
    }
    assert_int_equal(w->world->stats.protocol_errors, 4);
    assert_int_equal(world_count_logged(w->world, "event=connection-broken", ""), 2);
    assert_int_equal(world_count_logged(w->world, "event=connection-broken", "unlogged=2"), 1);
    wire_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_answered_over_the_socket),
        cmocka_unit_test(a_reader_that_pauses_gets_everything),
        cmocka_unit_test(a_peer_that_never_reads_is_cut_off),
        cmocka_unit_test(the_first_request_must_come_in_time),
        cmocka_unit_test(a_connection_without_calls_ends_after_a_while),
        cmocka_unit_test(a_stream_keeps_its_connection),
        cmocka_unit_test(draining_ends_streams_and_then_the_connection),
        cmocka_unit_test(a_call_that_does_not_finish_holds_up_draining_for_its_limit_only),
        cmocka_unit_test(a_peer_that_hangs_up_leaves_no_watcher),
        cmocka_unit_test(broken_connections_are_logged_once_a_second_at_most),
        cmocka_unit_test(what_is_not_http2_is_closed_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
