/* SPDX-License-Identifier: Apache-2.0 */
/* Sentinels and masters that are gone, silent, wrong or of different minds: one loop with the
 * store. The real ones are in store_redis_test.c and tests/system/sentinel. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "host/clock_system.h"
#include "host/random_system.h"
#include "host/timers_libevent.h"
#include "store/store_redis.h"
#include "support/fake_redis.h"

#define PATIENCE_MS 10000
#define TIMEOUT_MS  1000
#define SENTINELS   3
#define MASTERS     2

struct node {
    struct bench *bench;
    struct fake_redis *server;
    char answer[128];
    unsigned int asked;
    bool is_silent;
    bool is_hanging_up;
    /* of a Sentinel */
    uint16_t names; /* the port it names; 0: it knows no such master */
    /* of a Redis */
    bool is_replica;
    const char *put; /* the answer to EVALSHA */
};

struct bench {
    struct event_base *base;
    struct node sentinels[SENTINELS];
    struct node masters[MASTERS];
    struct clock clock;
    struct timers timers;
    struct random_source random;
    struct store_redis_stats stats;
    struct store *store;
};

static const char *answer_sentinel(void *ctx, size_t argc, const char *const *argv)
{
    struct node *node = ctx;

    if (node->is_silent) {
        return NULL;
    }
    if (node->is_hanging_up) {
        return "";
    }
    if (strcmp(argv[0], "SUBSCRIBE") == 0) {
        assert_string_equal(argv[1], "+switch-master");
        return "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n";
    }
    assert_int_equal(argc, 3);
    assert_string_equal(argv[0], "SENTINEL");
    assert_string_equal(argv[1], "get-master-addr-by-name");
    assert_string_equal(argv[2], "stek");
    node->asked++;
    if (node->names == 0) {
        return "*-1\r\n";
    }
    (void)snprintf(node->answer, sizeof(node->answer), "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n%05u\r\n",
                   (unsigned)node->names);
    return node->answer;
}

static const char *answer_redis(void *ctx, size_t argc, const char *const *argv)
{
    struct node *node = ctx;

    (void)argc;
    if (node->is_silent) {
        return NULL;
    }
    if (strcmp(argv[0], "ROLE") == 0) {
        node->asked++;
        return node->is_replica ? "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$9\r\nconnected\r\n:1\r\n"
                                : "*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n";
    }
    if (strcmp(argv[0], "TIME") == 0) {
        return "*2\r\n$10\r\n1700000000\r\n$6\r\n250000\r\n";
    }
    if (strcmp(argv[0], "GETRANGE") == 0) {
        return "$0\r\n\r\n";
    }
    if (strcmp(argv[0], "SUBSCRIBE") == 0) {
        return "*3\r\n$9\r\nsubscribe\r\n$12\r\nstek:changed\r\n:1\r\n";
    }
    assert_string_equal(argv[0], "EVALSHA");
    return node->put;
}

static void start_node(struct bench *bench, struct node *node,
                       const char *(*answer)(void *ctx, size_t argc, const char *const *argv))
{
    const struct fake_redis_options options = {
        .base = bench->base,
        .port = node->server == NULL ? 0 : fake_redis_port(node->server),
        .answer = answer,
        .ctx = node};

    node->bench = bench;
    node->put = "*2\r\n:0\r\n:1700000000250\r\n";
    node->server = fake_redis_start(&options);
}

/* All Sentinels name the first master. */
static void start_nodes(struct bench *bench)
{
    *bench = (struct bench){.base = event_base_new()};
    bench->clock = clock_system_make();
    bench->timers = timers_libevent_make(bench->base);
    bench->random = random_system_make();
    for (size_t i = 0; i < MASTERS; i++) {
        start_node(bench, &bench->masters[i], answer_redis);
    }
    bench->masters[1].is_replica = true;
    for (size_t i = 0; i < SENTINELS; i++) {
        start_node(bench, &bench->sentinels[i], answer_sentinel);
        bench->sentinels[i].names = fake_redis_port(bench->masters[0].server);
    }
}

