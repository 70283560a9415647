/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/rpc_health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/codec.h"
#include "wire/methods.h"
#include "world.h"

enum { IS_SERVING = 1, IS_NOT_SERVING = 2, IS_UNKNOWN = 3 };

static struct seen *ask(struct client *client, const char *path, const char *service)
{
    struct secret_buf bytes = {0};
    enum err rc = wire_encode_health_check(service, &bytes);

    return client_ask(client, path, rc, &bytes);
}

static int status_of(const struct seen *seen)
{
    struct errbuf why = {""};
    int status = -1;

    assert_int_equal(wire_decode_health_status(seen_last(seen), &status, &why), ERR_OK);
    return status;
}

static void anybody_may_ask_and_hears_whether_all_realms_are_ready(void **unused)
{
    static const char *const services[] = {"", "stek.v1.KeyService"};
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    for (size_t i = 0; i < 2; i++) {
        struct seen *seen = ask(&client, METHOD_HEALTH_CHECK, services[i]);
        seen_must_end(seen, GRPC_OK, "");
        assert_int_equal(status_of(seen), IS_NOT_SERVING);
    }
    world_start(world);
    for (size_t i = 0; i < 2; i++) {
        struct seen *seen = ask(&client, METHOD_HEALTH_CHECK, services[i]);
        seen_must_end(seen, GRPC_OK, "");
        assert_int_equal(status_of(seen), IS_SERVING);
    }
    health_set_draining(world->health);
    assert_int_equal(status_of(ask(&client, METHOD_HEALTH_CHECK, "")), IS_NOT_SERVING);
    client_fini(&client);
    world_free(world);
}

static void an_unknown_service_has_no_health(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    seen_must_end(ask(&client, METHOD_HEALTH_CHECK, "stek.v1.Nothing"), GRPC_NOT_FOUND, "");
    struct seen *seen = ask(&client, METHOD_HEALTH_WATCH, "stek.v1.Nothing");
    assert_false(seen->is_closed);
    assert_int_equal(status_of(seen), IS_UNKNOWN);
    client_fini(&client);
    world_free(world);
}

static void a_watch_hears_each_change_once(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};

    (void)unused;
    client_init(&client, world, UID_NOBODY);
    struct seen *seen = ask(&client, METHOD_HEALTH_WATCH, "");
    assert_int_equal(seen->messages, 1);
    assert_int_equal(status_of(seen), IS_NOT_SERVING);
    world_start(world);
    client_run(&client, 10 * WORLD_SYNC_MS);
    assert_int_equal(seen->messages, 2);
    assert_int_equal(status_of(seen), IS_SERVING);
    health_set_draining(world->health);
    call_set_shutdown(client.calls, "the daemon is stopping");
    client_pump(&client);
    assert_int_equal(seen->messages, 3);
    assert_int_equal(status_of(seen), IS_NOT_SERVING);
    seen_must_end(seen, GRPC_UNAVAILABLE, "the daemon is stopping");
    client_fini(&client);
    world_free(world);
}

static void watches_may_end_in_any_order(void **unused)
{
    struct world *world = world_new();
    struct client clients[3] = {{0}};

    (void)unused;
    for (size_t i = 0; i < 3; i++) {
        client_init(&clients[i], world, UID_NOBODY);
        (void)ask(&clients[i], METHOD_HEALTH_WATCH, "");
    }
    client_fini(&clients[1]);
    client_fini(&clients[2]);
    world_start(world);
    client_pump(&clients[0]);
    assert_int_equal(status_of(&clients[0].seen[0]), IS_SERVING);
    client_fini(&clients[0]);
    health_set_draining(world->health); /* nobody is left to be told */
    world_free(world);
}

static void a_realm_that_is_added_takes_nothing_from_the_others(void **unused)
{
    struct world *world = world_new();
    struct client client = {0};
    struct replica *added = NULL;

    (void)unused;
    const struct replica_options options = {
        .realm = "added",
        .policy = *replica_policy(world->replicas[0]),
        .store = world->store,
        .clock = fake_time_clock(world->time),
        .timers = fake_time_timers(world->time),
        .random = &world->random.source,
    };
    client_init(&client, world, UID_NOBODY);
    world_start(world);
    assert_int_equal(status_of(ask(&client, METHOD_HEALTH_CHECK, "")), IS_SERVING);
    assert_int_equal(replica_new(&options, &added), ERR_OK);
    assert_int_equal(hub_add_realm(world->hub, added), ERR_OK);
    assert_int_equal(health_add_realm(world->health, added), ERR_OK);
    assert_false(replica_is_ready(added));
    assert_int_equal(status_of(ask(&client, METHOD_HEALTH_CHECK, "")), IS_SERVING);
    health_remove_realm(world->health, added);
    hub_remove_realm(world->hub, added);
    replica_free(added);
    assert_int_equal(status_of(ask(&client, METHOD_HEALTH_CHECK, "")), IS_SERVING);
    health_set_draining(world->health);
    assert_int_equal(status_of(ask(&client, METHOD_HEALTH_CHECK, "")), IS_NOT_SERVING);
    client_fini(&client);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_realm_that_is_added_takes_nothing_from_the_others),
        cmocka_unit_test(anybody_may_ask_and_hears_whether_all_realms_are_ready),
        cmocka_unit_test(an_unknown_service_has_no_health),
        cmocka_unit_test(a_watch_hears_each_change_once),
        cmocka_unit_test(watches_may_end_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
