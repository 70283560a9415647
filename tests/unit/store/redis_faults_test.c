/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a server can do wrong, by a server that does it: one loop with the store. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "host/clock_system.h"
#include "host/random_system.h"
#include "host/timers_libevent.h"
#include "store/redis_conn.h"
#include "store/redis_reply.h"
#include "store/store_redis.h"
#include "support/fake_redis.h"

#define PATIENCE_MS 10000
#define TIMEOUT_MS  150

#define TIME_REPLY "*2\r\n$10\r\n1700000000\r\n$6\r\n250000\r\n"

/* What the server answers to each command; NULL: nothing at all. "" hangs up. */
struct manners {
    const char *auth;
    const char *ping;
    const char *time;
    const char *getrange;
    const char *evalsha;
    const char *eval;
    size_t flood; /* bytes without an end, after `getrange` */
};

static const struct manners good = {
    .auth = "+OK\r\n",
    .ping = "+PONG\r\n",
    .time = TIME_REPLY,
    .getrange = "$0\r\n\r\n",
    .evalsha = "*2\r\n:0\r\n:1700000000250\r\n",
    .eval = "*2\r\n:0\r\n:1700000000250\r\n",
};

struct bench {
    char folder[64];
    char path[96];
    struct event_base *base;
    struct fake_redis *server;
    struct manners manners;
    char *flood; /* `getrange` and its flood */
    unsigned int evals;
    struct clock clock;
    struct timers timers;
    struct random_source random;
    struct store_redis_stats stats;
    struct store *store;
};

static const char *flood_after(struct bench *bench, const char *text)
{
    const size_t len = strlen(text);

    free(bench->flood);
    bench->flood = malloc(len + bench->manners.flood + 1);
    assert_non_null(bench->flood);
    memcpy(bench->flood, text, len);
    memset(bench->flood + len, 'x', bench->manners.flood);
    bench->flood[len + bench->manners.flood] = '\0';
    return bench->flood;
}

static const char *answer(void *ctx, size_t argc, const char *const *argv)
{
    struct bench *bench = ctx;
    const struct manners *manners = &bench->manners;
    const struct {
        const char *command;
        const char *answer;
    } rows[] = {
        {"AUTH", manners->auth},       {"PING", manners->ping},
        {"TIME", manners->time},       {"GETRANGE", manners->getrange},
        {"EVALSHA", manners->evalsha}, {"EVAL", manners->eval},
        {"SUBSCRIBE", NULL},
    };

    (void)argc;
    bench->evals += strcmp(argv[0], "EVAL") == 0;
    if (manners->flood > 0 && strcmp(argv[0], "GETRANGE") == 0) {
        return flood_after(bench, manners->getrange);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].command, argv[0]) == 0) {
            return rows[i].answer;
        }
    }
    fail();
    return NULL;
}

static void serve(struct bench *bench)
{
    const struct fake_redis_options options = {
        .base = bench->base, .unix_path = bench->path, .answer = answer, .ctx = bench};

    bench->server = fake_redis_start(&options);
}

static void open_bench(struct bench *bench, const struct manners *manners)
{
    *bench = (struct bench){.manners = *manners, .folder = "/tmp/stek-redis-XXXXXX"};
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->path, sizeof(bench->path), "%s/s", bench->folder);
    bench->base = event_base_new();
    bench->clock = clock_system_make();
    bench->timers = timers_libevent_make(bench->base);
    bench->random = random_system_make();
    serve(bench);
    const struct store_redis_options options = {
        .base = bench->base,
        .clock = &bench->clock,
        .timers = &bench->timers,
        .random = &bench->random,
        .address = {.unix_path = bench->path,
                    .username = "stekd",
                    .password = {(const uint8_t *)"secret", 6}},
        .prefix = "stek",
        .timeout_ms = TIMEOUT_MS,
        .stats = &bench->stats,
    };
    assert_int_equal(store_redis_new(&options, &bench->store), ERR_OK);
}

