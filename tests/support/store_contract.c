/* SPDX-License-Identifier: Apache-2.0 */
#include "support/store_contract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct store_version v1 = {{1, 0xff}};
static const struct store_version v2 = {{2, 0xff}};
static const struct store_version v3 = {{3}};

struct bench {
    const struct store_contract *contract;
    void *env;
    struct store *store;
};

/* What one operation came to. The record is copied, as it is only borrowed in the callback. */
struct outcome {
    unsigned int calls;
    struct store_result result;
    bool has_why;
    uint8_t record[64];
    struct store *close_me; /* closed inside the callback */
    struct store *load_again;
    struct store_op op;
};

static void on_done(void *ctx, const struct store_result *result)
{
    struct outcome *outcome = ctx;

    outcome->calls++;
    outcome->result = *result;
    outcome->has_why = result->why != NULL;
    if (result->record.len <= sizeof(outcome->record) && result->record.len > 0) {
        memcpy(outcome->record, result->record.at, result->record.len);
    }
    if (outcome->close_me != NULL) {
        store_close(outcome->close_me);
    }
    if (outcome->load_again != NULL) {
        struct store *store = outcome->load_again;
        outcome->load_again = NULL;
        store_load(store, &outcome->op, "web");
    }
}

static struct bench open_bench(void **state)
{
    struct bench bench = {.contract = *state};

    bench.env = bench.contract->set_up(&bench.store);
    assert_non_null(bench.store);
    return bench;
}

static void close_bench(struct bench *bench)
{
    store_close(bench->store);
    bench->contract->tear_down(bench->env);
}

static void settle(struct bench *bench)
{
    bench->contract->settle(bench->env);
}

static void start_load(struct bench *bench, struct outcome *outcome, const char *realm)
{
    outcome->op.done = on_done;
    outcome->op.ctx = outcome;
    store_load(bench->store, &outcome->op, realm);
}

static void start_put(struct bench *bench, struct outcome *outcome,
                      const struct store_version *expected, const struct store_version *next,
                      struct slice record)
{
    struct store_put_request request = {
        .realm = "web",
        .expected = expected,
        .next = *next,
        .record = record,
        .not_after_ms = INT64_MAX,
        .expires_at_ms = bench->contract->store_time(bench->env) + 600000,
    };

    outcome->op.done = on_done;
    outcome->op.ctx = outcome;
    store_put(bench->store, &outcome->op, &request);
}

static enum err put_now(struct bench *bench, const struct store_version *expected,
                        const struct store_version *next, const char *text)
{
    struct outcome outcome = {0};

    start_put(bench, &outcome, expected, next, (struct slice){(const uint8_t *)text, strlen(text)});
    settle(bench);
    assert_int_equal(outcome.calls, 1);
    assert_true(outcome.has_why);
    return outcome.result.code;
}

static void assert_holds(struct bench *bench, const struct store_version *version, const char *text)
{
    struct outcome outcome = {0};

    start_load(bench, &outcome, "web");
    settle(bench);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.result.code, ERR_OK);
    assert_true(outcome.result.present);
    assert_memory_equal(outcome.result.version.bytes, version->bytes, STORE_VERSION_LEN);
    assert_int_equal(outcome.result.record.len, strlen(text));
    assert_memory_equal(outcome.record, text, strlen(text));
}

static void assert_absent(struct bench *bench, const char *realm)
{
    struct outcome outcome = {0};

    start_load(bench, &outcome, realm);
    settle(bench);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.result.code, ERR_OK);
    assert_false(outcome.result.present);
}

static void an_empty_store_loads_as_absent(void **state)
{
    struct bench bench = open_bench(state);

    assert_absent(&bench, "web");
    close_bench(&bench);
}

static void what_was_put_is_loaded(void **state)
{
    struct bench bench = open_bench(state);

    assert_int_equal(put_now(&bench, NULL, &v1, "one"), ERR_OK);
    assert_holds(&bench, &v1, "one");
    close_bench(&bench);
}

