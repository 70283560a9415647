/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_store.h"
#include "support/fake_time.h"

#define SYNC_MS 1000

static const struct authz_principal top[] = {{AUTHZ_UID, 7, NULL}};
static const struct authz_principal web_operators[] = {{AUTHZ_UID, 50, NULL}};
static const struct authz_realm realms[] = {{"web", {NULL, 0}, {web_operators, 1}}};
static const struct authz_rules rules = {{top, 1}, realms, 1};
static const struct peer web_operator = {.uid = 50};

/* One realm over a store that can be made to fail. */
struct fixture {
    struct fake_time *time;
    struct fake_random random;
    struct fake_store *place;
    struct fake_link *link;
    struct hub *hub;
    struct replica *replica;
    struct rotator *rotator;
    struct service_realm service_realm;
    struct serve_stats stats;
    struct services services;
};

static void start(struct fixture *f, bool has_rotator)
{
    struct policy policy = policy_default(60000);

    *f = (struct fixture){.time = fake_time_new()};
    fake_random_init(&f->random, 1);
    f->place = fake_store_new(f->time, &f->random);
    f->link = fake_store_connect(f->place, 500);
    policy.sync_interval_ms = SYNC_MS;
    const struct replica_options replica = {
        .realm = "web",
        .policy = policy,
        .store = fake_link_store(f->link),
        .clock = fake_time_clock(f->time),
        .timers = fake_time_timers(f->time),
        .random = &f->random.source,
    };
    assert_int_equal(hub_new(fake_time_timers(f->time), &f->hub), ERR_OK);
    assert_int_equal(replica_new(&replica, &f->replica), ERR_OK);
    assert_int_equal(hub_add_realm(f->hub, f->replica), ERR_OK);
    const struct rotator_options rotator = {
        .replica = f->replica,
        .store = fake_link_store(f->link),
        .clock = fake_time_clock(f->time),
        .timers = fake_time_timers(f->time),
        .random = &f->random.source,
        .writer = "test/1",
    };
    if (has_rotator) {
        assert_int_equal(rotator_new(&rotator, &f->rotator), ERR_OK);
    }
    f->service_realm = (struct service_realm){"web", f->rotator};
    f->services = (struct services){
        .hub = f->hub,
        .realms = &f->service_realm,
        .realm_count = 1,
        .rules = &rules,
        .clock = fake_time_clock(f->time),
        .stats = &f->stats,
        .version = "1.2.3",
        .deployment = "test",
        .store_type = "fake",
    };
    replica_start(f->replica);
    fake_time_run(f->time, 4 * SYNC_MS);
    assert_true(replica_is_ready(f->replica));
}

static void stop(struct fixture *f)
{
    rotator_free(f->rotator);
    hub_free(f->hub);
    replica_free(f->replica);
    store_close(fake_link_store(f->link));
    fake_store_free(f->place);
    fake_time_free(f->time);
}

static void all_is_well_when_nothing_is_wrong(void **unused)
{
    struct fixture f;
    struct wire_status status = {0};

    (void)unused;
    start(&f, true);
    f.stats.connections = 3;
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_int_equal(status.problem_count, 0);
    assert_int_equal(status.connections, 3);
    assert_string_equal(status.store.type, "fake");
    assert_true(status.store.reachable);
    assert_string_equal(status.store.last_error, "");
    assert_int_equal(status.store.last_read_ms, replica_as_of(f.replica));
    assert_int_equal(status.moment.as_of_ms, replica_as_of(f.replica));
    assert_int_equal(status.realms[0].as_of_ms, replica_as_of(f.replica));
    assert_int_equal(status.realms[0].revision, replica_revision(f.replica));
    assert_false(status.moment.suspect);
    wire_status_fini(&status);
    stop(&f);
}

static void a_store_out_of_reach_is_a_problem_and_what_is_held_is_still_shown(void **unused)
{
    struct fixture f;
    struct wire_status status = {0};

    (void)unused;
    start(&f, true);
    fake_link_faults(f.link)->is_cut = true;
    fake_time_run(f.time, 5 * SYNC_MS);
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_false(status.store.reachable);
    assert_true(status.store.last_error[0] != '\0');
    assert_true(status.store.last_read_ms < fake_time_wall(f.time) - 4 * SYNC_MS);
    assert_int_equal(status.problem_count, 1);
    assert_memory_equal(status.problems[0], "realm web: ", 11);
    assert_true(status.realms[0].has_active);
    assert_true(status.realms[0].ready);
    wire_status_fini(&status);

    fake_link_faults(f.link)->is_cut = false;
    fake_time_run(f.time, 10 * SYNC_MS);
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_true(status.store.reachable);
    assert_int_equal(status.problem_count, 0);
    wire_status_fini(&status);
    stop(&f);
}