static void stop_serving(struct bench *bench)
{
    fake_redis_stop(bench->server);
    bench->server = NULL;
}

static void close_bench(struct bench *bench)
{
    store_close(bench->store);
    stop_serving(bench);
    event_base_free(bench->base);
    free(bench->flood);
    assert_int_equal(rmdir(bench->folder), 0);
}

struct outcome {
    unsigned int calls;
    enum err code;
    int64_t store_time_ms;
    char why[400];
    struct store_op op;
    struct store *close_me;
};

static void on_done(void *ctx, const struct store_result *result)
{
    struct outcome *outcome = ctx;

    outcome->calls++;
    outcome->code = result->code;
    outcome->store_time_ms = result->store_time_ms;
    assert_int_equal(text_copy(outcome->why, sizeof(outcome->why), result->why), ERR_OK);
    if (outcome->close_me != NULL) {
        store_close(outcome->close_me);
    }
}

static void wait_for(struct bench *bench, const unsigned int *calls)
{
    int64_t end = clock_boot_ms(&bench->clock) + PATIENCE_MS;

    while (*calls == 0) {
        struct timeval soon = {.tv_usec = 2000};
        assert_true(clock_boot_ms(&bench->clock) < end);
        (void)event_base_loopexit(bench->base, &soon);
        assert_true(event_base_dispatch(bench->base) >= 0);
    }
    assert_int_equal(*calls, 1);
}

static void start(struct bench *bench, struct outcome *outcome, enum store_op_kind kind)
{
    const struct store_put_request request = {.realm = "web",
                                              .next = {{1}},
                                              .record = {(const uint8_t *)"x", 1},
                                              .not_after_ms = INT64_MAX,
                                              .expires_at_ms = INT64_MAX};

    outcome->op.done = on_done;
    outcome->op.ctx = outcome;
    if (kind == STORE_OP_LOAD) {
        store_load(bench->store, &outcome->op, "web");
    } else {
        store_put(bench->store, &outcome->op, &request);
    }
    assert_int_equal(outcome->calls, 0);
}

static struct outcome run(struct bench *bench, enum store_op_kind kind)
{
    struct outcome outcome = {0};

    start(bench, &outcome, kind);
    wait_for(bench, &outcome.calls);
    return outcome;
}

/* Until it goes well again; each attempt ends. */
static void wait_until_well(struct bench *bench)
{
    int64_t end = clock_boot_ms(&bench->clock) + PATIENCE_MS;

    while (run(bench, STORE_OP_LOAD).code != ERR_OK) {
        assert_true(clock_boot_ms(&bench->clock) < end);
    }
}

static void a_good_server_is_understood(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, &good);
    struct outcome outcome = run(&bench, STORE_OP_LOAD);
    assert_int_equal(outcome.code, ERR_OK);
    assert_int_equal(outcome.store_time_ms, INT64_C(1700000000250));
    outcome = run(&bench, STORE_OP_PUT);
    assert_int_equal(outcome.code, ERR_OK);
    assert_int_equal(outcome.store_time_ms, INT64_C(1700000000250));
    close_bench(&bench);
}

