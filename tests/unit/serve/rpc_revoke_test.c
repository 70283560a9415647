/* SPDX-License-Identifier: Apache-2.0 */
/* Revoke and ListFrontends as an operator sees them, with frontends that watch. */
#include "serve/rpc_revoke.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "wire/codec.h"
#include "wire/methods.h"
#include "world.h"

static struct seen *send_revoke(struct client *client, const char *realm,
                                enum wire_revoke_kind kind, const uint8_t *name)
{
    struct wire_revoke request = {.kind = kind, .reason = "laptop lost"};
    struct secret_buf bytes = {0};

    assert_int_equal(text_copy(request.realm, sizeof(request.realm), realm), ERR_OK);
    if (name != NULL) {
        memcpy(request.name, name, KEY_NAME_LEN);
    }
    enum err rc = wire_encode_revoke(&request, &bytes);
    return client_ask(client, METHOD_REVOKE, rc, &bytes);
}

static struct wire_revoked revoke(struct client *client, enum wire_revoke_kind kind,
                                  const uint8_t *name)
{
    struct seen *seen = send_revoke(client, "web", kind, name);
    struct wire_revoked revoked = {0};
    struct errbuf why = {""};

    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(wire_decode_revoked(seen_last(seen), &revoked, &why), ERR_OK);
    return revoked;
}

static struct seen *ask_frontends(struct client *client, const char *realm)
{
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_list_frontends(realm, &bytes);

    return client_ask(client, METHOD_LIST_FRONTENDS, rc, &bytes);
}

static struct wire_frontend_list frontends(struct client *client, const char *realm)
{
    struct seen *seen = ask_frontends(client, realm);
    struct wire_frontend_list list = {0};
    struct errbuf why = {""};

    seen_must_end(seen, GRPC_OK, "");
    assert_int_equal(wire_decode_frontend_list(seen_last(seen), &list, &why), ERR_OK);
    return list;
}

static struct seen *watch(struct client *client, const char *name)
{
    struct wire_watch_request request = {
        .kind = WIRE_WATCH_OPEN, .as.open = {.realm = "web", .library_version = "stek-c/1"}};
    struct seen *seen = client_open(client, METHOD_WATCH_KEYRING, 0);
    struct secret_buf bytes = {0};

    (void)snprintf(request.as.open.frontend, sizeof(request.as.open.frontend), "%s", name);
    enum err rc = wire_encode_watch_request(&request, &bytes);
    client_send(client, seen, rc, &bytes);
    client_run(client, 0);
    return seen;
}

static void ack(struct client *client, struct seen *seen)
{
    struct wire_watch_request request = {
        .kind = WIRE_WATCH_ACK,
        .as.ack = {.has_digest = true, .counters = {.issued = 41}, .clock_skew_ms = 9}};
    struct secret_buf bytes = {0};

    memcpy(request.as.ack.digest, replica_digest(client->world->replicas[0]), DIGEST_LEN);
    enum err rc = wire_encode_watch_request(&request, &bytes);
    client_send(client, seen, rc, &bytes);
}

static void take_encrypting(struct world *world, uint8_t out[KEY_NAME_LEN])
{
    const struct key *key =
        keyring_pick(replica_ring(world->replicas[0]), replica_now(world->replicas[0]));

    assert_non_null(key);
    memcpy(out, key->name, KEY_NAME_LEN);
}

struct stage {
    struct world *world;
    struct client human; /* operates web */
    struct client fe;    /* reads web */
};

static void open_stage(struct stage *stage)
{
    *stage = (struct stage){.world = world_new()};
    world_start(stage->world);
    client_init(&stage->human, stage->world, UID_WEB_OPERATOR);
    client_init(&stage->fe, stage->world, UID_WEB_READER);
    client_run(&stage->human, WORLD_SETTLED_MS);
}

static void close_stage(struct stage *stage)
{
    client_fini(&stage->fe);
    client_fini(&stage->human);
    world_free(stage->world);
}

