/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_reflection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/router.h"
#include "wire/methods.h"
#include "wire/reflection.h"
#include "world.h"

static const char *const paths[] = {METHOD_REFLECTION_V1, METHOD_REFLECTION_V1ALPHA};

static void ask(struct client *client, struct seen *seen, enum reflection_kind kind,
                const char *text)
{
    struct reflection_request request = {.kind = kind};
    struct secret_buf bytes = {0};

    memcpy(request.text, text, strlen(text) + 1);
    enum err rc = reflection_encode_request(&request, &bytes);
    client_send(client, seen, rc, &bytes);
}

static bool last_has(const struct seen *seen, const char *text)
{
    const struct slice last = seen_last(seen);

    return memmem(last.at, last.len, text, strlen(text)) != NULL;
}

static void anybody_at_the_unix_socket_is_told_what_there_is(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    for (size_t i = 0; i < 2; i++) {
        struct seen *seen = client_open(&client, paths[i], 0);
        ask(&client, seen, REFLECTION_SERVICES, "*");
        assert_int_equal(seen->messages, 1);
        assert_true(last_has(seen, "stek.v1.KeyService"));
        assert_true(last_has(seen, "stek.v1.AdminService"));
        assert_true(last_has(seen, "grpc.health.v1.Health"));
        assert_true(last_has(seen, "grpc.reflection.v1.ServerReflection"));
        assert_true(last_has(seen, "grpc.reflection.v1alpha.ServerReflection"));
        ask(&client, seen, REFLECTION_SYMBOL, "stek.v1.AdminService");
        assert_int_equal(seen->messages, 2);
        assert_true(last_has(seen, "GetStatusResponse"));
        assert_true(last_has(seen, "forgotten_from_ms")); /* of keys.proto, which it imports */
        ask(&client, seen, REFLECTION_FILE, "grpc/health/v1/health.proto");
        assert_int_equal(seen->messages, 3);
        assert_true(last_has(seen, "NOT_SERVING"));
        assert_false(seen->is_closed);
        client_half_close(&client, seen);
        seen_must_end(seen, GRPC_OK, "");
    }
    client_fini(&client);
    world_free(world);
}

static void what_has_no_answer_is_answered_and_the_stream_goes_on(void **unused)
{
    static const struct {
        enum reflection_kind kind;
        const char *text;
        const char *why;
    } rows[] = {
        {REFLECTION_FILE, "stek/v1/record.proto", "there is no such file"},
        {REFLECTION_SYMBOL, "stek.v1.Record", "there is no such symbol"},
        {REFLECTION_SYMBOL, "", "there is no such symbol"},
        {REFLECTION_EXTENSION, "stek.v1.Key", "there are no extensions"},
        {REFLECTION_EXTENSION_NUMBERS, "stek.v1.Key", "there are no extensions"},
        {REFLECTION_NOTHING, "", "asks nothing"},
    };
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = client_open(&client, METHOD_REFLECTION_V1, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ask(&client, seen, rows[i].kind, rows[i].text);
        assert_int_equal(seen->messages, i + 1);
        assert_true(last_has(seen, rows[i].why));
    }
    assert_false(seen->is_closed);
    struct secret_buf bytes = {0};
    assert_int_equal(secret_buf_append(&bytes, "\x22\x05", 2), ERR_OK);
    client_send(&client, seen, ERR_OK, &bytes);
    seen_must_end(seen, GRPC_INVALID_ARGUMENT, "malformed protobuf");
    client_fini(&client);
    world_free(world);
}

static void every_method_that_is_served_is_described_and_the_other_way_round(void **unused)
{
    size_t methods = 0;

    (void)unused;
    for (size_t i = 0; i < router_method_count(); i++) {
        char symbol[128];
        (void)snprintf(symbol, sizeof(symbol), "%s", router_method_at(i)->path + 1);
        *strchr(symbol, '/') = '.';
        assert_true(descriptors_find_symbol(symbol) < descriptors_count());
    }
    /* In a descriptor an RPC's input and output are given as ".package.Type", fields 2 and 3 of
     * a method: count the outputs' tags that follow an input. */
    for (size_t i = 0; i < descriptors_count(); i++) {
        const struct slice file = descriptors_file(i);
        for (size_t at = 0; at + 3 < file.len; at++) {
            const size_t len = file.at[at + 1];
            if (file.at[at] == 0x12 && file.at[at + 2] == '.' && at + 2 + len + 3 < file.len &&
                file.at[at + 2 + len] == 0x1a && file.at[at + 2 + len + 2] == '.') {
                methods++;
            }
        }
    }
    assert_int_equal(methods, router_method_count());
}

