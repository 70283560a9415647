/* SPDX-License-Identifier: Apache-2.0 */
/* unary.c, link.c, dial.c and channel.c by TLS: every way in which two sides may not be who they
 * should be, with what each is told. */
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "src/unary.h"
#include "support/fake_daemon.h"
#include "support/tls_bench.h"

#define PATH    "/stek.v1.AdminService/GetStatus"
#define PROMPT  5000 /* ms: never reached */
#define LATE    100  /* ms: always reached */
#define REQUEST ((struct slice){(const uint8_t *)"ping", 4})

struct server {
    struct fake_daemon daemon;
    pthread_t thread;
    _Atomic bool stop;
};

static void *serve(void *arg)
{
    struct server *server = arg;
    while (!atomic_load(&server->stop)) {
        (void)fake_daemon_step(&server->daemon);
    }
    return NULL;
}

static void run(struct server *server)
{
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
    atomic_store(&server->stop, true);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    (void)fake_daemon_step(&server->daemon);
    fake_daemon_stop(&server->daemon);
}

static int set_up(void **state)
{
    struct tls_bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    tls_bench_init(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    tls_bench_fini(*state);
    free(*state);
    return 0;
}

static enum err call(const struct tls_bench *bench, const char *endpoint, int timeout_ms,
                     struct errbuf *why)
{
    struct secret_buf reply = {0};
    const struct unary_request request = {
        .endpoint = endpoint,
        .tls = {bench->ca_path, bench->cert_path, bench->key_path},
        .path = PATH,
        .message = REQUEST,
        .timeout_ms = timeout_ms,
    };
    *why = (struct errbuf){""};
    const enum err rc = unary_call(&request, &reply, why);
    assert_int_equal(reply.len, rc == ERR_OK ? 4 : 0);
    secret_buf_fini(&reply);
    return rc;
}

static void assert_says(const char *text, const char *says)
{
    if (strstr(text, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, says);
    }
}

static void a_call_goes_by_either_family_and_by_name(void **state)
{
    struct tls_bench *bench = *state;
    SSL_CTX *context = tls_bench_daemon(bench);
    for (int is_v6 = 0; is_v6 < 2; is_v6++) {
        char endpoint[80];
        struct server server = {.stop = false};
        struct errbuf why;
        fake_daemon_start_tls(&server.daemon, context, is_v6 == 1);
        run(&server);
        assert_int_equal(call(bench, server.daemon.endpoint, PROMPT, &why), ERR_OK);
        /* A host that has both families listens on one of them: the other is tried and left. */
        (void)snprintf(endpoint, sizeof(endpoint), "localhost:%u", server.daemon.port);
        const enum err rc = call(bench, endpoint, PROMPT, &why);
        if (is_v6 == 0 || rc == ERR_OK) {
            assert_int_equal(rc, ERR_OK);
        } else {
            assert_says(why.text, "cannot connect to 127.0.0.1"); /* localhost has no ::1 here */
        }
        stop(&server);
        assert_string_equal(server.daemon.tls_trouble, "");
    }
    SSL_CTX_free(context);
}

static void a_daemon_that_is_not_who_it_should_be_is_refused_and_told(void **state)
{
    static const char here[] = "DNS:localhost,IP:127.0.0.1";
    static const struct {
        struct cert_wish wish;
        bool is_foreign;
        const char *host; /* NULL: 127.0.0.1 */
        const char *says;
        const char *daemon_says;
    } rows[] = {
        {{.name = "x", .san = here, .eku = "serverAuth"},
         true,
         NULL,
         "no CA that is trusted here",
         "no CA that it trusts"},
        {{.name = "x", .san = here, .eku = "serverAuth", .from_s = -7200, .until_s = -3600},
         false,
         NULL,
         "it has expired",
         "as expired"},
        {{.name = "x", .san = here, .eku = "serverAuth", .from_s = 3600, .until_s = 7200},
         false,
         NULL,
         "not valid yet",
         "as bad"},
        {{.name = "x", .san = here, .eku = "clientAuth"},
         false,
         NULL,
         "extended key usage",
         "does not name our role"},
        {{.name = "x", .san = here}, false, NULL, "extended key usage", "does not name our role"},
        {{.name = "127.0.0.1", .eku = "serverAuth"},
         false,
         NULL,
         "no IP address in it is 127.0.0.1",
         "refuses our certificate"},
        {{.name = "x", .san = "DNS:127.0.0.1", .eku = "serverAuth"},
         false,
         NULL,
         "no IP address in it is 127.0.0.1",
         "refuses our certificate"},
        {{.name = "localhost", .eku = "serverAuth"},
         false,
         "localhost",
         "no DNS name in it is localhost",
         "refuses our certificate"},
        {{.name = "x", .san = "DNS:localhost.example", .eku = "serverAuth"},
         false,
         "localhost",
         "no DNS name in it is localhost",
         "refuses our certificate"},
        {{.name = "x", .san = "DNS:*,DNS:*.localhost", .eku = "serverAuth"},
         false,
         "localhost",
         "no DNS name in it is localhost",
         "refuses our certificate"},
    };
    struct tls_bench *bench = *state;
    const struct cert_wish foreign = {.name = "stranger", .is_ca = true};
    struct cert stranger = cert_make(&foreign, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server = {.stop = false};
        struct errbuf why;
        char endpoint[80];
        SSL_CTX *context =
            tls_bench_daemon_as(bench, &rows[i].wish, rows[i].is_foreign ? &stranger : &bench->ca);
        fake_daemon_start_tls(&server.daemon, context, false);
        run(&server);
        (void)snprintf(endpoint, sizeof(endpoint), "%s:%u",
                       rows[i].host != NULL ? rows[i].host : "127.0.0.1", server.daemon.port);
        assert_int_equal(call(bench, endpoint, PROMPT, &why), ERR_UNAVAILABLE);
        assert_says(why.text, rows[i].says);
        assert_says(why.text, endpoint);
        stop(&server);
        assert_says(server.daemon.tls_trouble, rows[i].daemon_says);
        SSL_CTX_free(context);
    }
    cert_fini(&stranger);
}

static void a_certificate_of_ours_that_the_daemon_refuses_means_denied(void **state)
{
    struct tls_bench *bench = *state;
    const struct cert_wish foreign = {.name = "stranger", .is_ca = true};
    struct cert stranger = cert_make(&foreign, NULL);
    SSL_CTX *context = tls_bench_daemon(bench);
    struct server server = {.stop = false};
    struct errbuf why;
    cert_fini(&bench->client);
    bench->client = tls_bench_renew(bench, &stranger, 86400);
    fake_daemon_start_tls(&server.daemon, context, false);
    run(&server);
    assert_int_equal(call(bench, server.daemon.endpoint, PROMPT, &why), ERR_DENIED);
    assert_says(why.text, "it refuses our certificate: no CA that it trusts");
    stop(&server);
    assert_says(server.daemon.tls_trouble, "no CA that is trusted here");
    SSL_CTX_free(context);
    cert_fini(&stranger);
}

static void only_tls_1_3_with_http_2_is_spoken(void **state)
{
    struct tls_bench *bench = *state;
    for (int i = 0; i < 2; i++) {
        struct server server = {.stop = false};
        struct errbuf why;
        SSL_CTX *context = tls_bench_daemon(bench);
        if (i == 0) {
            assert_int_equal(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION), 1);
            assert_int_equal(SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION), 1);
        } else {
            SSL_CTX_set_alpn_select_cb(context, NULL, NULL);
        }
        fake_daemon_start_tls(&server.daemon, context, false);
        run(&server);
        assert_int_equal(call(bench, server.daemon.endpoint, PROMPT, &why),
                         i == 0 ? ERR_UNAVAILABLE : ERR_PROTOCOL);
        assert_says(why.text, i == 0 ? "no version of TLS" : "does not speak HTTP/2");
        stop(&server);
        SSL_CTX_free(context);
    }
}

