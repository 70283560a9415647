/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates by name, in memory; then whole connections to servers whose TLS is wrong, in one
 * loop with the store. What a real Redis does is in store_redis_test.c. */
#include "store/redis_tls.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <openssl/ssl.h>

#include "host/clock_system.h"
#include "host/random_system.h"
#include "host/timers_libevent.h"
#include "store/store_redis.h"
#include "support/fake_redis.h"
#include "support/redis_pki.h"

#define PATIENCE_MS 10000
#define TIMEOUT_MS  1000
#define FLOOD       (REDIS_CONN_INPUT_MAX + 65536)

static struct redis_pki pki;

/* --- whose certificate it must be --- */

/* What the client makes of the server's certificate. */
static long verdict_of(const char *host, SSL_CTX *client_context, SSL_CTX *server_context)
{
    SSL *client = NULL;
    SSL *server = SSL_new(server_context);
    BIO *one = NULL;
    BIO *other = NULL;

    assert_int_equal(redis_tls_new(client_context, host, &client), ERR_OK);
    assert_int_equal(BIO_new_bio_pair(&one, 0, &other, 0), 1);
    SSL_set_bio(client, one, one);
    SSL_set_bio(server, other, other);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 8; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    long verdict = SSL_get_verify_result(client);
    assert_int_equal(SSL_is_init_finished(client), verdict == X509_V_OK);
    SSL_free(client);
    SSL_free(server);
    return verdict;
}

static void the_host_must_be_among_the_names_and_the_common_name_is_none(void **unused)
{
    static const struct {
        const char *host;
        const char *san;
        const char *common_name;
        const char *eku;
        long want;
    } rows[] = {
        {"redis.example", "DNS:redis.example", "x", "serverAuth", X509_V_OK},
        {"REDIS.example", "DNS:redis.example", "x", "serverAuth", X509_V_OK},
        {"a.redis.example", "DNS:*.redis.example", "x", "serverAuth", X509_V_OK},
        {"a.b.redis.example", "DNS:*.redis.example", "x", "serverAuth",
         X509_V_ERR_HOSTNAME_MISMATCH},
        {"a1.redis.example", "DNS:a*.redis.example", "x", "serverAuth",
         X509_V_ERR_HOSTNAME_MISMATCH},
        {"redis.example", "DNS:redis.example.evil", "x", "serverAuth",
         X509_V_ERR_HOSTNAME_MISMATCH},
        {"redis.example", NULL, "redis.example", "serverAuth", X509_V_ERR_HOSTNAME_MISMATCH},
        {"redis.example", "URI:redis://redis.example", "redis.example", "serverAuth",
         X509_V_ERR_HOSTNAME_MISMATCH},
        {"10.0.0.1", "IP:10.0.0.1", "x", "serverAuth", X509_V_OK},
        {"2001:db8::1", "IP:2001:db8:0:0:0:0:0:1", "x", "serverAuth", X509_V_OK},
        {"10.0.0.1", "DNS:10.0.0.1", "10.0.0.1", "serverAuth", X509_V_ERR_IP_ADDRESS_MISMATCH},
        {"10.0.0.1", "IP:10.0.0.2", "x", "serverAuth", X509_V_ERR_IP_ADDRESS_MISMATCH},
        {"redis.example", "DNS:redis.example", "x", "clientAuth", X509_V_ERR_INVALID_PURPOSE},
    };

    (void)unused;
    SSL_CTX *client = redis_pki_client(&pki.ca, &pki.client);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cert cert = cert_make(&(struct cert_wish){.name = rows[i].common_name,
                                                         .san = rows[i].san,
                                                         .eku = rows[i].eku},
                                     &pki.ca);
        /* By hand: a context of ours would not have all of them. */
        SSL_CTX *server = redis_pki_server(&pki.ca, &pki.server, 0);
        assert_int_equal(SSL_CTX_use_certificate(server, cert.x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(server, cert.key), 1);
        long verdict = verdict_of(rows[i].host, client, server);
        if (verdict != rows[i].want) {
            fail_msg("row %zu: %ld", i, verdict);
        }
        SSL_CTX_free(server);
        cert_fini(&cert);
    }
    SSL_CTX_free(client);
}

/* --- connections --- */

struct bench {
    struct event_base *base;
    struct fake_redis *server;
    const char *record; /* the answer to GETRANGE */
    struct clock clock;
    struct timers timers;
    struct random_source random;
    struct store_redis_stats stats;
    struct store *store;
};

static const char *answer(void *ctx, size_t argc, const char *const *argv)
{
    struct bench *bench = ctx;

    (void)argc;
    if (strcmp(argv[0], "PING") == 0) {
        return "+PONG\r\n";
    }
    if (strcmp(argv[0], "TIME") == 0) {
        return "*2\r\n$10\r\n1700000000\r\n$6\r\n250000\r\n";
    }
    return strcmp(argv[0], "GETRANGE") == 0 ? bench->record : NULL;
}