static void a_put_replaces_only_the_version_it_expects(void **state)
{
    static const struct {
        const struct store_version *held; /* NULL: no record */
        const struct store_version *expected;
        enum err want;
    } rows[] = {
        {NULL, NULL, ERR_OK},     {NULL, &v1, ERR_CONFLICT}, {&v1, NULL, ERR_CONFLICT},
        {&v1, &v2, ERR_CONFLICT}, {&v1, &v1, ERR_OK},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = open_bench(state);
        if (rows[i].held != NULL) {
            assert_int_equal(put_now(&bench, NULL, rows[i].held, "held"), ERR_OK);
        }
        assert_int_equal(put_now(&bench, rows[i].expected, &v3, "new"), rows[i].want);
        if (rows[i].want == ERR_OK) {
            assert_holds(&bench, &v3, "new");
        } else if (rows[i].held != NULL) {
            assert_holds(&bench, rows[i].held, "held");
        } else {
            assert_absent(&bench, "web");
        }
        close_bench(&bench);
    }
}

static void of_two_puts_on_one_version_one_wins(void **state)
{
    struct bench bench = open_bench(state);
    struct outcome a = {0};
    struct outcome b = {0};

    start_put(&bench, &a, NULL, &v1, (struct slice){(const uint8_t *)"a", 1});
    start_put(&bench, &b, NULL, &v2, (struct slice){(const uint8_t *)"b", 1});
    settle(&bench);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_true((a.result.code == ERR_OK) != (b.result.code == ERR_OK));
    assert_true(a.result.code == ERR_CONFLICT || b.result.code == ERR_CONFLICT);
    close_bench(&bench);
}

static void nothing_completes_inside_the_call_and_everything_once(void **state)
{
    struct bench bench = open_bench(state);
    struct outcome put = {0};
    struct outcome load = {0};

    start_put(&bench, &put, NULL, &v1, (struct slice){(const uint8_t *)"x", 1});
    start_load(&bench, &load, "web");
    assert_int_equal(put.calls, 0);
    assert_int_equal(load.calls, 0);
    settle(&bench);
    settle(&bench);
    assert_int_equal(put.calls, 1);
    assert_int_equal(load.calls, 1);
    close_bench(&bench);
}

static void every_answer_carries_the_stores_time(void **state)
{
    struct bench bench = open_bench(state);
    int64_t slack = bench.contract->store_time_slack_ms;
    const struct store_version *expected[] = {NULL, NULL}; /* the second one conflicts */

    bench.contract->pass(bench.env, 1234);
    for (size_t i = 0; i < 3; i++) {
        struct outcome outcome = {0};
        int64_t before = bench.contract->store_time(bench.env);
        if (i < 2) {
            start_put(&bench, &outcome, expected[i], &v1, (struct slice){(const uint8_t *)"x", 1});
        } else {
            start_load(&bench, &outcome, "web");
        }
        settle(&bench);
        int64_t after = bench.contract->store_time(bench.env);
        assert_int_equal(outcome.result.code, i == 1 ? ERR_CONFLICT : ERR_OK);
        assert_true(outcome.result.store_time_ms >= before - slack);
        assert_true(outcome.result.store_time_ms <= after + slack);
    }
    close_bench(&bench);
}

static void a_record_has_a_greatest_size(void **state)
{
    static const struct {
        size_t len;
        enum err want;
    } rows[] = {{STORE_RECORD_MAX - 1, ERR_OK},
                {STORE_RECORD_MAX, ERR_OK},
                {STORE_RECORD_MAX + 1, ERR_LIMIT}};
    uint8_t *bytes = calloc(1, STORE_RECORD_MAX + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = open_bench(state);
        struct outcome outcome = {0};
        start_put(&bench, &outcome, NULL, &v1, (struct slice){bytes, rows[i].len});
        assert_int_equal(outcome.calls, 0);
        settle(&bench);
        assert_int_equal(outcome.calls, 1);
        assert_int_equal(outcome.result.code, rows[i].want);
        close_bench(&bench);
    }
    free(bytes);
}

static void realms_are_apart(void **state)
{
    struct bench bench = open_bench(state);

    assert_int_equal(put_now(&bench, NULL, &v1, "one"), ERR_OK);
    assert_absent(&bench, "mail");
    assert_absent(&bench, "we");
    close_bench(&bench);
}