/* A listener of its own, so that nothing in a fake daemon reacts. */
static int listen_here(char endpoint[80], int backlog)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(endpoint, 80, "127.0.0.1:%u", ntohs(at.sin_port));
    return fd;
}

static void whoever_is_silent_is_given_up_in_time(void **state)
{
    struct tls_bench *bench = *state;
    struct errbuf why;
    char endpoint[80];
    const int silent = listen_here(endpoint, 4); /* the system accepts, nobody speaks */
    assert_int_equal(call(bench, endpoint, LATE, &why), ERR_TIMEOUT);
    assert_says(why.text, "no connection within 100ms");
    (void)close(silent);
    assert_int_equal(call(bench, endpoint, PROMPT, &why), ERR_UNAVAILABLE);
    assert_says(why.text, "Connection refused");
}

static void *talk_nonsense(void *arg)
{
    const int listener = *(int *)arg;
    const int fd = accept(listener, NULL, NULL);
    const ssize_t n = send(fd, "SSH-2.0-nonsense of some length\r\n", 33, MSG_NOSIGNAL);
    (void)n;
    (void)shutdown(fd, SHUT_WR);
    char byte;
    while (recv(fd, &byte, 1, 0) > 0) {
    }
    (void)close(fd);
    return NULL;
}

static void whoever_does_not_speak_tls_is_told_so(void **state)
{
    struct tls_bench *bench = *state;
    struct errbuf why;
    char endpoint[80];
    pthread_t thread;
    int listener = listen_here(endpoint, 4);
    assert_int_equal(pthread_create(&thread, NULL, talk_nonsense, &listener), 0);
    assert_int_equal(call(bench, endpoint, PROMPT, &why), ERR_UNAVAILABLE);
    assert_says(why.text, "does not speak TLS");
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(listener);
}

static void what_is_wrong_with_the_files_is_known_before_anybody_is_asked(void **state)
{
    struct tls_bench *bench = *state;
    const struct unary_tls all = {bench->ca_path, bench->cert_path, bench->key_path};
    const struct unary_tls none = {NULL, NULL, NULL};
    const struct unary_tls absent = {bench->ca_path, "/nonexistent/c.pem", bench->key_path};
    struct errbuf why = {""};
    assert_int_equal(unary_check("127.0.0.1:1", &all, &why), ERR_OK);
    assert_int_equal(unary_check("unix:/x", &none, &why), ERR_OK);
    assert_int_equal(unary_check("127.0.0.1:1", &none, &why), ERR_INVALID);
    assert_says(why.text, "a CA, a certificate and its key are needed");
    assert_int_equal(unary_check("127.0.0.1:1", &absent, &why), ERR_INVALID);
    assert_says(why.text, "/nonexistent/c.pem: cannot be read: No such file");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_goes_by_either_family_and_by_name),
        TEST(a_daemon_that_is_not_who_it_should_be_is_refused_and_told),
        TEST(a_certificate_of_ours_that_the_daemon_refuses_means_denied),
        TEST(only_tls_1_3_with_http_2_is_spoken),
        TEST(whoever_is_silent_is_given_up_in_time),
        TEST(whoever_does_not_speak_tls_is_told_so),
        TEST(what_is_wrong_with_the_files_is_known_before_anybody_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