/* `server` NULL: no TLS there. `port` 0: to our own server. */
static void open_bench_at(struct bench *bench, SSL_CTX *server, SSL_CTX *client, uint16_t port)
{
    *bench = (struct bench){.record = "$0\r\n\r\n"};
    bench->base = event_base_new();
    bench->clock = clock_system_make();
    bench->timers = timers_libevent_make(bench->base);
    bench->random = random_system_make();
    const struct fake_redis_options redis = {
        .base = bench->base, .tls = server, .answer = answer, .ctx = bench};
    bench->server = fake_redis_start(&redis);
    const struct store_redis_options options = {
        .base = bench->base,
        .clock = &bench->clock,
        .timers = &bench->timers,
        .random = &bench->random,
        .address = {.host = "127.0.0.1", .port = port == 0 ? fake_redis_port(bench->server) : port},
        .tls = client,
        .prefix = "stek",
        .timeout_ms = TIMEOUT_MS,
        .stats = &bench->stats,
    };
    assert_int_equal(store_redis_new(&options, &bench->store), ERR_OK);
}

static void open_bench(struct bench *bench, SSL_CTX *server, SSL_CTX *client)
{
    open_bench_at(bench, server, client, 0);
}

static void close_bench(struct bench *bench)
{
    store_close(bench->store);
    fake_redis_stop(bench->server);
    event_base_free(bench->base);
}

struct outcome {
    unsigned int calls;
    enum err code;
    char why[400];
    struct store_op op;
};

static void on_done(void *ctx, const struct store_result *result)
{
    struct outcome *outcome = ctx;

    outcome->calls++;
    outcome->code = result->code;
    assert_int_equal(text_copy(outcome->why, sizeof(outcome->why), result->why), ERR_OK);
}

static struct outcome load(struct bench *bench)
{
    struct outcome outcome = {.op = {.done = on_done}};
    int64_t end = clock_boot_ms(&bench->clock) + PATIENCE_MS;

    outcome.op.ctx = &outcome;
    store_load(bench->store, &outcome.op, "web");
    while (outcome.calls == 0) {
        struct timeval soon = {.tv_usec = 2000};
        assert_true(clock_boot_ms(&bench->clock) < end);
        (void)event_base_loopexit(bench->base, &soon);
        assert_true(event_base_dispatch(bench->base) >= 0);
    }
    assert_int_equal(outcome.calls, 1);
    return outcome;
}

static void wait_until_well(struct bench *bench)
{
    int64_t end = clock_boot_ms(&bench->clock) + PATIENCE_MS;

    while (load(bench).code != ERR_OK) {
        assert_true(clock_boot_ms(&bench->clock) < end);
    }
}

/* Until a load says so: the first ones may meet a connection that is still being made. */
static void expect(struct bench *bench, enum err want, const char *why)
{
    int64_t end = clock_boot_ms(&bench->clock) + PATIENCE_MS;
    struct outcome outcome = load(bench);

    while (outcome.code != want || strstr(outcome.why, why) == NULL) {
        if (clock_boot_ms(&bench->clock) >= end) {
            fail_msg("%d: %s; not: %s", (int)outcome.code, outcome.why, why);
        }
        outcome = load(bench);
    }
}

static void both_versions_of_tls_carry_loads(void **unused)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    (void)unused;
    SSL_CTX *client = redis_pki_client(&pki.ca, &pki.client);
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        struct bench bench;
        SSL_CTX *server = redis_pki_server(&pki.ca, &pki.server, versions[i]);
        open_bench(&bench, server, client);
        wait_until_well(&bench);
        assert_int_equal(bench.stats.connects, 1);
        close_bench(&bench);
        SSL_CTX_free(server);
    }
    SSL_CTX_free(client);
}