static void a_revocation_answers_at_once_and_tells_how_far_it_is(void **unused)
{
    struct stage stage;
    uint8_t name[KEY_NAME_LEN];

    (void)unused;
    open_stage(&stage);
    struct seen *watching = watch(&stage.fe, "fe-1");
    ack(&stage.fe, watching);
    take_encrypting(stage.world, name);
    struct wire_revoked revoked = revoke(&stage.human, WIRE_REVOKE_KEY, name);
    assert_int_equal(revoked.keys, 1);
    assert_true(revoked.has_promoted);
    assert_int_equal(revoked.encrypts_from, fake_time_wall(stage.world->time));
    assert_false(revoked.is_stored);
    assert_string_equal(revoked.not_stored_why, "the put is under way");
    assert_int_equal(revoked.confirmed, 0);
    assert_int_equal(revoked.frontends, 1);
    assert_int_equal(revoked.straggler_count, 1);
    assert_string_equal(revoked.stragglers[0].name, "fe-1");
    assert_string_equal(revoked.stragglers[0].identity, "uid:33 gid:33");
    assert_int_equal(revoked.stragglers[0].left_at, 0);
    const struct key *key = keyring_find(replica_ring(stage.world->replicas[0]), name);
    assert_int_equal(revoked.bound_ms, key->forgotten_from);
    wire_revoked_fini(&revoked);

    client_run(&stage.fe, 0);
    ack(&stage.fe, watching);
    revoked = revoke(&stage.human, WIRE_REVOKE_CHECK, NULL);
    assert_int_equal(revoked.keys, 0);
    assert_true(revoked.is_stored);
    assert_string_equal(revoked.not_stored_why, "");
    assert_int_equal(revoked.confirmed, 1);
    assert_int_equal(revoked.straggler_count, 0);
    assert_int_equal(revoked.bound_ms, 0);
    assert_memory_equal(revoked.digest, replica_digest(stage.world->replicas[0]), DIGEST_LEN);
    wire_revoked_fini(&revoked);
    assert_true(world_has_logged(stage.world, "event=audit", "1 key revoked"));
    assert_true(world_has_logged(stage.world, "event=audit", "laptop lost"));
    assert_int_equal(world_count_logged(stage.world, "event=audit", "revoke"), 1);
    close_stage(&stage);
}

static void who_left_before_it_is_named(void **unused)
{
    struct stage stage;
    struct client gone = {0};
    uint8_t name[KEY_NAME_LEN];

    (void)unused;
    open_stage(&stage);
    client_init(&gone, stage.world, UID_WEB_READER);
    ack(&gone, watch(&gone, "fe-2"));
    int64_t left_at = fake_time_wall(stage.world->time);
    client_fini(&gone);
    client_run(&stage.human, 500);
    take_encrypting(stage.world, name);
    struct wire_revoked revoked = revoke(&stage.human, WIRE_REVOKE_KEY, name);
    wire_revoked_fini(&revoked);
    client_run(&stage.human, 0);
    revoked = revoke(&stage.human, WIRE_REVOKE_CHECK, NULL);
    assert_true(revoked.is_stored);
    assert_int_equal(revoked.confirmed, 0);
    assert_int_equal(revoked.frontends, 1);
    assert_string_equal(revoked.stragglers[0].name, "fe-2");
    assert_int_equal(revoked.stragglers[0].left_at, left_at);
    assert_true(revoked.bound_ms > fake_time_wall(stage.world->time));
    wire_revoked_fini(&revoked);

    /* The same frontend, back with what it held. */
    client_init(&gone, stage.world, UID_WEB_READER);
    ack(&gone, watch(&gone, "fe-2"));
    revoked = revoke(&stage.human, WIRE_REVOKE_CHECK, NULL);
    assert_int_equal(revoked.confirmed, 1);
    assert_int_equal(revoked.frontends, 1);
    assert_int_equal(revoked.bound_ms, 0);
    wire_revoked_fini(&revoked);
    client_fini(&gone);
    close_stage(&stage);
}

static void all_keys_go_and_fresh_ones_wait_their_lead(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    size_t before = replica_ring(stage.world->replicas[0])->count;
    struct wire_revoked revoked = revoke(&stage.human, WIRE_REVOKE_ALL, NULL);
    assert_int_equal(revoked.keys, before);
    assert_false(revoked.has_promoted);
    assert_int_equal(revoked.encrypts_from, 0); /* not before the store has the fresh ones */
    wire_revoked_fini(&revoked);
    int64_t at = fake_time_wall(stage.world->time);
    client_run(&stage.human, 0);
    revoked = revoke(&stage.human, WIRE_REVOKE_CHECK, NULL);
    assert_int_equal(revoked.encrypts_from, at + WORLD_LEAD_MS);
    wire_revoked_fini(&revoked);
    assert_true(world_has_logged(stage.world, "event=audit", "what=revoke-all"));
    close_stage(&stage);
}

