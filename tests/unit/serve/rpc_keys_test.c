/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "keyring/check.h"
#include "wire/codec.h"
#include "wire/methods.h"
#include "world.h"

static struct seen *get(struct client *client, const char *realm)
{
    struct wire_get_keyring request = {.frontend = "fe-1"};
    struct secret_buf bytes = {0};

    assert_int_equal(text_copy(request.realm, sizeof(request.realm), realm), ERR_OK);
    enum err rc = wire_encode_get_keyring(&request, &bytes);
    return client_ask(client, METHOD_GET_KEYRING, rc, &bytes);
}

static void send_open(struct client *client, struct seen *seen, const char *realm,
                      const uint8_t *digest)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_OPEN};
    struct wire_watch_open *open = &request.as.open;
    struct secret_buf bytes = {0};

    assert_int_equal(text_copy(open->realm, sizeof(open->realm), realm), ERR_OK);
    assert_int_equal(text_copy(open->frontend, sizeof(open->frontend), "fe-1"), ERR_OK);
    if (digest != NULL) {
        open->has_digest = true;
        memcpy(open->digest, digest, DIGEST_LEN);
    }
    enum err rc = wire_encode_watch_request(&request, &bytes);
    client_send(client, seen, rc, &bytes);
}

static void send_ack(struct client *client, struct seen *seen, const uint8_t *digest)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_ACK};
    struct secret_buf bytes = {0};

    request.as.ack.has_digest = true;
    memcpy(request.as.ack.digest, digest, DIGEST_LEN);
    enum err rc = wire_encode_watch_request(&request, &bytes);
    client_send(client, seen, rc, &bytes);
}

static struct seen *watch(struct client *client, const char *realm, const uint8_t *digest)
{
    struct seen *seen = client_open(client, METHOD_WATCH_KEYRING, 0);

    send_open(client, seen, realm, digest);
    return seen;
}

/* The kind of the last response; its digest. */
static enum wire_watch_response_kind last_response(const struct seen *seen,
                                                   uint8_t digest[DIGEST_LEN])
{
    struct wire_watch_response response = {0};
    struct errbuf why = {""};

    assert_int_equal(wire_decode_watch_response(seen_last(seen), &response, &why), ERR_OK);
    if (response.kind == WIRE_WATCH_HEARTBEAT) {
        memcpy(digest, response.as.heartbeat.digest, DIGEST_LEN);
    } else {
        memcpy(digest, response.as.snapshot.digest, DIGEST_LEN);
        wire_snapshot_fini(&response.as.snapshot);
    }
    return response.kind;
}

/* Retires the encrypting key of "web", as another operator's call would. */
static void on_rotated(void *ctx, enum err code, const char *why,
                       const struct change_result *result)
{
    (void)why;
    (void)result;
    *(enum err *)ctx = code;
}

static void rotate(struct world *world)
{
    const struct keyring *ring = replica_ring(world->replicas[0]);
    const struct key *key = keyring_pick(ring, replica_now(world->replicas[0]));
    uint8_t name[KEY_NAME_LEN];
    enum err code = ERR_CANCELLED;

    assert_non_null(key);
    memcpy(name, key->name, KEY_NAME_LEN);
    rotator_rotate(world->rotators[0], name, on_rotated, &code);
    fake_time_run(world->time, 0);
    assert_int_equal(code, ERR_OK);
}

static void a_reader_gets_the_ring_as_it_is_held(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    struct wire_snapshot snapshot = {0};
    struct errbuf why = {""};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    struct seen *seen = get(&client, "web");
    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(seen->messages, 1);
    assert_int_equal(wire_decode_get_keyring_reply(seen_last(seen), &snapshot, &why), ERR_OK);
    assert_string_equal(snapshot.ring.realm, "web");
    assert_memory_equal(snapshot.digest, replica_digest(world->replicas[0]), DIGEST_LEN);
    assert_int_equal(check_arrival(&snapshot.ring, fake_time_wall(world->time), &why), ERR_OK);
    assert_true(snapshot.ring.keys[0].has_bytes);
    assert_int_equal(snapshot.policy.sync_interval_ms, WORLD_SYNC_MS);
    assert_int_equal(snapshot.moment.server_time_ms, fake_time_wall(world->time));
    assert_false(snapshot.moment.suspect);
    wire_snapshot_fini(&snapshot);
    client_fini(&client);
    world_free(world);
}

static void before_the_first_load_the_answer_is_not_ready(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_WEB_READER);
    seen_must_end(get(&client, "web"), GRPC_UNAVAILABLE, "not ready yet");
    client_fini(&client);
    world_free(world);
}