static void collect(void *ctx, struct service_problems *out)
{
    errbuf_set(&out->at[out->count++], "%s", (const char *)ctx);
}

static void what_is_wrong_with_the_daemon_is_told_to_operators_of_everything(void **unused)
{
    static char sentence[] = "the last reload failed";
    const struct peer top_operator = {.uid = 7};
    struct fixture f;
    struct wire_status status = {0};

    (void)unused;
    start(&f, true);
    f.services.problems = (struct service_problem_source){collect, sentence};
    assert_int_equal(status_collect(&f.services, &top_operator, &status), ERR_OK);
    assert_int_equal(status.problem_count, 1);
    assert_string_equal(status.problems[0], sentence);
    wire_status_fini(&status);
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_int_equal(status.problem_count, 0);
    wire_status_fini(&status);
    stop(&f);
}

static void a_suspect_clock_is_a_problem(void **unused)
{
    struct fixture f;
    struct wire_status status = {0};

    (void)unused;
    start(&f, true);
    fake_store_set_skew(f.place, 10000);
    fake_time_run(f.time, 2 * SYNC_MS);
    assert_true(replica_is_suspect(f.replica));
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_true(status.moment.suspect);
    assert_int_equal(status.problem_count, 1);
    assert_non_null(strstr(status.problems[0], "clock"));
    wire_status_fini(&status);
    stop(&f);
}

/* Long before no key is active. */
static void keys_that_cannot_be_made_are_a_problem(void **unused)
{
    struct fixture f;
    struct wire_status status = {0};

    (void)unused;
    start(&f, true);
    f.random.is_broken = true;
    fake_time_run(f.time, 59000);
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_true(status.realms[0].has_active);
    assert_int_equal(status.problem_count, 1);
    assert_non_null(strstr(status.problems[0], "no new key can be published"));
    wire_status_fini(&status);
    f.random.is_broken = false;
    fake_time_run(f.time, SYNC_MS);
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_int_equal(status.problem_count, 0);
    wire_status_fini(&status);
    stop(&f);
}

static void a_realm_without_any_key_says_so(void **unused)
{
    struct fixture f;
    struct wire_status status = {0};

    (void)unused;
    start(&f, false);
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_int_equal(status.problem_count, 1);
    assert_non_null(strstr(status.problems[0], "none is scheduled"));
    assert_int_equal(status.realms[0].keys, 0);
    assert_int_equal(status.realms[0].next_active_ms, 0);
    wire_status_fini(&status);
    stop(&f);
}

static void tombstones_are_counted_apart(void **unused)
{
    struct fixture f;
    struct wire_status status = {0};
    size_t keys = 0;

    (void)unused;
    start(&f, true);
    fake_time_run(f.time, 3600000);
    const struct keyring *ring = replica_ring(f.replica);
    for (size_t i = 0; i < ring->count; i++) {
        keys += ring->keys[i].has_bytes;
    }
    assert_int_equal(status_collect(&f.services, &web_operator, &status), ERR_OK);
    assert_int_equal(status.realms[0].keys, keys);
    assert_int_equal(status.realms[0].tombstones, ring->count - keys);
    assert_true(status.realms[0].active_since_ms <= fake_time_wall(f.time));
    assert_true(status.realms[0].next_active_ms > fake_time_wall(f.time));
    wire_status_fini(&status);
    stop(&f);
}

static void status_is_for_operators_of_at_least_one_realm(void **unused)
{
    static const struct {
        uint32_t uid;
        bool want;
    } rows[] = {{7, true}, {50, true}, {0, false}, {51, false}};
    struct fixture f;

    (void)unused;
    start(&f, true);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct peer peer = {.uid = rows[i].uid, .gid = 1};
        assert_int_equal(status_is_visible_to(&f.services, &peer), rows[i].want);
    }
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_well_when_nothing_is_wrong),
        cmocka_unit_test(a_store_out_of_reach_is_a_problem_and_what_is_held_is_still_shown),
        cmocka_unit_test(what_is_wrong_with_the_daemon_is_told_to_operators_of_everything),
        cmocka_unit_test(a_suspect_clock_is_a_problem),
        cmocka_unit_test(keys_that_cannot_be_made_are_a_problem),
        cmocka_unit_test(a_realm_without_any_key_says_so),
        cmocka_unit_test(tombstones_are_counted_apart),
        cmocka_unit_test(status_is_for_operators_of_at_least_one_realm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