static void open_store(struct bench *bench)
{
    struct redis_address at[SENTINELS];

    for (size_t i = 0; i < SENTINELS; i++) {
        at[i] = (struct redis_address){.host = "127.0.0.1",
                                       .port = fake_redis_port(bench->sentinels[i].server)};
    }
    const struct store_redis_options options = {
        .base = bench->base,
        .clock = &bench->clock,
        .timers = &bench->timers,
        .random = &bench->random,
        .sentinel = {.master = "stek", .at = at, .count = SENTINELS},
        .prefix = "stek",
        .timeout_ms = TIMEOUT_MS,
        .stats = &bench->stats,
    };
    assert_int_equal(store_redis_new(&options, &bench->store), ERR_OK);
}

static void close_bench(struct bench *bench)
{
    store_close(bench->store);
    for (size_t i = 0; i < MASTERS; i++) {
        fake_redis_stop(bench->masters[i].server);
    }
    for (size_t i = 0; i < SENTINELS; i++) {
        fake_redis_stop(bench->sentinels[i].server);
    }
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

static void turn(struct bench *bench, int64_t end)
{
    struct timeval soon = {.tv_usec = 2000};

    assert_true(clock_boot_ms(&bench->clock) < end);
    (void)event_base_loopexit(bench->base, &soon);
    assert_true(event_base_dispatch(bench->base) >= 0);
}

static int64_t patience(const struct bench *bench)
{
    return clock_boot_ms(&bench->clock) + PATIENCE_MS;
}

static struct outcome run(struct bench *bench, enum store_op_kind kind)
{
    struct outcome outcome = {.op = {.done = on_done}};
    const struct store_put_request request = {.realm = "web",
                                              .next = {{1}},
                                              .record = {(const uint8_t *)"x", 1},
                                              .not_after_ms = INT64_MAX,
                                              .expires_at_ms = INT64_MAX};
    const int64_t end = patience(bench);

    outcome.op.ctx = &outcome;
    if (kind == STORE_OP_LOAD) {
        store_load(bench->store, &outcome.op, "web");
    } else {
        store_put(bench->store, &outcome.op, &request);
    }
    while (outcome.calls == 0) {
        turn(bench, end);
    }
    return outcome;
}

static void wait_until_well(struct bench *bench)
{
    const int64_t end = patience(bench);

    while (run(bench, STORE_OP_LOAD).code != ERR_OK) {
        assert_true(clock_boot_ms(&bench->clock) < end);
    }
}

static void expect(struct bench *bench, const char *why)
{
    const int64_t end = patience(bench);
    struct outcome outcome = run(bench, STORE_OP_LOAD);

    while (outcome.code == ERR_OK || strstr(outcome.why, why) == NULL) {
        if (clock_boot_ms(&bench->clock) >= end) {
            fail_msg("%d: %s; not: %s", (int)outcome.code, outcome.why, why);
        }
        outcome = run(bench, STORE_OP_LOAD);
    }
}

/* As the metrics show it. */
static uint64_t counted(const struct bench *bench, const char *event)
{
    struct metrics_count counts[STORE_REDIS_COUNTS];
    const size_t count = store_redis_counts(&bench->stats, counts);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(counts[i].label, event) == 0) {
            return counts[i].count;
        }
    }
    fail_msg("%s is not counted", event);
    return 0;
}

/* Sentinels have agreed on the second Redis; whether they tell is another matter. */
static void fail_over(struct bench *bench)
{
    bench->masters[0].is_replica = true;
    bench->masters[1].is_replica = false;
    for (size_t i = 0; i < SENTINELS; i++) {
        bench->sentinels[i].names = fake_redis_port(bench->masters[1].server);
    }
}