static void a_put_copies_what_it_is_given(void **state)
{
    struct bench bench = open_bench(state);
    struct outcome outcome = {0};
    char text[] = "before";

    start_put(&bench, &outcome, NULL, &v1, (struct slice){(const uint8_t *)text, strlen(text)});
    memset(text, 'x', strlen(text));
    settle(&bench);
    assert_holds(&bench, &v1, "before");
    close_bench(&bench);
}

static void an_expired_record_is_absent(void **state)
{
    struct bench bench = open_bench(state);

    assert_int_equal(put_now(&bench, NULL, &v1, "one"), ERR_OK);
    bench.contract->pass(bench.env, 600000 + 1);
    assert_absent(&bench, "web");
    assert_int_equal(put_now(&bench, &v1, &v2, "two"), ERR_CONFLICT);
    assert_int_equal(put_now(&bench, NULL, &v2, "two"), ERR_OK);
    close_bench(&bench);
}

static void a_put_that_comes_late_does_not_happen(void **state)
{
    /* Against the store's clock at the moment of the put; a real store's is only known so well. */
    static const struct {
        int64_t not_after;
        enum err want;
    } rows[] = {{-1, ERR_TIMEOUT}, {0, ERR_OK}, {1, ERR_OK}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench = open_bench(state);
        struct outcome outcome = {0};
        int64_t slack = rows[i].not_after < 0 ? -bench.contract->store_time_slack_ms
                                              : bench.contract->store_time_slack_ms;
        struct store_put_request request = {
            .realm = "web",
            .next = v1,
            .record = {(const uint8_t *)"x", 1},
            .not_after_ms = bench.contract->store_time(bench.env) + rows[i].not_after + slack,
            .expires_at_ms = INT64_MAX,
        };
        outcome.op.done = on_done;
        outcome.op.ctx = &outcome;
        store_put(bench.store, &outcome.op, &request);
        settle(&bench);
        assert_int_equal(outcome.result.code, rows[i].want);
        if (rows[i].want == ERR_OK) {
            assert_holds(&bench, &v1, "x");
        } else {
            assert_absent(&bench, "web");
        }
        close_bench(&bench);
    }
}

struct hints {
    unsigned int calls;
    char realm[REALM_NAME_MAX + 1];
};

static void on_changed(void *ctx, const char *realm)
{
    struct hints *hints = ctx;

    hints->calls++;
    assert_int_equal(text_copy(hints->realm, sizeof(hints->realm), realm), ERR_OK);
}

static void a_change_is_hinted_from_the_loop(void **state)
{
    struct bench bench = open_bench(state);
    struct hints hints = {0};
    struct outcome outcome = {0};

    assert_int_equal(store_watch(bench.store, "web", on_changed, &hints), ERR_OK);
    settle(&bench);
    hints.calls = 0; /* a store that has just begun to listen may hint at everything */
    start_put(&bench, &outcome, NULL, &v1, (struct slice){(const uint8_t *)"x", 1});
    assert_int_equal(hints.calls, 0);
    settle(&bench);
    assert_true(hints.calls >= 1);
    assert_string_equal(hints.realm, "web");
    close_bench(&bench);
}

static void nobody_is_hinted_who_stopped_watching(void **state)
{
    struct bench bench = open_bench(state);
    struct hints hints = {0};

    assert_int_equal(store_watch(bench.store, "web", on_changed, &hints), ERR_OK);
    assert_int_equal(store_watch(bench.store, "web", NULL, NULL), ERR_OK);
    assert_int_equal(store_watch(bench.store, "never-watched", NULL, NULL), ERR_OK);
    assert_int_equal(put_now(&bench, NULL, &v1, "one"), ERR_OK);
    assert_int_equal(hints.calls, 0);
    close_bench(&bench);
}

