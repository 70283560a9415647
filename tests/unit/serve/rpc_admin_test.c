/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/codec.h"
#include "wire/methods.h"
#include "world.h"

static struct seen *ask_empty(struct client *client, const char *path)
{
    struct secret_buf bytes = {0};

    return client_ask(client, path, ERR_OK, &bytes);
}

static struct seen *ask_keys(struct client *client, const char *realm)
{
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_list_keys(realm, &bytes);

    return client_ask(client, METHOD_LIST_KEYS, rc, &bytes);
}

static struct seen *start_rotate(struct client *client, const char *realm, const uint8_t *retire)
{
    struct wire_rotate request = {.reason = "laptop lost"};
    struct secret_buf bytes = {0};

    assert_int_equal(text_copy(request.realm, sizeof(request.realm), realm), ERR_OK);
    memcpy(request.retire, retire, KEY_NAME_LEN);
    enum err rc = wire_encode_rotate(&request, &bytes);
    return client_ask(client, METHOD_ROTATE, rc, &bytes);
}

static struct wire_status decode_status(const struct seen *seen)
{
    struct wire_status status = {0};
    struct errbuf why = {""};

    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(wire_decode_status(seen_last(seen), &status, &why), ERR_OK);
    return status;
}

static struct wire_rotated decode_rotated(const struct seen *seen)
{
    struct wire_rotated rotated = {0};
    struct errbuf why = {""};

    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(wire_decode_rotated(seen_last(seen), &rotated, &why), ERR_OK);
    return rotated;
}

static void encrypting_name(struct world *world, uint8_t out[KEY_NAME_LEN])
{
    const struct key *key =
        keyring_pick(replica_ring(world->replicas[0]), replica_now(world->replicas[0]));

    assert_non_null(key);
    memcpy(out, key->name, KEY_NAME_LEN);
}

static void status_tells_how_long_the_first_key_takes(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_TOP);
    struct wire_status status = decode_status(ask_empty(&client, METHOD_GET_STATUS));
    assert_string_equal(status.version, "1.2.3");
    assert_string_equal(status.deployment, "test");
    assert_string_equal(status.store.type, "memory");
    assert_true(status.store.reachable);
    assert_int_equal(status.realm_count, 2);
    assert_string_equal(status.realms[0].realm, "web");
    assert_true(status.realms[0].ready);
    assert_false(status.realms[0].has_active);
    assert_int_equal(status.problem_count, 2);
    assert_non_null(strstr(status.problems[0], "realm web: "));
    assert_non_null(strstr(status.problems[0], "first key active in 2 s"));
    wire_status_fini(&status);

    client_run(&client, WORLD_SETTLED_MS);
    status = decode_status(ask_empty(&client, METHOD_GET_STATUS));
    assert_int_equal(status.problem_count, 0);
    assert_true(status.realms[0].has_active);
    assert_true(status.realms[0].next_active_ms > fake_time_wall(world->time));
    assert_true(status.realms[0].keys >= 2);
    assert_int_equal(status.realms[0].tombstones, 0);
    assert_memory_equal(status.realms[1].digest, replica_digest(world->replicas[1]), DIGEST_LEN);
    wire_status_fini(&status);
    client_fini(&client);
    world_free(world);
}

static void a_daemon_that_is_not_ready_says_so(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_TOP);
    struct wire_status status = decode_status(ask_empty(&client, METHOD_GET_STATUS));
    assert_int_equal(status.problem_count, 2);
    assert_false(status.realms[0].ready);
    assert_true(status.realms[0].problem[0] != '\0');
    wire_status_fini(&status);
    seen_must_end(ask_keys(&client, "web"), GRPC_UNAVAILABLE, "not ready yet");
    client_fini(&client);
    world_free(world);
}

static void an_operator_of_one_realm_sees_that_one_only(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    struct errbuf why = {""};
    struct wire_status realms = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_OPERATOR);
    struct wire_status status = decode_status(ask_empty(&client, METHOD_GET_STATUS));
    assert_int_equal(status.realm_count, 1);
    assert_string_equal(status.realms[0].realm, "web");
    assert_int_equal(status.problem_count, 1);
    wire_status_fini(&status);
    struct seen *seen = ask_empty(&client, METHOD_LIST_REALMS);
    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(wire_decode_realms(seen_last(seen), &realms, &why), ERR_OK);
    assert_int_equal(realms.realm_count, 1);
    assert_string_equal(realms.realms[0].realm, "web");
    wire_status_fini(&realms);
    seen_must_end(ask_keys(&client, "web"), GRPC_OK, "");
    seen_must_end(ask_keys(&client, "mail"), GRPC_PERMISSION_DENIED, "realms: mail: operators:");
    seen_must_end(ask_keys(&client, "none"), GRPC_PERMISSION_DENIED, "realms: none: operators:");
    client_fini(&client);
    world_free(world);
}