static void each_error_ends_the_operation_in_its_own_words_and_all_recover(void **unused)
{
    static const struct {
        const char *text;
        enum err want;
        const char *why;
    } rows[] = {
        {"-NOAUTH Authentication required.\r\n", ERR_DENIED, "asks for a password"},
        {"-NOPERM this user has no permissions\r\n", ERR_DENIED, "does not let our user"},
        {"-READONLY You can't write against a read only replica.\r\n", ERR_UNAVAILABLE,
         "read-only replica"},
        {"-LOADING Redis is loading the dataset in memory\r\n", ERR_UNAVAILABLE, "loading"},
        {"-BUSY Redis is busy running a script.\r\n", ERR_UNAVAILABLE, "busy"},
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", ERR_UNAVAILABLE,
         "out of memory"},
        {"-MISCONF Redis is configured to save RDB snapshots\r\n", ERR_UNAVAILABLE, "disk"},
        {"-MASTERDOWN Link with MASTER is down\r\n", ERR_UNAVAILABLE, "without its master"},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", ERR_UNAVAILABLE, "replicas"},
        {"-MOVED 3999 127.0.0.1:6381\r\n", ERR_UNSUPPORTED, "Redis Cluster is not supported"},
        {"-ERR something \x1b[31m new\r\n", ERR_REFUSED, "something ?[31m new"},
        {"-\r\n", ERR_REFUSED, "refuses"},
        {"+OK\r\n", ERR_PROTOCOL, "something else"},
        {"*1\r\n:0\r\n", ERR_PROTOCOL, "something else"},
        {"*2\r\n:3\r\n:0\r\n", ERR_PROTOCOL, "something else"},
        {"*2\r\n:-1\r\n:0\r\n", ERR_PROTOCOL, "something else"},
        {"*-1\r\n", ERR_PROTOCOL, "something else"},
        {"?what\r\n", ERR_PROTOCOL, "not Redis' protocol"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        open_bench(&bench, &good);
        bench.manners.evalsha = rows[i].text;
        bench.manners.getrange = rows[i].text;
        struct outcome put = run(&bench, STORE_OP_PUT);
        assert_int_equal(put.code, rows[i].want);
        if (strstr(put.why, rows[i].why) == NULL) {
            fail_msg("row %zu: %s", i, put.why);
        }
        /* The connection may have been left for it; then this one says why there is none. */
        struct outcome load = run(&bench, STORE_OP_LOAD);
        assert_int_not_equal(load.code, ERR_OK);
        bench.manners = good;
        wait_until_well(&bench);
        close_bench(&bench);
    }
}

static void an_error_to_time_ends_the_load_and_stays_in_step(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, &good);
    bench.manners.time = "-LOADING Redis is loading the dataset in memory\r\n";
    assert_int_equal(run(&bench, STORE_OP_LOAD).code, ERR_UNAVAILABLE);
    bench.manners = good;
    assert_int_equal(run(&bench, STORE_OP_LOAD).code, ERR_OK);
    assert_int_equal(bench.stats.connects, 1);
    close_bench(&bench);
}

static void noscript_sends_the_script_once_and_not_for_ever(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, &good);
    bench.manners.evalsha = "-NOSCRIPT No matching script. Please use EVAL.\r\n";
    assert_int_equal(run(&bench, STORE_OP_PUT).code, ERR_OK);
    assert_int_equal(bench.evals, 1);
    bench.manners.eval = bench.manners.evalsha;
    assert_int_equal(run(&bench, STORE_OP_PUT).code, ERR_UNAVAILABLE);
    assert_int_equal(bench.evals, 2);
    close_bench(&bench);
}