static void expect_at_second(struct bench *bench)
{
    const unsigned int before = bench->masters[1].asked;

    wait_until_well(bench);
    assert_true(bench->masters[1].asked > before);
    assert_int_equal(run(bench, STORE_OP_PUT).code, ERR_OK);
}

static void the_master_is_found_by_the_first_sentinel_and_checked_by_each_load(void **unused)
{
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    open_store(&bench);
    wait_until_well(&bench);
    unsigned int roles = bench.masters[0].asked;
    assert_int_equal(run(&bench, STORE_OP_LOAD).code, ERR_OK);
    assert_int_equal(bench.masters[0].asked, roles + 1);
    assert_int_equal(bench.stats.connects, 1);
    assert_int_equal(fake_redis_connects(bench.sentinels[1].server), 0);
    assert_int_equal(fake_redis_connects(bench.masters[1].server), 0);
    close_bench(&bench);
}

static void bad_sentinels_are_passed_over_and_the_good_one_is_remembered(void **unused)
{
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    bench.sentinels[0].is_silent = true;
    bench.sentinels[1].names = 0;
    open_store(&bench);
    wait_until_well(&bench);
    /* Whoever asks anew begins with the one that knew. */
    const size_t first = fake_redis_connects(bench.sentinels[0].server);
    const unsigned int second = bench.sentinels[1].asked;
    const int64_t end = patience(&bench);
    while (bench.stats.connects < 4) {
        bench.masters[0].put = "";
        (void)run(&bench, STORE_OP_PUT);
        wait_until_well(&bench);
        assert_true(clock_boot_ms(&bench.clock) < end);
    }
    /* The hints' own way may have been under way to them still, and so may the watch. */
    assert_in_range(fake_redis_connects(bench.sentinels[0].server), first, first + 2);
    assert_in_range(bench.sentinels[1].asked, second, second + 2);
    close_bench(&bench);
}

static void when_no_sentinel_knows_the_last_reason_is_told_and_it_recovers(void **unused)
{
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    for (size_t i = 0; i < SENTINELS; i++) {
        bench.sentinels[i].names = 0;
    }
    open_store(&bench);
    expect(&bench, "knows no master called stek");
    for (size_t i = 0; i < SENTINELS; i++) {
        bench.sentinels[i].is_hanging_up = true;
    }
    expect(&bench, "no Sentinel leads to master stek: Sentinel at 127.0.0.1");
    for (size_t i = 0; i < SENTINELS; i++) {
        bench.sentinels[i].is_hanging_up = false;
        bench.sentinels[i].names = fake_redis_port(bench.masters[0].server);
    }
    wait_until_well(&bench);
    close_bench(&bench);
}

static void a_sentinel_that_names_a_replica_is_not_asked_first_again(void **unused)
{
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    bench.sentinels[0].names = fake_redis_port(bench.masters[1].server);
    open_store(&bench);
    wait_until_well(&bench);
    assert_true(bench.masters[0].asked > 0);
    close_bench(&bench);
}

static void a_master_that_became_a_replica_is_left_at_the_next_load(void **unused)
{
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    open_store(&bench);
    wait_until_well(&bench);
    fail_over(&bench);
    struct outcome outcome = run(&bench, STORE_OP_LOAD);
    assert_int_equal(outcome.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(outcome.why, "no longer the master: it is a replica"));
    expect_at_second(&bench);
    close_bench(&bench);
}

static void a_put_that_a_replica_refuses_leads_to_the_master(void **unused)
{
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    open_store(&bench);
    wait_until_well(&bench);
    fail_over(&bench);
    bench.masters[0].put = "-READONLY You can't write against a read only replica.\r\n";
    struct outcome outcome = run(&bench, STORE_OP_PUT);
    assert_int_equal(outcome.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(outcome.why, "read-only replica"));
    expect_at_second(&bench);
    close_bench(&bench);
}

