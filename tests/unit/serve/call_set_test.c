/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/call_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/router.h"
#include "serve/rpc_keys.h"
#include "wire/codec.h"
#include "wire/methods.h"
#include "world.h"

static void send_check(struct client *client, struct seen *seen)
{
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_health_check("", &bytes);

    client_send(client, seen, rc, &bytes);
}

static void an_unknown_method_is_named_in_the_answer(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    assert_false(call_set_has_begun(client.calls));
    struct seen *seen = client_open(&client, "/stek.v1.AdminService/WatchEvents", 0);
    seen_must_end(seen, GRPC_UNIMPLEMENTED,
                  "\"/stek.v1.AdminService/WatchEvents\" in this version");
    assert_true(call_set_has_begun(client.calls));
    assert_int_equal(call_set_count(client.calls), 0);
    assert_int_equal(world->stats.calls, 1);
    assert_int_equal(world->stats.calls_unknown, 1);
    assert_int_equal(world->stats.calls_ended[router_method_count()][GRPC_UNIMPLEMENTED], 1);
    client_fini(&client);
    world_free(world);
}

static void deadlines_end_calls_to_the_millisecond(void **unused)
{
    /* 0: none is sent, and our own for unary calls holds; so it does against a longer one. */
    static const struct {
        const char *path;
        int64_t timeout_ms;
        int64_t want_ms;
    } rows[] = {
        {METHOD_HEALTH_CHECK, 3000, 3000},
        {METHOD_HEALTH_CHECK, 1, 1},
        {METHOD_HEALTH_CHECK, 0, CALL_UNARY_MAX_MS},
        {METHOD_HEALTH_CHECK, 90000, CALL_UNARY_MAX_MS},
        {METHOD_HEALTH_WATCH, 90000, 90000},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world *world = world_new();
        struct client client = {0};
        client_init(&client, world, UID_NOBODY);
        struct seen *seen = client_open(&client, rows[i].path, rows[i].timeout_ms);
        client_run(&client, rows[i].want_ms - 1);
        assert_false(seen->is_closed);
        client_run(&client, 1);
        seen_must_end(seen, GRPC_DEADLINE_EXCEEDED, "deadline");
        client_fini(&client);
        world_free(world);
    }
}

static void the_earliest_of_many_deadlines_comes_first(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *late = client_open(&client, METHOD_HEALTH_CHECK, 5000);
    struct seen *early = client_open(&client, METHOD_HEALTH_CHECK, 1000);
    struct seen *never = client_open(&client, METHOD_HEALTH_WATCH, 0);
    client_run(&client, 1000);
    assert_true(early->is_closed);
    assert_false(late->is_closed);
    client_run(&client, 4000);
    assert_true(late->is_closed);
    client_run(&client, 600000);
    assert_false(never->is_closed);
    client_fini(&client);
    world_free(world);
}

/* One timer serves all: after it has fired for one call it stands for the others' limits again. */
static void a_limit_holds_after_an_earlier_deadline_of_another_call(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *watch = client_open(&client, METHOD_WATCH_KEYRING, 0);
    struct seen *check = client_open(&client, METHOD_HEALTH_CHECK, 1000);
    client_run(&client, 1000);
    assert_true(check->is_closed);
    client_run(&client, RPC_KEYS_OPEN_MS - 1001);
    assert_false(watch->is_closed);
    client_run(&client, 1);
    seen_must_end(watch, GRPC_DEADLINE_EXCEEDED, "no open message");
    client_fini(&client);
    world_free(world);
}

static void a_unary_call_takes_exactly_one_message(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    struct wire_rotate request = {.realm = "web"};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_TOP);
    client_run(&client, WORLD_SETTLED_MS);
    const struct key *key =
        keyring_pick(replica_ring(world->replicas[0]), replica_now(world->replicas[0]));
    memcpy(request.retire, key->name, KEY_NAME_LEN);
    struct seen *seen = client_open(&client, METHOD_ROTATE, 0);
    for (int i = 0; i < 2; i++) { /* the first waits for the store */
        struct secret_buf bytes = {0};
        assert_false(seen->is_closed);
        enum err rc = wire_encode_rotate(&request, &bytes);
        client_send(&client, seen, rc, &bytes);
    }
    seen_must_end(seen, GRPC_INVALID_ARGUMENT, "exactly one message");
    client_fini(&client);
    world_free(world);
}

static void a_call_the_client_resets_is_gone(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = client_open(&client, METHOD_HEALTH_WATCH, 0);
    send_check(&client, seen);
    assert_int_equal(call_set_count(client.calls), 1);
    fake_time_run(world->time, 70);
    assert_int_equal(h2_session_cancel(client.session, seen->stream), ERR_OK);
    client_pump(&client);
    assert_int_equal(call_set_count(client.calls), 0);
    assert_int_equal(call_set_idle_since(client.calls), fake_time_boot(world->time));
    client_fini(&client);
    world_free(world);
}

