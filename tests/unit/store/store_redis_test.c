/* SPDX-License-Identifier: Apache-2.0 */
/* Against a real redis-server. What a server can do wrong is in redis_faults_test.c. */
#include "store/store_redis.h"

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
#include <hiredis/hiredis.h>
#include <openssl/ssl.h>

#include "host/clock_system.h"
#include "host/random_system.h"
#include "host/timers_libevent.h"
#include "support/redis_pki.h"
#include "support/redis_process.h"
#include "support/store_contract.h"

#define PATIENCE_MS 10000

static struct redis_process server; /* one for all tests: each begins with FLUSHALL */
static struct redis_process sentinel;
static struct redis_pki pki;

/* The ways to the one server. */
enum way { BY_SOCKET, BY_TLS, BY_SENTINEL };

struct env {
    struct event_base *base;
    struct clock clock;
    struct timers timers;
    struct random_source random;
    redisContext *redis;
    struct store_redis_stats stats;
    uint64_t syncs;
};

static redisReply *ask(struct env *env, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    redisReply *reply = redisvCommand(env->redis, format, arguments);
    va_end(arguments);
    assert_non_null(reply);
    return reply;
}

static void tell(struct env *env, const char *command)
{
    redisReply *reply = ask(env, command);

    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
}

static struct env *make_env(void)
{
    struct env *env = calloc(1, sizeof(*env));

    assert_non_null(env);
    env->base = event_base_new();
    assert_non_null(env->base);
    env->clock = clock_system_make();
    env->timers = timers_libevent_make(env->base);
    env->random = random_system_make();
    env->redis = redis_process_connect(&server);
    assert_non_null(env->redis);
    assert_int_equal(env->redis->err, 0);
    tell(env, "FLUSHALL");
    tell(env, "SCRIPT FLUSH");
    return env;
}

static struct store *open_store_by(struct env *env, enum way way, const char *username,
                                   const char *password)
{
    struct store *store = NULL;
    SSL_CTX *tls = way == BY_SOCKET ? NULL : redis_pki_client(&pki.ca, &pki.client);
    const struct redis_address sentinel_at = {.host = "localhost", .port = sentinel.tls_port};
    struct store_redis_options options = {
        .base = env->base,
        .clock = &env->clock,
        .timers = &env->timers,
        .random = &env->random,
        .address = {.username = username,
                    .password = {(const uint8_t *)password,
                                 password == NULL ? 0 : strlen(password)}},
        .tls = tls,
        .prefix = "stek",
        .timeout_ms = 5000,
        .stats = &env->stats,
    };

    if (way == BY_SOCKET) {
        options.address.unix_path = server.socket;
    } else if (way == BY_TLS) {
        options.address.host = "127.0.0.1";
        options.address.port = server.tls_port;
    } else {
        options.sentinel =
            (struct redis_sentinel_options){.master = "stek", .at = &sentinel_at, .count = 1};
    }
    assert_int_equal(store_redis_new(&options, &store), ERR_OK);
    SSL_CTX_free(tls);
    return store;
}

static struct store *open_store(struct env *env, const char *username, const char *password)
{
    return open_store_by(env, BY_SOCKET, username, password);
}

static void free_env(void *arg)
{
    struct env *env = arg;

    redisFree(env->redis);
    event_base_free(env->base);
    free(env);
}

static int64_t now_ms(const struct env *env)
{
    return clock_boot_ms(&env->clock);
}

static void turn(struct env *env)
{
    struct timeval soon = {.tv_usec = 5000};

    (void)event_base_loopexit(env->base, &soon);
    assert_true(event_base_dispatch(env->base) >= 0);
}

static bool is_settled(const struct env *env)
{
    return env->stats.in_flight == 0 && env->stats.is_up && env->stats.hints.is_subscribed;
}

/* Until nothing is under way, and what was published until then was heard: a marker, which is no
 * realm's name, comes after it on the same channel. */
static void settle(void *arg)
{
    struct env *env = arg;
    int64_t end = now_ms(env) + PATIENCE_MS;

    while (env->stats.is_open && !is_settled(env)) {
        assert_true(now_ms(env) < end);
        turn(env);
    }
    if (!env->stats.is_open) {
        turn(env);
        return;
    }
    tell(env, "PUBLISH stek:changed !");
    env->syncs++;
    while (env->stats.is_open && env->stats.hints.refused < env->syncs) {
        assert_true(now_ms(env) < end);
        turn(env);
    }
    while (env->stats.is_open && env->stats.in_flight > 0) {
        assert_true(now_ms(env) < end);
        turn(env);
    }
}