static void over_tcp_there_is_no_such_method(void **unused)
{
    struct peer_certificate certificate = {.address = "192.0.2.1:1234"};
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    client.peer.certificate = &certificate;
    for (size_t i = 0; i < 2; i++) {
        struct seen *seen = client_open(&client, paths[i], 0);
        seen_must_end(seen, GRPC_UNIMPLEMENTED, "there is no method \"/grpc.reflection.v1");
    }
    assert_int_equal(world->stats.calls_unknown, 2);
    client.peer.certificate = NULL;
    client_fini(&client);
    world_free(world);
}

static void a_stream_has_its_limits(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = client_open(&client, METHOD_REFLECTION_V1, 0);
    for (size_t i = 0; i < RPC_REFLECTION_REQUESTS_MAX; i++) {
        ask(&client, seen, REFLECTION_SERVICES, "");
    }
    assert_int_equal(seen->messages, RPC_REFLECTION_REQUESTS_MAX);
    assert_false(seen->is_closed);
    ask(&client, seen, REFLECTION_SERVICES, "");
    seen_must_end(seen, GRPC_RESOURCE_EXHAUSTED, "too many requests");

    struct seen *idle = client_open(&client, METHOD_REFLECTION_V1, 0);
    client_run(&client, RPC_REFLECTION_IDLE_MAX_MS - 1);
    assert_false(idle->is_closed);
    ask(&client, idle, REFLECTION_SERVICES, "");
    client_run(&client, RPC_REFLECTION_IDLE_MAX_MS - 1);
    assert_false(idle->is_closed);
    client_run(&client, 1);
    seen_must_end(idle, GRPC_DEADLINE_EXCEEDED, "nothing was asked");
    client_fini(&client);
    world_free(world);
}

/* Requests that come all at once, before anything of the answers was taken. */
static void answers_do_not_pile_up(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = client_open(&client, METHOD_REFLECTION_V1, 0);
    const struct reflection_request request = {.kind = REFLECTION_SYMBOL,
                                               .text = "stek.v1.AdminService"};
    for (size_t i = 0; i < 64; i++) {
        struct secret_buf bytes = {0};
        assert_int_equal(reflection_encode_request(&request, &bytes), ERR_OK);
        assert_int_equal(
            h2_session_send(client.session, seen->stream, (struct slice){bytes.at, bytes.len}),
            ERR_OK);
        secret_buf_fini(&bytes);
    }
    client_pump(&client);
    seen_must_end(seen, GRPC_RESOURCE_EXHAUSTED, "unread");
    assert_in_range(seen->messages, 2, 20);
    print_message("answers before the limit: %zu\n", seen->messages);
    client_fini(&client);
    world_free(world);
}

static void a_stream_ends_when_the_daemon_stops(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = client_open(&client, METHOD_REFLECTION_V1ALPHA, 0);
    call_set_shutdown(client.calls, "the daemon is stopping");
    client_pump(&client);
    seen_must_end(seen, GRPC_UNAVAILABLE, "the daemon is stopping");
    client_fini(&client);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anybody_at_the_unix_socket_is_told_what_there_is),
        cmocka_unit_test(what_has_no_answer_is_answered_and_the_stream_goes_on),
        cmocka_unit_test(every_method_that_is_served_is_described_and_the_other_way_round),
        cmocka_unit_test(over_tcp_there_is_no_such_method),
        cmocka_unit_test(a_stream_has_its_limits),
        cmocka_unit_test(answers_do_not_pile_up),
        cmocka_unit_test(a_stream_ends_when_the_daemon_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