static void readers_and_strangers_see_nothing(void **unused)
{
    static const uint32_t uids[] = {UID_WEB_READER, UID_NOBODY};
    static const uint8_t name[KEY_NAME_LEN] = {1};
    struct world *world = world_new();

    (void)unused;
    world_start(world);
    for (size_t i = 0; i < 2; i++) {
        struct client client = {0};
        client_init(&client, world, uids[i]);
        seen_must_end(ask_empty(&client, METHOD_GET_STATUS), GRPC_PERMISSION_DENIED, "operators:");
        seen_must_end(ask_empty(&client, METHOD_LIST_REALMS), GRPC_PERMISSION_DENIED, "operators:");
        seen_must_end(ask_keys(&client, "web"), GRPC_PERMISSION_DENIED, "operators:");
        seen_must_end(start_rotate(&client, "web", name), GRPC_PERMISSION_DENIED, "operators:");
        client_fini(&client);
    }
    assert_true(world_has_logged(world, "event=audit", "uid:33"));
    assert_true(world_has_logged(world, "event=audit", "not allowed"));
    world_free(world);
}

static void denied_rotates_are_audited_once_a_second_at_most(void **unused)
{
    static const uint8_t name[KEY_NAME_LEN] = {1};
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_NOBODY);
    for (int i = 0; i < 4; i++) {
        if (i == 3) {
            fake_time_run(world->time, 1000);
        }
        seen_must_end(start_rotate(&client, "web", name), GRPC_PERMISSION_DENIED, "operators:");
    }
    assert_int_equal(world_count_logged(world, "event=audit", "uid:99"), 2);
    assert_int_equal(world_count_logged(world, "event=audit", "2 before it are not written"), 1);
    client_fini(&client);
    world_free(world);
}

static bool contains(struct slice bytes, const uint8_t *part, size_t len)
{
    return memmem(bytes.at, bytes.len, part, len) != NULL;
}

/* Looks for any 8 bytes in a row of any key of the ring. */
static void must_have_no_key_byte(const struct keyring *ring, const struct seen *seen)
{
    seen_must_end(seen, GRPC_OK, "");
    for (size_t i = 0; i < ring->count; i++) {
        assert_true(ring->keys[i].has_bytes);
        for (size_t at = 0; at + 8 <= KEY_LEN; at++) {
            assert_false(contains(seen_last(seen), ring->keys[i].bytes + at, 8));
        }
    }
}

static void no_answer_has_a_key_byte(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    struct client reader = {0};
    struct wire_get_keyring get = {.realm = "web"};
    struct secret_buf bytes = {0};
    uint8_t name[KEY_NAME_LEN];

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_TOP);
    client_run(&client, WORLD_SETTLED_MS);
    const struct keyring *ring = replica_ring(world->replicas[0]);
    must_have_no_key_byte(ring, ask_empty(&client, METHOD_GET_STATUS));
    must_have_no_key_byte(ring, ask_empty(&client, METHOD_LIST_REALMS));
    must_have_no_key_byte(ring, ask_keys(&client, "web"));
    encrypting_name(world, name);
    struct seen *seen = start_rotate(&client, "web", name);
    client_run(&client, 0);
    must_have_no_key_byte(replica_ring(world->replicas[0]), seen);
    /* The scan does find them where they are. */
    client_init(&reader, world, UID_WEB_READER);
    enum err rc = wire_encode_get_keyring(&get, &bytes);
    seen = client_ask(&reader, METHOD_GET_KEYRING, rc, &bytes);
    assert_true(contains(seen_last(seen), replica_ring(world->replicas[0])->keys[0].bytes, 8));
    client_fini(&reader);
    client_fini(&client);
    world_free(world);
}