/* Time passes for what is stored: every date comes nearer. */
static void pass(void *arg, int64_t ms)
{
    struct env *env = arg;
    redisReply *keys = ask(env, "KEYS *");

    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        redisReply *at = ask(env, "PEXPIRETIME %s", key);
        assert_true(at->integer > 0);
        freeReplyObject(ask(env, "PEXPIREAT %s %lld", key, at->integer - (long long)ms));
        freeReplyObject(at);
    }
    freeReplyObject(keys);
}

static int64_t store_time(void *arg)
{
    redisReply *reply = ask(arg, "TIME");
    int64_t now = strtoll(reply->element[0]->str, NULL, 10) * 1000 +
                  strtoll(reply->element[1]->str, NULL, 10) / 1000;

    freeReplyObject(reply);
    return now;
}

static void *set_up_by(enum way way, struct store **out_store)
{
    struct env *env = make_env();

    *out_store = open_store_by(env, way, NULL, NULL);
    return env;
}

static void *set_up(struct store **out_store)
{
    return set_up_by(BY_SOCKET, out_store);
}

static void *set_up_tls(struct store **out_store)
{
    return set_up_by(BY_TLS, out_store);
}

static void *set_up_sentinel(struct store **out_store)
{
    return set_up_by(BY_SENTINEL, out_store);
}

/* --- what only this store promises --- */

struct outcome {
    unsigned int calls;
    enum err code;
    bool present;
    struct store_version version;
    size_t len;
    char why[400];
    struct store_op op;
};

static void on_done(void *ctx, const struct store_result *result)
{
    struct outcome *outcome = ctx;

    outcome->calls++;
    outcome->code = result->code;
    outcome->present = result->present;
    outcome->version = result->version;
    outcome->len = result->record.len;
    assert_int_equal(text_copy(outcome->why, sizeof(outcome->why), result->why), ERR_OK);
}

static void finish(struct env *env, struct outcome *outcome)
{
    int64_t end = now_ms(env) + PATIENCE_MS;

    while (outcome->calls == 0) {
        assert_true(now_ms(env) < end);
        turn(env);
    }
    assert_int_equal(outcome->calls, 1);
}

static struct outcome load(struct env *env, struct store *store)
{
    struct outcome outcome = {.op = {.done = on_done}};

    outcome.op.ctx = &outcome;
    store_load(store, &outcome.op, "web");
    finish(env, &outcome);
    return outcome;
}

static struct outcome put(struct env *env, struct store *store,
                          const struct store_version *expected, uint8_t next)
{
    struct outcome outcome = {.op = {.done = on_done}};
    const struct store_put_request request = {
        .realm = "web",
        .expected = expected,
        .next = {{next}},
        .record = {(const uint8_t *)"sealed\0\r\n$3", 11},
        .not_after_ms = INT64_MAX,
        .expires_at_ms = store_time(env) + 600000,
    };

    outcome.op.ctx = &outcome;
    store_put(store, &outcome.op, &request);
    finish(env, &outcome);
    return outcome;
}

static void the_record_is_one_string_with_a_date_under_a_fixed_name(void **unused)
{
    struct env *env = make_env();
    struct store *store = open_store(env, NULL, NULL);
    struct errbuf place;

    (void)unused;
    assert_int_equal(put(env, store, NULL, 7).code, ERR_OK);
    redisReply *value = ask(env, "GET stek:{web}");
    assert_int_equal(value->type, REDIS_REPLY_STRING);
    assert_int_equal(value->len, STORE_VERSION_LEN + 11);
    assert_int_equal(value->str[0], 7);
    assert_memory_equal(value->str + STORE_VERSION_LEN, "sealed\0\r\n$3", 11);
    freeReplyObject(value);
    redisReply *left = ask(env, "PTTL stek:{web}");
    assert_in_range(left->integer, 590000, 600000);
    freeReplyObject(left);
    store_place(store, "web", &place);
    assert_string_equal(place.text, "Redis key stek:{web}");
    store_close(store);
    free_env(env);
}

static void the_script_is_sent_once_and_again_when_the_server_forgot_it(void **unused)
{
    struct env *env = make_env();
    struct store *store = open_store(env, NULL, NULL);
    const struct store_version first = {{1}};
    const struct store_version second = {{2}};

    (void)unused;
    assert_int_equal(put(env, store, NULL, 1).code, ERR_OK);
    assert_int_equal(env->stats.evals, 1);
    assert_int_equal(put(env, store, &first, 2).code, ERR_OK);
    assert_int_equal(env->stats.evals, 1);
    tell(env, "SCRIPT FLUSH");
    assert_int_equal(put(env, store, &second, 3).code, ERR_OK);
    assert_int_equal(env->stats.evals, 2);
    assert_int_equal(load(env, store).version.bytes[0], 3);
    store_close(store);
    free_env(env);
}

