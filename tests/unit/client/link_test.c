/* SPDX-License-Identifier: Apache-2.0 */
#include "src/link.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_daemon.h"
#include "wire/methods.h"

struct heard {
    size_t goaways;
    size_t closed;
};

static void on_message(void *ctx, int32_t stream, struct slice message)
{
    (void)ctx;
    (void)stream;
    (void)message;
}

static void on_closed(void *ctx, int32_t stream, enum grpc_status status, const char *message)
{
    (void)stream;
    (void)status;
    (void)message;
    ((struct heard *)ctx)->closed++;
}

static void on_goaway(void *ctx)
{
    ((struct heard *)ctx)->goaways++;
}

static bool is_ready(const struct link *link)
{
    struct pollfd wait = {.fd = link->fd, .events = link_wants(link)};
    return poll(&wait, 1, 0) > 0;
}

static void open_to(struct link *link, struct fake_daemon *daemon, struct endpoint *endpoint,
                    struct heard *heard)
{
    const struct h2_events events = {
        .on_message = on_message, .on_closed = on_closed, .on_goaway = on_goaway};
    const struct link_way way = {.endpoint = endpoint};
    struct errbuf why = {""};
    assert_int_equal(endpoint_parse(daemon->endpoint, endpoint, NULL), ERR_OK);
    assert_int_equal(link_open(link, &way, 0, &events, heard, &why), ERR_OK);
    assert_int_equal(link->state, LINK_OPEN);
    for (int quiet = 0; quiet < 3; quiet++) {
        const bool ready = is_ready(link);
        assert_int_equal(link_step(link, 0, ready, &why), ERR_OK);
        assert_int_equal(link_flush(link, &why), ERR_OK);
        quiet = ready || fake_daemon_step(daemon) ? -1 : quiet;
    }
}

/* A daemon that refuses us says why and closes. Whoever writes before reading must not lose it. */
static void what_the_daemon_said_last_is_heard_though_it_has_gone(void **unused)
{
    struct fake_daemon daemon;
    struct endpoint endpoint;
    struct link link;
    struct heard heard = {0};
    struct errbuf why = {""};
    int32_t stream = 0;
    (void)unused;
    fake_daemon_start(&daemon);
    open_to(&link, &daemon, &endpoint, &heard);
    fake_daemon_say_goaway(&daemon);
    fake_daemon_hang_up(&daemon);
    assert_int_equal(h2_session_call(link.h2, METHOD_WATCH_KEYRING, "localhost", 0, &stream),
                     ERR_OK);
    assert_int_equal(link_flush(&link, &why), ERR_OK); /* EPIPE, and no signal */
    assert_int_equal(heard.goaways, 0);
    assert_true(is_ready(&link));
    assert_int_equal(link_step(&link, 0, true, &why), ERR_UNAVAILABLE);
    assert_int_equal(heard.goaways, 1);
    link_close(&link);
    link_close(&link);
    fake_daemon_stop(&daemon);
}

static void a_link_that_is_closed_wants_nothing(void **unused)
{
    struct link link;
    (void)unused;
    link_init(&link);
    assert_int_equal(link.state, LINK_CLOSED);
    assert_int_equal(link.fd, -1);
    assert_int_equal(link_deadline(&link), INT64_MAX);
    link_close(&link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_daemon_said_last_is_heard_though_it_has_gone),
        cmocka_unit_test(a_link_that_is_closed_wants_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