static void a_switch_is_followed_at_once_even_from_a_master_that_hangs(void **unused)
{
    struct bench bench;
    char message[160];
    char push[240];

    (void)unused;
    start_nodes(&bench);
    open_store(&bench);
    wait_until_well(&bench);
    int64_t end = patience(&bench);
    while (!bench.stats.watch.is_subscribed || !bench.stats.hints.is_subscribed) {
        turn(&bench, end);
    }
    bench.masters[0].is_silent = true; /* and no load is made that would find out */
    fail_over(&bench);
    (void)snprintf(message, sizeof(message), "stek 127.0.0.1 %05u 127.0.0.1 %05u",
                   (unsigned)fake_redis_port(bench.masters[0].server),
                   (unsigned)fake_redis_port(bench.masters[1].server));
    (void)snprintf(push, sizeof(push),
                   "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$%zu\r\n%s\r\n",
                   strlen(message), message);
    for (size_t i = 0; i < SENTINELS; i++) {
        fake_redis_push(bench.sentinels[i].server, push);
    }
    while (bench.stats.connects < 2 || !bench.stats.hints.is_subscribed) {
        turn(&bench, end);
    }
    assert_int_equal(counted(&bench, "master-switched"), 1);
    assert_int_equal(counted(&bench, "connected"), 2);
    assert_int_equal(fake_redis_connects(bench.masters[1].server), 2); /* commands and hints */
    expect_at_second(&bench);
    close_bench(&bench);
}

static void messages_of_others_and_nonsense_move_nobody(void **unused)
{
    static const char *const pushes[] = {
        "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$17\r\nother a 1 b 63790\r\n",
        "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n:1\r\n",
        "*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$0\r\n\r\n",
        "*1\r\n$4\r\npong\r\n",
        ":1\r\n",
    };
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    open_store(&bench);
    wait_until_well(&bench);
    int64_t end = patience(&bench);
    while (!bench.stats.watch.is_subscribed || !bench.stats.hints.is_subscribed) {
        turn(&bench, end);
    }
    for (size_t i = 0; i < sizeof(pushes) / sizeof(pushes[0]); i++) {
        fake_redis_push(bench.sentinels[0].server, pushes[i]);
    }
    assert_int_equal(run(&bench, STORE_OP_LOAD).code, ERR_OK);
    assert_int_equal(bench.stats.watch.switches, 0);
    assert_int_equal(bench.stats.connects, 1);
    close_bench(&bench);
}

/* The watch began at a Sentinel that dies: it goes on at another, and hears there what it missed.
 */
static void a_watch_goes_on_at_another_sentinel(void **unused)
{
    struct bench bench;

    (void)unused;
    start_nodes(&bench);
    open_store(&bench);
    wait_until_well(&bench);
    int64_t end = patience(&bench);
    while (!bench.stats.watch.is_subscribed || !bench.stats.hints.is_subscribed) {
        turn(&bench, end);
    }
    fail_over(&bench);
    fake_redis_stop(bench.sentinels[0].server);
    bench.sentinels[0].server = NULL;
    bench.masters[0].is_silent = true;
    while (bench.stats.connects < 2) {
        turn(&bench, end);
    }
    expect_at_second(&bench);
    assert_true(bench.stats.watch.losses >= 1);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_master_is_found_by_the_first_sentinel_and_checked_by_each_load),
        cmocka_unit_test(bad_sentinels_are_passed_over_and_the_good_one_is_remembered),
        cmocka_unit_test(when_no_sentinel_knows_the_last_reason_is_told_and_it_recovers),
        cmocka_unit_test(a_sentinel_that_names_a_replica_is_not_asked_first_again),
        cmocka_unit_test(a_master_that_became_a_replica_is_left_at_the_next_load),
        cmocka_unit_test(a_put_that_a_replica_refuses_leads_to_the_master),
        cmocka_unit_test(a_switch_is_followed_at_once_even_from_a_master_that_hangs),
        cmocka_unit_test(messages_of_others_and_nonsense_move_nobody),
        cmocka_unit_test(a_watch_goes_on_at_another_sentinel),
    };

    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as in the daemon */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