static void foreign_values_are_records_that_can_be_replaced(void **unused)
{
    static const struct {
        const char *set;
        size_t len; /* of the record as loaded */
    } rows[] = {
        {"SET stek:{web} x", 0},
        {"SET stek:{web} 0123456789abcde", 0},
        {"SET stek:{web} 0123456789abcdef", 0},
        {"SET stek:{web} 0123456789abcdefg", 1},
        {"SETRANGE stek:{web} 262159 x", 262144},
        {"SETRANGE stek:{web} 262160 x", 0},
        {"SETRANGE stek:{web} 9000000 x", 0},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct env *env = make_env();
        struct store *store = open_store(env, NULL, NULL);
        tell(env, rows[i].set);
        struct outcome outcome = load(env, store);
        assert_int_equal(outcome.code, ERR_OK);
        assert_true(outcome.present);
        assert_int_equal(outcome.len, rows[i].len);
        assert_int_equal(put(env, store, NULL, 9).code, ERR_CONFLICT);
        assert_int_equal(put(env, store, &outcome.version, 9).code, ERR_OK);
        assert_int_equal(load(env, store).len, 11);
        store_close(store);
        free_env(env);
    }
}

static void a_key_of_another_kind_is_refused_in_words(void **unused)
{
    struct env *env = make_env();
    struct store *store = open_store(env, NULL, NULL);

    (void)unused;
    tell(env, "LPUSH stek:{web} x");
    struct outcome outcome = load(env, store);
    assert_int_equal(outcome.code, ERR_INVALID);
    assert_non_null(strstr(outcome.why, "not ours"));
    assert_int_equal(put(env, store, NULL, 1).code, ERR_INVALID);
    store_close(store);
    free_env(env);
}