static void what_is_wrong_is_told_in_words(void **unused)
{
    const struct {
        const struct cert *client_ca; /* whom the client trusts */
        const struct cert *own;
        int version;
        enum err want;
        const char *why;
    } rows[] = {
        {&pki.other_ca, &pki.client, TLS1_3_VERSION, ERR_DENIED, "no CA that is trusted here"},
        {&pki.other_ca, &pki.client, TLS1_2_VERSION, ERR_DENIED, "no CA that is trusted here"},
        {&pki.ca, &pki.stranger, TLS1_2_VERSION, ERR_DENIED, "it refuses our certificate"},
        {&pki.ca, &pki.stranger, TLS1_3_VERSION, ERR_DENIED, "it refuses our certificate"},
        {&pki.ca, NULL, TLS1_3_VERSION, ERR_DENIED, "it demands a client certificate"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        SSL_CTX *server = redis_pki_server(&pki.ca, &pki.server, rows[i].version);
        SSL_CTX *client = redis_pki_client(rows[i].client_ca, rows[i].own);
        open_bench(&bench, server, client);
        expect(&bench, rows[i].want, rows[i].why);
        assert_int_equal(bench.stats.commands, 0);
        close_bench(&bench);
        SSL_CTX_free(server);
        SSL_CTX_free(client);
    }
}

static void a_certificate_that_has_expired_is_told_so(void **unused)
{
    struct bench bench;
    struct cert old = cert_make(&(struct cert_wish){.name = "old",
                                                    .san = "IP:127.0.0.1",
                                                    .eku = "serverAuth",
                                                    .from_s = -7200,
                                                    .until_s = -60},
                                &pki.ca);

    (void)unused;
    SSL_CTX *server = redis_pki_server(&pki.ca, &pki.server, 0);
    SSL_CTX *client = redis_pki_client(&pki.ca, &pki.client);
    assert_int_equal(SSL_CTX_use_certificate(server, old.x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server, old.key), 1);
    open_bench(&bench, server, client);
    expect(&bench, ERR_DENIED, "it has expired");
    close_bench(&bench);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    cert_fini(&old);
}

static void a_port_without_tls_and_one_that_wants_it_are_told_so(void **unused)
{
    struct bench bench;

    (void)unused;
    SSL_CTX *server = redis_pki_server(&pki.ca, &pki.server, 0);
    SSL_CTX *client = redis_pki_client(&pki.ca, &pki.client);
    open_bench(&bench, server, NULL);
    expect(&bench, ERR_UNAVAILABLE, "does it want TLS");
    close_bench(&bench);
    open_bench(&bench, NULL, client);
    expect(&bench, ERR_PROTOCOL, "it does not speak TLS");
    close_bench(&bench);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

static void a_port_that_takes_the_handshake_and_says_nothing_is_told_so(void **unused)
{
    struct bench bench;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)unused;
    assert_int_equal(bind(silent, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(silent, 16), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&address, &len), 0);
    SSL_CTX *client = redis_pki_client(&pki.ca, &pki.client);
    open_bench_at(&bench, NULL, client, ntohs(address.sin_port));
    expect(&bench, ERR_UNAVAILABLE, "does not finish the TLS handshake");
    close_bench(&bench);
    SSL_CTX_free(client);
    (void)close(silent);
}

static void a_flood_and_silence_end_as_without_tls(void **unused)
{
    struct bench bench;
    char *flood = malloc(FLOOD + 32);

    (void)unused;
    assert_non_null(flood);
    memset(flood, 'x', FLOOD + 31);
    memcpy(flood, "$524288\r\n", 9);
    flood[FLOOD + 31] = '\0';
    SSL_CTX *server = redis_pki_server(&pki.ca, &pki.server, 0);
    SSL_CTX *client = redis_pki_client(&pki.ca, &pki.client);
    open_bench(&bench, server, client);
    wait_until_well(&bench);
    bench.record = flood;
    assert_int_equal(load(&bench).code, ERR_LIMIT);
    bench.record = NULL;
    expect(&bench, ERR_TIMEOUT, "did not answer in time");
    bench.record = "";
    expect(&bench, ERR_UNAVAILABLE, "it closed the connection");
    bench.record = "$0\r\n\r\n";
    wait_until_well(&bench);
    close_bench(&bench);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    free(flood);
}

static void a_new_context_is_used_by_the_next_connection(void **unused)
{
    struct bench bench;

    (void)unused;
    SSL_CTX *server = redis_pki_server(&pki.ca, &pki.server, 0);
    SSL_CTX *good = redis_pki_client(&pki.ca, &pki.client);
    SSL_CTX *bad = redis_pki_client(&pki.ca, &pki.stranger);
    open_bench(&bench, server, bad);
    expect(&bench, ERR_DENIED, "it refuses our certificate");
    store_redis_set_tls(bench.store, good);
    SSL_CTX_free(good); /* the store has its own reference */
    wait_until_well(&bench);
    store_redis_set_tls(bench.store, bad);
    SSL_CTX_free(bad);
    assert_int_equal(load(&bench).code, ERR_OK); /* by the connection that is there */
    bench.record = "";
    (void)load(&bench);
    expect(&bench, ERR_DENIED, "it refuses our certificate");
    close_bench(&bench);
    SSL_CTX_free(server);
}

static int set_up(void **unused)
{
    (void)unused;
    redis_pki_init(&pki);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    redis_pki_fini(&pki);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_must_be_among_the_names_and_the_common_name_is_none),
        cmocka_unit_test(both_versions_of_tls_carry_loads),
        cmocka_unit_test(what_is_wrong_is_told_in_words),
        cmocka_unit_test(a_certificate_that_has_expired_is_told_so),
        cmocka_unit_test(a_port_without_tls_and_one_that_wants_it_are_told_so),
        cmocka_unit_test(a_port_that_takes_the_handshake_and_says_nothing_is_told_so),
        cmocka_unit_test(a_flood_and_silence_end_as_without_tls),
        cmocka_unit_test(a_new_context_is_used_by_the_next_connection),
    };

    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as in the daemon */
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