static void what_cannot_be_revoked_is_refused_in_words(void **unused)
{
    static const uint8_t unknown[KEY_NAME_LEN] = {1, 2, 3};
    struct world *world = world_new();
    struct client top = {0};
    struct client stranger = {0};
    struct client human = {0};
    struct secret_buf bytes = {0};

    (void)unused;
    client_init(&top, world, UID_TOP);
    client_init(&stranger, world, UID_WEB_READER);
    client_init(&human, world, UID_WEB_OPERATOR);
    seen_must_end(send_revoke(&top, "web", WIRE_REVOKE_ALL, NULL), GRPC_UNAVAILABLE,
                  "nothing is revoked");
    seen_must_end(send_revoke(&top, "web", WIRE_REVOKE_CHECK, NULL), GRPC_UNAVAILABLE, "not ready");
    world_start(world);
    seen_must_end(send_revoke(&top, "web", WIRE_REVOKE_KEY, unknown), GRPC_NOT_FOUND,
                  "no such key");
    seen_must_end(send_revoke(&top, "none", WIRE_REVOKE_ALL, NULL), GRPC_NOT_FOUND,
                  "no realm \"none\"");
    seen_must_end(client_ask(&top, METHOD_REVOKE, ERR_OK, &bytes), GRPC_INVALID_ARGUMENT, "");
    seen_must_end(send_revoke(&stranger, "web", WIRE_REVOKE_ALL, NULL), GRPC_PERMISSION_DENIED,
                  "operators:");
    seen_must_end(send_revoke(&human, "mail", WIRE_REVOKE_ALL, NULL), GRPC_PERMISSION_DENIED,
                  "operators:");
    assert_true(world_has_logged(world, "event=audit", "not allowed"));
    const struct keyring *ring = replica_ring(world->replicas[0]);
    for (size_t i = 0; i < ring->count; i++) {
        assert_false(ring->keys[i].revoked);
    }
    client_fini(&human);
    client_fini(&stranger);
    client_fini(&top);
    world_free(world);
}

static void frontends_are_listed_with_what_they_hold(void **unused)
{
    struct stage stage;

    (void)unused;
    open_stage(&stage);
    struct seen *one = watch(&stage.fe, "fe-1");
    (void)watch(&stage.fe, "fe-2");
    ack(&stage.fe, one);
    struct wire_frontend_list list = frontends(&stage.human, "web");
    assert_int_equal(list.realm_count, 1);
    assert_string_equal(list.realms[0].realm, "web");
    assert_true(list.realms[0].ready);
    assert_true(list.realms[0].is_stored);
    assert_int_equal(list.realms[0].connected, 2);
    assert_int_equal(list.realms[0].current, 1);
    assert_int_equal(list.realms[0].gone, 0);
    assert_int_equal(list.realms[0].confirmed, 2);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.frontends[0].name, "fe-2"); /* lacks something: first */
    assert_false(list.frontends[0].is_current);
    assert_int_equal(list.frontends[0].as_of, 0);
    const struct wire_frontend *good = &list.frontends[1];
    assert_string_equal(good->name, "fe-1");
    assert_string_equal(good->realm, "web");
    assert_string_equal(good->library_version, "stek-c/1");
    assert_true(good->is_current);
    assert_int_equal(good->counters.issued, 41);
    assert_int_equal(good->clock_skew_ms, 9);
    assert_int_equal(good->as_of, replica_as_of(stage.world->replicas[0]));
    assert_memory_equal(good->digest, list.realms[0].digest, DIGEST_LEN);
    wire_frontend_list_fini(&list);

    list = frontends(&stage.human, ""); /* all: of those he operates */
    assert_int_equal(list.realm_count, 1);
    assert_int_equal(list.count, 2);
    wire_frontend_list_fini(&list);
    seen_must_end(ask_frontends(&stage.human, "mail"), GRPC_PERMISSION_DENIED, "operators:");
    seen_must_end(ask_frontends(&stage.fe, ""), GRPC_PERMISSION_DENIED, "operators:");
    close_stage(&stage);
}

static void an_answer_never_outgrows_a_message(void **unused)
{
    struct stage stage;
    char name[WIRE_LABEL_MAX + 1];
    const struct watcher_events none = {0};
    struct wire_watch_open open = {.realm = "web"};
    struct watcher *watchers[1000];

    (void)unused;
    open_stage(&stage);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memcpy(open.frontend, name, sizeof(name));
    memcpy(open.library_version, name, sizeof(name));
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(hub_watch(stage.world->hub, &open, name, &none, &watchers[i]), ERR_OK);
    }
    struct wire_frontend_list list = frontends(&stage.human, "web");
    assert_int_equal(list.realms[0].connected, 1000);
    assert_int_equal(list.count + list.omitted, 1000);
    assert_in_range(list.count, 300, 999);
    wire_frontend_list_fini(&list);
    for (size_t i = 0; i < 1000; i++) {
        watcher_free(watchers[i]);
    }
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_revocation_answers_at_once_and_tells_how_far_it_is),
        cmocka_unit_test(who_left_before_it_is_named),
        cmocka_unit_test(all_keys_go_and_fresh_ones_wait_their_lead),
        cmocka_unit_test(what_cannot_be_revoked_is_refused_in_words),
        cmocka_unit_test(frontends_are_listed_with_what_they_hold),
        cmocka_unit_test(an_answer_never_outgrows_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