static void only_what_the_certificates_allow_comes_to_redis(void **unused)
{
    const struct {
        const char *host;
        const struct cert *ca;
        const struct cert *own;
        enum err want;
        const char *why;
    } rows[] = {
        {"127.0.0.1", &pki.ca, &pki.client, ERR_OK, ""},
        {"localhost", &pki.ca, &pki.client, ERR_OK, ""},
        {"127.0.0.3", &pki.ca, &pki.client, ERR_UNAVAILABLE, "cannot connect: Connection refused"},
        {"127.0.0.2", &pki.ca, &pki.client, ERR_DENIED, "not for the address"},
        {"127.0.0.1", &pki.other_ca, &pki.client, ERR_DENIED, "no CA that is trusted here"},
        {"127.0.0.1", &pki.ca, &pki.stranger, ERR_DENIED, "refuses our certificate"},
        {"127.0.0.1", &pki.ca, NULL, ERR_DENIED, "demands a client certificate"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct env *env = make_env();
        struct store *store = NULL;
        SSL_CTX *tls = redis_pki_client(rows[i].ca, rows[i].own);
        const struct store_redis_options options = {
            .base = env->base,
            .clock = &env->clock,
            .timers = &env->timers,
            .random = &env->random,
            .address = {.host = rows[i].host, .port = server.tls_port},
            .tls = tls,
            .prefix = "stek",
            .timeout_ms = 5000,
            .stats = &env->stats,
        };
        assert_int_equal(store_redis_new(&options, &store), ERR_OK);
        SSL_CTX_free(tls);
        struct outcome outcome = load(env, store);
        if (outcome.code != rows[i].want || strstr(outcome.why, rows[i].why) == NULL) {
            fail_msg("row %zu: %s", i, outcome.why);
        }
        store_close(store);
        free_env(env);
    }
}

static void who_may_not_come_in_is_told_what_to_set(void **unused)
{
    static const struct {
        const char *username;
        const char *password;
        enum err want;
        const char *why;
    } rows[] = {
        {NULL, NULL, ERR_DENIED, "store.password_file"},
        {"stekd", "wrong", ERR_DENIED, "refuses this user"},
        {"nobody", "secret", ERR_DENIED, "refuses this user"},
        {"stekd", "secret", ERR_OK, ""},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct env *env = make_env();
        /* All that we need, and no more; README.md repeats it. */
        tell(env,
             "ACL SETUSER stekd on >secret resetkeys ~stek:* resetchannels &stek:* -@all +ping "
             "+time +get +set +getrange +eval +evalsha +publish +subscribe");
        tell(env, "ACL SETUSER default resetpass >other");
        struct store *store = open_store(env, rows[i].username, rows[i].password);
        struct outcome outcome = load(env, store);
        assert_int_equal(outcome.code, rows[i].want);
        assert_non_null(strstr(outcome.why, rows[i].why));
        if (rows[i].want == ERR_OK) {
            assert_int_equal(put(env, store, NULL, 1).code, ERR_OK);
        }
        store_close(store);
        tell(env, "ACL SETUSER default nopass");
        tell(env, "ACL DELUSER stekd");
        free_env(env);
    }
}

static void another_password_is_for_the_next_connection(void **unused)
{
    struct env *env = make_env();
    struct secret_buf password = {0};
    struct outcome outcome;

    (void)unused;
    tell(env, "ACL SETUSER stekd on >new ~stek:* &stek:* +@all");
    struct store *store = open_store(env, "stekd", "old");
    assert_int_equal(load(env, store).code, ERR_DENIED);
    assert_int_equal(secret_buf_append(&password, "new", 3), ERR_OK);
    store_redis_swap_password(store, &password);
    assert_int_equal(password.len, 3);
    assert_memory_equal(password.at, "old", 3);
    secret_buf_fini(&password);
    const int64_t until = now_ms(env) + 10000;
    do {
        outcome = load(env, store);
    } while (outcome.code != ERR_OK && now_ms(env) < until);
    assert_int_equal(outcome.code, ERR_OK);
    store_close(store);
    tell(env, "ACL DELUSER stekd");
    free_env(env);
}

static void by_sentinel_the_user_must_be_let_ask_for_the_role(void **unused)
{
    struct env *env = make_env();

    (void)unused;
    tell(env, "ACL SETUSER stekd on >secret resetkeys ~stek:* resetchannels &stek:* -@all +ping "
              "+time +get +set +getrange +eval +evalsha +publish +subscribe");
    struct store *store = open_store_by(env, BY_SENTINEL, "stekd", "secret");
    struct outcome outcome = load(env, store);
    assert_int_equal(outcome.code, ERR_DENIED);
    assert_non_null(strstr(outcome.why, "'role'"));
    tell(env, "ACL SETUSER stekd +role");
    int64_t end = now_ms(env) + PATIENCE_MS;
    while (load(env, store).code != ERR_OK) {
        assert_true(now_ms(env) < end);
        turn(env);
    }
    assert_int_equal(put(env, store, NULL, 1).code, ERR_OK);
    store_close(store);
    tell(env, "ACL DELUSER stekd");
    free_env(env);
}

static void on_changed(void *ctx, const char *realm)
{
    assert_string_equal(realm, "web");
    ++*(unsigned int *)ctx;
}

static void a_put_of_one_daemon_is_hinted_to_another(void **unused)
{
    struct env *one = make_env();
    struct env *two = make_env();
    struct store *a = open_store(one, NULL, NULL);
    struct store *b = open_store(two, NULL, NULL);
    unsigned int hints = 0;
    int64_t end = now_ms(two) + PATIENCE_MS;

    (void)unused;
    assert_int_equal(store_watch(b, "web", on_changed, &hints), ERR_OK);
    settle(two);
    hints = 0;
    assert_int_equal(put(one, a, NULL, 1).code, ERR_OK);
    while (hints == 0) {
        assert_true(now_ms(two) < end);
        turn(two);
    }
    store_close(a);
    store_close(b);
    free_env(one);
    free_env(two);
}

static int run_contract(const char *name, void *(*set_up_by_way)(struct store **))
{
    const struct store_contract redis = {
        .name = name,
        .set_up = set_up_by_way,
        .settle = settle,
        .pass = pass,
        .store_time = store_time,
        .store_time_slack_ms = 5000,
        .tear_down = free_env,
    };

    return store_contract_run(&redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_is_one_string_with_a_date_under_a_fixed_name),
        cmocka_unit_test(the_script_is_sent_once_and_again_when_the_server_forgot_it),
        cmocka_unit_test(foreign_values_are_records_that_can_be_replaced),
        cmocka_unit_test(a_key_of_another_kind_is_refused_in_words),
        cmocka_unit_test(only_what_the_certificates_allow_comes_to_redis),
        cmocka_unit_test(who_may_not_come_in_is_told_what_to_set),
        cmocka_unit_test(another_password_is_for_the_next_connection),
        cmocka_unit_test(by_sentinel_the_user_must_be_let_ask_for_the_role),
        cmocka_unit_test(a_put_of_one_daemon_is_hinted_to_another),
    };
    const char *const addresses[] = {"--bind", "127.0.0.1", "127.0.0.2", NULL};
    const struct redis_process_tls tls = {.ca = &pki.ca, .server = &pki.server};

    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as in the daemon */
    redis_pki_init(&pki);
    redis_process_start(&server, &tls, addresses);
    redis_process_start_sentinel(&sentinel, &tls, &server);
    int failed = run_contract("redis", set_up);
    failed += run_contract("redis over TLS", set_up_tls);
    failed += run_contract("redis by Sentinel over TLS", set_up_sentinel);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    redis_process_stop(&sentinel);
    redis_process_stop(&server);
    redis_pki_fini(&pki);
    return failed;
}