static void a_watcher_of_one_realm_hears_nothing_of_another(void **state)
{
    struct bench bench = open_bench(state);
    struct hints hints = {0};

    assert_int_equal(store_watch(bench.store, "mail", on_changed, &hints), ERR_OK);
    settle(&bench);
    hints.calls = 0;
    assert_int_equal(put_now(&bench, NULL, &v1, "one"), ERR_OK);
    assert_int_equal(hints.calls, 0);
    close_bench(&bench);
}

static void a_cancelled_operation_says_nothing_and_may_be_used_again(void **state)
{
    struct bench bench = open_bench(state);
    struct outcome first = {0};
    struct outcome middle = {0};
    struct outcome last = {0};

    start_load(&bench, &first, "web");
    start_put(&bench, &middle, NULL, &v1, (struct slice){(const uint8_t *)"x", 1});
    start_load(&bench, &last, "web");
    store_cancel(bench.store, &middle.op);
    store_cancel(bench.store, &last.op);
    store_cancel(bench.store, &last.op); /* nothing to cancel any more */
    start_load(&bench, &last, "web");
    settle(&bench);
    assert_int_equal(first.calls, 1);
    assert_int_equal(middle.calls, 0);
    assert_int_equal(last.calls, 1);
    close_bench(&bench);
}

static void an_operation_may_be_started_anew_in_its_callback(void **state)
{
    struct bench bench = open_bench(state);
    struct outcome outcome = {.load_again = bench.store};

    start_load(&bench, &outcome, "web");
    settle(&bench);
    assert_int_equal(outcome.calls, 2);
    close_bench(&bench);
}

static void nothing_is_heard_after_close(void **state)
{
    struct bench bench = open_bench(state);
    struct outcome load = {0};
    struct outcome put = {0};
    struct hints hints = {0};

    assert_int_equal(store_watch(bench.store, "web", on_changed, &hints), ERR_OK);
    start_put(&bench, &put, NULL, &v1, (struct slice){(const uint8_t *)"x", 1});
    start_load(&bench, &load, "web");
    store_close(bench.store);
    bench.store = NULL;
    settle(&bench);
    assert_int_equal(put.calls + load.calls + hints.calls, 0);
    assert_int_equal(put.op.kind, STORE_OP_IDLE);
    assert_int_equal(load.op.kind, STORE_OP_IDLE);
    close_bench(&bench);
}

static void a_callback_may_close_the_store(void **state)
{
    struct bench bench = open_bench(state);
    struct outcome first = {.close_me = bench.store};
    struct outcome second = {0};

    start_load(&bench, &first, "web");
    start_load(&bench, &second, "web");
    settle(&bench);
    bench.store = NULL;
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    close_bench(&bench);
}

int store_contract_run(const struct store_contract *contract)
{
    union {
        const struct store_contract *in;
        void *out; /* cmocka's state is not const; nothing here writes to it */
    } state = {contract};
    const struct CMUnitTest tests[] = {
#define PROMISE(test) cmocka_unit_test_prestate(test, state.out)
        PROMISE(an_empty_store_loads_as_absent),
        PROMISE(what_was_put_is_loaded),
        PROMISE(a_put_replaces_only_the_version_it_expects),
        PROMISE(of_two_puts_on_one_version_one_wins),
        PROMISE(nothing_completes_inside_the_call_and_everything_once),
        PROMISE(every_answer_carries_the_stores_time),
        PROMISE(a_record_has_a_greatest_size),
        PROMISE(realms_are_apart),
        PROMISE(a_put_copies_what_it_is_given),
        PROMISE(an_expired_record_is_absent),
        PROMISE(a_put_that_comes_late_does_not_happen),
        PROMISE(a_change_is_hinted_from_the_loop),
        PROMISE(nobody_is_hinted_who_stopped_watching),
        PROMISE(a_watcher_of_one_realm_hears_nothing_of_another),
        PROMISE(a_cancelled_operation_says_nothing_and_may_be_used_again),
        PROMISE(an_operation_may_be_started_anew_in_its_callback),
        PROMISE(nothing_is_heard_after_close),
        PROMISE(a_callback_may_close_the_store),
#undef PROMISE
    };

    return cmocka_run_group_tests_name(contract->name, tests, NULL, NULL);
}