static void only_readers_of_the_realm_get_keys(void **unused)
{
    static const struct {
        uint32_t uid;
        const char *realm;
        enum grpc_status status;
        const char *part;
    } rows[] = {
        {UID_WEB_READER, "mail", GRPC_PERMISSION_DENIED, "realms: mail: readers:"},
        {UID_WEB_OPERATOR, "web", GRPC_PERMISSION_DENIED, "realms: web: readers:"},
        {UID_TOP, "web", GRPC_PERMISSION_DENIED, "realms: web: readers:"},
        {UID_NOBODY, "web", GRPC_PERMISSION_DENIED, "\"uid:99\""},
        /* Whether a realm exists is no stranger's business. */
        {UID_NOBODY, "none", GRPC_PERMISSION_DENIED, "realms: none: readers:"},
        {UID_WEB_READER, "none", GRPC_PERMISSION_DENIED, "realms: none: readers:"},
        {UID_TOP, "none", GRPC_NOT_FOUND, "there is no realm \"none\""},
    };
    struct world *world = world_new();

    (void)unused;
    world_start(world);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client client = {0};
        client_init(&client, world, rows[i].uid);
        struct seen *seen = get(&client, rows[i].realm);
        seen_must_end(seen, rows[i].status, rows[i].part);
        assert_int_equal(seen->messages, 0);
        seen = watch(&client, rows[i].realm, NULL);
        client_run(&client, 5 * WORLD_SYNC_MS);
        seen_must_end(seen, rows[i].status, rows[i].part);
        assert_int_equal(seen->messages, 0);
        client_fini(&client);
    }
    assert_int_equal(world->stats.calls_denied, 12);
    assert_true(world_has_logged(world, "call-denied", METHOD_GET_KEYRING));
    world_free(world);
}

static void malformed_requests_are_refused(void **unused)
{
    static const char *const paths[] = {METHOD_GET_KEYRING, METHOD_WATCH_KEYRING};
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    for (size_t i = 0; i < 2; i++) {
        struct secret_buf bytes = {0};
        enum err rc = secret_buf_append(&bytes, "\xff\xff\xff", 3);
        seen_must_end(client_ask(&client, paths[i], rc, &bytes), GRPC_INVALID_ARGUMENT, "");
        struct seen *seen = client_open(&client, paths[i], 0);
        client_half_close(&client, seen);
        seen_must_end(seen, GRPC_INVALID_ARGUMENT, "before its first message");
    }
    client_fini(&client);
    world_free(world);
}

static void a_watch_gets_the_ring_at_once_and_again_when_it_changes(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    uint8_t first[DIGEST_LEN];
    uint8_t second[DIGEST_LEN];
    uint32_t watchers = 0;
    uint32_t current = 0;

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    client_run(&client, WORLD_SETTLED_MS);
    struct seen *seen = watch(&client, "web", NULL);
    client_run(&client, 0);
    assert_int_equal(seen->messages, 1);
    assert_int_equal(last_response(seen, first), WIRE_WATCH_SNAPSHOT);
    hub_count(world->hub, "web", &watchers, &current);
    assert_int_equal(watchers, 1);
    assert_int_equal(current, 0);

    send_ack(&client, seen, first);
    hub_count(world->hub, "web", &watchers, &current);
    assert_int_equal(current, 1);

    rotate(world);
    client_run(&client, 0);
    assert_int_equal(seen->messages, 2);
    assert_int_equal(last_response(seen, second), WIRE_WATCH_SNAPSHOT);
    assert_memory_not_equal(first, second, DIGEST_LEN);
    assert_memory_equal(second, replica_digest(world->replicas[0]), DIGEST_LEN);
    hub_count(world->hub, "web", &watchers, &current);
    assert_int_equal(current, 0);
    client_fini(&client);
    hub_count(world->hub, "web", &watchers, &current);
    assert_int_equal(watchers, 0);
    world_free(world);
}

static void a_watch_that_holds_the_ring_gets_heartbeats_only(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    uint8_t digest[DIGEST_LEN];

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    client_run(&client, WORLD_SETTLED_MS);
    struct seen *seen = watch(&client, "web", replica_digest(world->replicas[0]));
    client_run(&client, WORLD_SYNC_MS);
    assert_in_range(seen->messages, 3, 5);
    assert_int_equal(last_response(seen, digest), WIRE_WATCH_HEARTBEAT);
    assert_memory_equal(digest, replica_digest(world->replicas[0]), DIGEST_LEN);
    client_fini(&client);
    world_free(world);
}

static void a_watch_must_say_what_it_wants_within_ten_seconds(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    struct seen *seen = client_open(&client, METHOD_WATCH_KEYRING, 0);
    struct seen *other = client_open(&client, METHOD_WATCH_KEYRING, 0);
    client_run(&client, RPC_KEYS_OPEN_MS - 1);
    assert_false(seen->is_closed);
    send_open(&client, other, "web", NULL);
    client_run(&client, 1);
    seen_must_end(seen, GRPC_DEADLINE_EXCEEDED, "no open message");
    client_run(&client, 2 * RPC_KEYS_OPEN_MS);
    assert_false(other->is_closed);
    client_fini(&client);
    world_free(world);
}