static void a_bad_greeting_is_told_to_whoever_asks(void **unused)
{
    static const struct {
        const char *auth;
        const char *ping;
        enum err want;
        const char *why;
    } rows[] = {
        {"-WRONGPASS invalid username-password pair\r\n", "+PONG\r\n", ERR_DENIED, "this user"},
        {"-ERR max number of clients reached\r\n", "+PONG\r\n", ERR_UNAVAILABLE, "maxclients"},
        {"-ERR AUTH <password> called without any password configured for the default user.\r\n",
         "+PONG\r\n", ERR_DENIED, "take store.password_file away"},
        {"+OK\r\n", "-LOADING Redis is loading\r\n", ERR_UNAVAILABLE, "loading"},
        {"+OK\r\n", ":1\r\n", ERR_PROTOCOL, "no Redis"},
        {"", "+PONG\r\n", ERR_UNAVAILABLE, "closed"},
        {NULL, NULL, ERR_TIMEOUT, ""},
        {"HTTP/1.1 400 Bad Request\r\n", "+PONG\r\n", ERR_PROTOCOL, "not Redis' protocol"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        struct manners manners = good;
        manners.auth = rows[i].auth;
        manners.ping = rows[i].ping;
        open_bench(&bench, &manners);
        struct outcome outcome = run(&bench, STORE_OP_LOAD);
        assert_int_equal(outcome.code, rows[i].want);
        assert_non_null(strstr(outcome.why, rows[i].why));
        bench.manners = good;
        wait_until_well(&bench);
        close_bench(&bench);
    }
}

/* Silence, half a reply, a hang-up, a reply without end: for a load, and for a put whose outcome
 * nobody knows then. */
static void a_server_that_stops_midway_costs_one_deadline_and_a_connection(void **unused)
{
    static const struct {
        const char *text;
        size_t flood;
        enum err want;
    } rows[] = {
        {NULL, 0, ERR_TIMEOUT},
        {"$100\r\nhalf of", 0, ERR_TIMEOUT},
        {"*2\r\n:0\r\n:17000", 0, ERR_TIMEOUT},
        {"$", 0, ERR_TIMEOUT},
        {"", 0, ERR_UNAVAILABLE},
        {"$1000000000\r\n", 0, ERR_LIMIT},
        {"*1700000000\r\n", 0, ERR_LIMIT},
        {"+", 8192, ERR_LIMIT},
        {"$524288\r\n", REDIS_CONN_INPUT_MAX, ERR_LIMIT},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        open_bench(&bench, &good);
        wait_until_well(&bench);
        bench.manners.getrange = rows[i].text;
        bench.manners.evalsha = rows[i].text;
        bench.manners.flood = rows[i].flood;
        assert_int_equal(run(&bench, STORE_OP_LOAD).code, rows[i].want);
        bench.manners = good;
        wait_until_well(&bench);
        if (rows[i].flood == 0) {
            bench.manners.evalsha = rows[i].text;
            assert_int_equal(run(&bench, STORE_OP_PUT).code, rows[i].want);
            bench.manners = good;
            wait_until_well(&bench);
        }
        assert_true(bench.stats.connects > 1);
        close_bench(&bench);
    }
}

static void without_a_server_operations_fail_at_once_and_it_is_found_when_it_comes(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench, &good);
    wait_until_well(&bench);
    stop_serving(&bench);
    struct outcome outcome = run(&bench, STORE_OP_LOAD);
    while (strstr(outcome.why, "cannot connect") == NULL) {
        assert_int_equal(outcome.code, ERR_UNAVAILABLE);
        outcome = run(&bench, STORE_OP_LOAD);
    }
    assert_non_null(strstr(outcome.why, bench.path));
    serve(&bench);
    wait_until_well(&bench);
    close_bench(&bench);
}

static void a_callback_of_a_failure_may_close_the_store(void **unused)
{
    struct bench bench;
    struct outcome first = {0};
    struct outcome second = {0};

    (void)unused;
    open_bench(&bench, &good);
    wait_until_well(&bench);
    bench.manners.getrange = "";
    first.close_me = bench.store;
    start(&bench, &first, STORE_OP_LOAD);
    start(&bench, &second, STORE_OP_PUT);
    wait_for(&bench, &first.calls);
    bench.store = NULL;
    assert_int_equal(second.calls, 0);
    assert_int_equal(second.op.kind, STORE_OP_IDLE);
    assert_false(bench.stats.is_open);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_server_is_understood),
        cmocka_unit_test(each_error_ends_the_operation_in_its_own_words_and_all_recover),
        cmocka_unit_test(an_error_to_time_ends_the_load_and_stays_in_step),
        cmocka_unit_test(noscript_sends_the_script_once_and_not_for_ever),
        cmocka_unit_test(a_bad_greeting_is_told_to_whoever_asks),
        cmocka_unit_test(a_server_that_stops_midway_costs_one_deadline_and_a_connection),
        cmocka_unit_test(without_a_server_operations_fail_at_once_and_it_is_found_when_it_comes),
        cmocka_unit_test(a_callback_of_a_failure_may_close_the_store),
    };

    /* As in the daemon (process_harden()): a peer that hangs up is an error code. */
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
