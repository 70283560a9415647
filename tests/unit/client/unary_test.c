/* SPDX-License-Identifier: Apache-2.0 */
#include "src/unary.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_daemon.h"

#define PATH    "/stek.v1.AdminService/GetStatus"
#define PROMPT  5000 /* ms: never reached */
#define REQUEST ((struct slice){(const uint8_t *)"ping", 4})

enum manners { ANSWERS, MUTE, HANGS_UP, TALKS_NONSENSE };

struct server {
    struct fake_daemon daemon;
    enum manners manners;
    pthread_t thread;
    _Atomic bool stop;
};

static void *serve(void *arg)
{
    struct server *server = arg;
    while (!atomic_load(&server->stop)) {
        if (server->manners == ANSWERS || server->daemon.fd < 0) {
            (void)fake_daemon_step(&server->daemon);
        } else if (server->manners == HANGS_UP) {
            fake_daemon_hang_up(&server->daemon);
        } else if (server->manners == TALKS_NONSENSE) {
            fake_daemon_send_raw(&server->daemon, "SSH-2.0-nonsense of some length\r\n", 33);
            server->manners = MUTE;
        }
    }
    return NULL;
}

static void start(struct server *server, enum manners manners)
{
    *server = (struct server){.manners = manners};
    fake_daemon_start(&server->daemon);
    server->daemon.is_deaf = manners != ANSWERS;
}

static void run(struct server *server)
{
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
    atomic_store(&server->stop, true);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    fake_daemon_stop(&server->daemon);
}

static enum err call(const char *endpoint, int timeout_ms, struct secret_buf *reply,
                     struct errbuf *why)
{
    const struct unary_request request = {
        .endpoint = endpoint, .path = PATH, .message = REQUEST, .timeout_ms = timeout_ms};
    return unary_call(&request, reply, why);
}

static void the_answer_is_appended_to_the_reply(void **unused)
{
    struct server server;
    struct secret_buf reply = {0};
    struct errbuf why = {""};
    (void)unused;
    start(&server, ANSWERS);
    run(&server);
    assert_int_equal(secret_buf_append(&reply, "<", 1), ERR_OK);
    assert_int_equal(call(server.daemon.endpoint, PROMPT, &reply, &why), ERR_OK);
    assert_int_equal(reply.len, 5);
    assert_memory_equal(reply.at, "<ping", 5);
    secret_buf_fini(&reply);
    stop(&server);
}

static void a_status_of_the_daemon_becomes_an_error_with_its_sentence(void **unused)
{
    const struct {
        enum grpc_status status;
        const char *message;
        enum err expected;
        const char *says;
    } rows[] = {
        {GRPC_PERMISSION_DENIED, "uid 33 may not", ERR_DENIED, "uid 33 may not"},
        {GRPC_NOT_FOUND, "there is no realm", ERR_NOT_FOUND, "there is no realm"},
        {GRPC_FAILED_PRECONDITION, "first key active in 28s", ERR_REFUSED, "28s"},
        {GRPC_UNAVAILABLE, "", ERR_REFUSED, "UNAVAILABLE"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server;
        struct secret_buf reply = {0};
        struct errbuf why = {""};
        start(&server, ANSWERS);
        server.daemon.unary_replies = 0;
        server.daemon.unary_status = rows[i].status;
        server.daemon.unary_message = rows[i].message;
        run(&server);
        assert_int_equal(call(server.daemon.endpoint, PROMPT, &reply, &why), rows[i].expected);
        assert_non_null(strstr(why.text, rows[i].says));
        assert_int_equal(reply.len, 0);
        stop(&server);
    }
}

static void an_answer_that_is_not_one_message_breaks_the_protocol(void **unused)
{
    (void)unused;
    for (size_t replies = 0; replies <= 2; replies += 2) {
        struct server server;
        struct secret_buf reply = {0};
        struct errbuf why = {""};
        start(&server, ANSWERS);
        server.daemon.unary_replies = replies;
        run(&server);
        assert_int_equal(call(server.daemon.endpoint, PROMPT, &reply, &why), ERR_PROTOCOL);
        assert_non_null(strstr(why.text, "instead of one"));
        assert_int_equal(reply.len, 0);
        stop(&server);
    }
}

static void whoever_does_not_answer_as_a_daemon_is_given_up(void **unused)
{
    const struct {
        enum manners manners;
        int timeout_ms;
        enum err expected;
    } rows[] = {
        {MUTE, 50, ERR_TIMEOUT},
        {HANGS_UP, PROMPT, ERR_UNAVAILABLE},
        {TALKS_NONSENSE, PROMPT, ERR_PROTOCOL},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server;
        struct secret_buf reply = {0};
        struct errbuf why = {""};
        start(&server, rows[i].manners);
        run(&server);
        assert_int_equal(call(server.daemon.endpoint, rows[i].timeout_ms, &reply, &why),
                         rows[i].expected);
        assert_true(strlen(why.text) > 5);
        assert_int_equal(reply.len, 0);
        stop(&server);
    }
}

static void where_nobody_listens_is_said(void **unused)
{
    const struct {
        const char *endpoint;
        enum err expected;
        const char *says;
    } rows[] = {
        {"unix:/nonexistent/stekd.sock", ERR_UNAVAILABLE, "cannot connect to unix:/nonexistent"},
        {"localhost:7443", ERR_INVALID, "a certificate and its key are needed"},
        {"nonsense", ERR_INVALID, "unix:/absolute/path"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct secret_buf reply = {0};
        struct errbuf why = {""};
        assert_int_equal(call(rows[i].endpoint, PROMPT, &reply, &why), rows[i].expected);
        assert_non_null(strstr(why.text, rows[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_appended_to_the_reply),
        cmocka_unit_test(a_status_of_the_daemon_becomes_an_error_with_its_sentence),
        cmocka_unit_test(an_answer_that_is_not_one_message_breaks_the_protocol),
        cmocka_unit_test(whoever_does_not_answer_as_a_daemon_is_given_up),
        cmocka_unit_test(where_nobody_listens_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