static void keys_are_listed_in_the_order_of_their_use(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    struct wire_key_list list = {0};
    struct errbuf why = {""};
    uint8_t name[KEY_NAME_LEN];
    size_t encrypting = 0;

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_OPERATOR);
    client_run(&client, WORLD_SETTLED_MS);
    struct seen *seen = ask_keys(&client, "web");
    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(wire_decode_key_list(seen_last(seen), &list, &why), ERR_OK);
    assert_string_equal(list.realm, "web");
    assert_int_equal(list.count, replica_ring(world->replicas[0])->count);
    assert_memory_equal(list.digest, replica_digest(world->replicas[0]), DIGEST_LEN);
    encrypting_name(world, name);
    for (size_t i = 0; i < list.count; i++) {
        assert_true(i == 0 || list.keys[i].active_from > list.keys[i - 1].active_from);
        if (list.keys[i].encrypting) {
            encrypting++;
            assert_memory_equal(list.keys[i].name, name, KEY_NAME_LEN);
            assert_string_equal(list.keys[i].state, "active");
        } else {
            assert_string_equal(list.keys[i].state, "next");
        }
    }
    assert_int_equal(encrypting, 1);
    wire_key_list_fini(&list);
    client_fini(&client);
    world_free(world);
}

static void a_rotate_is_done_once_however_often_it_is_asked_for(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    uint8_t retire[KEY_NAME_LEN];
    uint8_t now_encrypting[KEY_NAME_LEN];

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_OPERATOR);
    client_run(&client, WORLD_SETTLED_MS);
    encrypting_name(world, retire);
    struct seen *seen = start_rotate(&client, "web", retire);
    client_run(&client, 0);
    struct wire_rotated first = decode_rotated(seen);
    assert_true(first.changed);
    assert_int_equal(first.at_ms, fake_time_wall(world->time));
    assert_true(first.has_promoted);
    encrypting_name(world, now_encrypting);
    assert_memory_equal(first.promoted, now_encrypting, KEY_NAME_LEN);
    assert_memory_equal(first.digest, replica_digest(world->replicas[0]), DIGEST_LEN);

    client_run(&client, 1000);
    seen = start_rotate(&client, "web", retire);
    client_run(&client, 0);
    struct wire_rotated again = decode_rotated(seen);
    assert_false(again.changed);
    assert_int_equal(again.at_ms, first.at_ms);
    encrypting_name(world, retire);
    assert_memory_equal(retire, now_encrypting, KEY_NAME_LEN);
    assert_true(world_has_logged(world, "event=audit", "laptop lost"));
    assert_true(world_has_logged(world, "event=audit", "uid:50 gid:50 pid:4711"));
    client_fini(&client);
    world_free(world);
}

static void a_rotate_that_cannot_be_done_says_why(void **unused)
{
    static const uint8_t unknown[KEY_NAME_LEN] = {1, 2, 3};
    struct world *world = world_new();
    struct client client = {0};
    struct secret_buf bytes = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_TOP);
    seen_must_end(start_rotate(&client, "none", unknown), GRPC_NOT_FOUND, "no realm \"none\"");
    assert_true(world_has_logged(world, "event=audit", "none"));
    client_run(&client, WORLD_SETTLED_MS);
    struct seen *seen = start_rotate(&client, "web", unknown);
    client_run(&client, 0);
    seen_must_end(seen, GRPC_NOT_FOUND, "");
    seen_must_end(client_ask(&client, METHOD_ROTATE, ERR_OK, &bytes), GRPC_INVALID_ARGUMENT, "");
    client_fini(&client);
    world_free(world);
}

static void a_caller_that_leaves_is_audited_and_its_rotate_let_go(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    uint8_t retire[KEY_NAME_LEN];

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_TOP);
    client_run(&client, WORLD_SETTLED_MS);
    encrypting_name(world, retire);
    struct seen *seen = start_rotate(&client, "web", retire);
    assert_false(seen->is_closed);
    client_fini(&client);
    assert_true(world_has_logged(world, "event=audit", "the caller left"));
    /* The act goes on without anybody to be told: a completion would touch freed memory. */
    fake_time_run(world->time, 0);
    assert_false(world_has_logged(world, "event=audit", "outcome=done"));
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_tells_how_long_the_first_key_takes),
        cmocka_unit_test(a_daemon_that_is_not_ready_says_so),
        cmocka_unit_test(an_operator_of_one_realm_sees_that_one_only),
        cmocka_unit_test(readers_and_strangers_see_nothing),
        cmocka_unit_test(denied_rotates_are_audited_once_a_second_at_most),
        cmocka_unit_test(no_answer_has_a_key_byte),
        cmocka_unit_test(keys_are_listed_in_the_order_of_their_use),
        cmocka_unit_test(a_rotate_is_done_once_however_often_it_is_asked_for),
        cmocka_unit_test(a_rotate_that_cannot_be_done_says_why),
        cmocka_unit_test(a_caller_that_leaves_is_audited_and_its_rotate_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