/* The answer waits, nobody takes it: after a while the call is reset. */
static void a_finished_call_nobody_reads_does_not_stay(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = client_open(&client, METHOD_HEALTH_CHECK, 1000);
    fake_time_run(world->time, 1000); /* finished by its deadline; nothing is drained */
    size_t before = client.outputs;
    assert_true(before > 0);
    fake_time_run(world->time, CALL_LINGER_MS - 1);
    assert_int_equal(client.outputs, before);
    assert_int_equal(call_set_count(client.calls), 1);
    fake_time_run(world->time, 1);
    assert_true(client.outputs > before);
    client_pump(&client);
    assert_true(seen->is_closed);
    assert_int_equal(call_set_count(client.calls), 0);
    client_fini(&client);
    world_free(world);
}

static void after_shutdown_calls_finish_and_none_begins(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    int32_t stream = 0;

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = client_open(&client, METHOD_HEALTH_CHECK, 0);
    call_set_shutdown(client.calls, "the daemon is stopping");
    client_pump(&client);
    assert_false(seen->is_closed);
    assert_int_equal(h2_session_call(client.session, METHOD_HEALTH_CHECK, "localhost", 0, &stream),
                     ERR_UNAVAILABLE);
    send_check(&client, seen);
    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(call_set_count(client.calls), 0);
    client_fini(&client);
    world_free(world);
}

/* The longest honest request has less than 1 KiB. */
static void a_request_is_taken_at_four_kibibytes_and_refused_above(void **unused)
{
    static const uint8_t zeros[4097];

    (void)unused;
    for (size_t len = 4096; len <= 4097; len++) {
        struct world *world = world_new();
        struct client client = {0};
        struct secret_buf bytes = {0};
        client_init(&client, world, UID_NOBODY);
        struct seen *seen = client_open(&client, METHOD_HEALTH_CHECK, 0);
        enum err rc = secret_buf_append(&bytes, zeros, len);
        client_send(&client, seen, rc, &bytes);
        seen_must_end(seen, len == 4096 ? GRPC_INVALID_ARGUMENT : GRPC_RESOURCE_EXHAUSTED, "");
        client_fini(&client);
        world_free(world);
    }
}

static void denials_are_logged_once_a_second_at_most(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_NOBODY);
    for (int i = 0; i < 4; i++) {
        struct secret_buf bytes = {0};
        if (i == 3) {
            fake_time_run(world->time, 1000);
        }
        (void)client_ask(&client, METHOD_GET_STATUS, ERR_OK, &bytes);
    }
    assert_true(world_has_logged(world, "event=call-denied", "unlogged=0"));
    assert_false(world_has_logged(world, "event=call-denied", "unlogged=1"));
    assert_true(world_has_logged(world, "event=call-denied", "unlogged=2"));
    assert_int_equal(world->stats.calls_denied, 4);
    size_t status = router_index_of(router_find(METHOD_GET_STATUS));
    assert_int_equal(world->stats.calls_ended[status][GRPC_PERMISSION_DENIED], 4);
    client_fini(&client);
    world_free(world);
}

/* Whoever may connect may do so again and again. */
static void denials_are_counted_over_all_connections_but_strangers_hide_nobody_else(void **unused)
{
    static const uint32_t uids[] = {UID_NOBODY, UID_NOBODY, 98, UID_WEB_READER};
    struct world *world = world_new();

    (void)unused;
    world_start(world);
    for (size_t i = 0; i < 4; i++) {
        struct client client = {0};
        struct secret_buf bytes = {0};
        client_init(&client, world, uids[i]);
        (void)client_ask(&client, METHOD_GET_STATUS, ERR_OK, &bytes);
        client_fini(&client);
    }
    assert_int_equal(world_count_logged(world, "event=call-denied", ""), 2);
    assert_int_equal(world_count_logged(world, "event=call-denied", "uid:99"), 1);
    assert_int_equal(world_count_logged(world, "event=call-denied", "uid:33"), 1);
    world_free(world);
}

static void a_call_whose_connection_goes_is_counted_as_cancelled(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    size_t watch = router_index_of(router_find(METHOD_WATCH_KEYRING));

    (void)unused;
    assert_in_range(watch, 0, router_method_count() - 1);
    assert_int_equal(router_index_of(NULL), router_method_count());
    client_init(&client, world, UID_NOBODY);
    (void)client_open(&client, METHOD_WATCH_KEYRING, 0);
    assert_int_equal(world->stats.calls_ended[watch][GRPC_CANCELLED], 0);
    client_fini(&client);
    assert_int_equal(world->stats.calls_ended[watch][GRPC_CANCELLED], 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_method_is_named_in_the_answer),
        cmocka_unit_test(a_call_whose_connection_goes_is_counted_as_cancelled),
        cmocka_unit_test(deadlines_end_calls_to_the_millisecond),
        cmocka_unit_test(the_earliest_of_many_deadlines_comes_first),
        cmocka_unit_test(a_limit_holds_after_an_earlier_deadline_of_another_call),
        cmocka_unit_test(a_unary_call_takes_exactly_one_message),
        cmocka_unit_test(a_call_the_client_resets_is_gone),
        cmocka_unit_test(a_finished_call_nobody_reads_does_not_stay),
        cmocka_unit_test(after_shutdown_calls_finish_and_none_begins),
        cmocka_unit_test(a_request_is_taken_at_four_kibibytes_and_refused_above),
        cmocka_unit_test(denials_are_logged_once_a_second_at_most),
        cmocka_unit_test(denials_are_counted_over_all_connections_but_strangers_hide_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