static void a_watch_opens_first_and_once(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    uint8_t digest[DIGEST_LEN] = {1};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    struct seen *seen = client_open(&client, METHOD_WATCH_KEYRING, 0);
    send_ack(&client, seen, digest);
    seen_must_end(seen, GRPC_INVALID_ARGUMENT, "must be open");
    seen = watch(&client, "web", NULL);
    assert_false(seen->is_closed);
    send_open(&client, seen, "web", NULL);
    seen_must_end(seen, GRPC_INVALID_ARGUMENT, "open already");
    client_fini(&client);
    world_free(world);
}

static void a_watch_that_sends_no_more_is_still_served(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    struct seen *seen = watch(&client, "web", NULL);
    client_half_close(&client, seen);
    client_run(&client, 5 * WORLD_SYNC_MS);
    assert_false(seen->is_closed);
    assert_true(seen->messages > 5);
    client_fini(&client);
    world_free(world);
}

/* Nothing is drained while the ring changes again and again: of all that only what was queued
 * first and the newest come. */
static void a_slow_reader_skips_ahead_to_the_newest(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    uint8_t digest[DIGEST_LEN];

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    client_run(&client, WORLD_SETTLED_MS);
    struct seen *seen = watch(&client, "web", NULL);
    client_run(&client, 0);
    assert_int_equal(seen->messages, 1);
    for (int i = 0; i < 4; i++) {
        rotate(world);
        fake_time_run(world->time, 2 * WORLD_LEAD_MS); /* heartbeats fall due, too */
    }
    assert_int_equal(seen->messages, 1);
    client_pump(&client);
    assert_int_equal(seen->messages, 3);
    assert_int_equal(last_response(seen, digest), WIRE_WATCH_SNAPSHOT);
    assert_memory_equal(digest, replica_digest(world->replicas[0]), DIGEST_LEN);
    client_fini(&client);
    world_free(world);
}

static void the_watches_of_a_realm_that_is_removed_are_denied(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    uint8_t digest[DIGEST_LEN];

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    client_run(&client, WORLD_SETTLED_MS);
    struct seen *seen = watch(&client, "web", NULL);
    client_run(&client, 0);
    assert_int_equal(last_response(seen, digest), WIRE_WATCH_SNAPSHOT);
    hub_remove_realm(world->hub, world->replicas[0]);
    /* What the peer still sends finds no watch any more. */
    send_ack(&client, seen, digest);
    client_run(&client, WORLD_SYNC_MS);
    seen_must_end(seen, GRPC_PERMISSION_DENIED, "no such realm any more");
    client_fini(&client);
    assert_int_equal(hub_add_realm(world->hub, world->replicas[0]), ERR_OK);
    world_free(world);
}

/* What its client does not take waits in locked memory, and its keys grow old unseen. */
static void a_watch_that_takes_nothing_is_counted_and_ended(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    struct seen *seen = watch(&client, "web", NULL);
    fake_time_run(world->time, RPC_KEYS_UNREAD_MS);
    assert_in_range(world->stats.unread, 200, 240); /* a heartbeat is due each 250 ms */
    client_run(&client, 0);
    assert_false(seen->is_closed);
    /* It took all there was, so it has its time again. */
    fake_time_run(world->time, RPC_KEYS_UNREAD_MS);
    client_run(&client, 0);
    assert_false(seen->is_closed);
    fake_time_run(world->time, RPC_KEYS_UNREAD_MS + WORLD_SYNC_MS);
    client_run(&client, 0);
    seen_must_end(seen, GRPC_DEADLINE_EXCEEDED, "does not take what it is sent");
    client_fini(&client);
    world_free(world);
}

static void a_stopping_daemon_ends_watches(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    world_start(world);
    client_init(&client, world, UID_WEB_READER);
    struct seen *opened = watch(&client, "web", NULL);
    struct seen *silent = client_open(&client, METHOD_WATCH_KEYRING, 0);
    hub_drain(world->hub);
    call_set_shutdown(client.calls, "the daemon is stopping");
    client_run(&client, 0);
    seen_must_end(opened, GRPC_UNAVAILABLE, "the daemon is stopping");
    seen_must_end(silent, GRPC_UNAVAILABLE, "the daemon is stopping");
    client_fini(&client);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_gets_the_ring_as_it_is_held),
        cmocka_unit_test(before_the_first_load_the_answer_is_not_ready),
        cmocka_unit_test(only_readers_of_the_realm_get_keys),
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(a_watch_gets_the_ring_at_once_and_again_when_it_changes),
        cmocka_unit_test(a_watch_that_holds_the_ring_gets_heartbeats_only),
        cmocka_unit_test(a_watch_must_say_what_it_wants_within_ten_seconds),
        cmocka_unit_test(a_watch_opens_first_and_once),
        cmocka_unit_test(a_watch_that_sends_no_more_is_still_served),
        cmocka_unit_test(a_slow_reader_skips_ahead_to_the_newest),
        cmocka_unit_test(the_watches_of_a_realm_that_is_removed_are_denied),
        cmocka_unit_test(a_watch_that_takes_nothing_is_counted_and_ended),
        cmocka_unit_test(a_stopping_daemon_ends_watches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
