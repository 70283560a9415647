/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation through replica, rotator and store: at once here, in the store as soon as it can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "keyring/schedule.h"
#include "rotate/rotator.h"
#include "rotate/standing.h"
#include "support/replica_bench.h"

#define POLL_MS (BENCH_SYNC_MS / 4)
#define LEAD_MS (2 * BENCH_SYNC_MS)
#define HOUR_MS INT64_C(3600000)

struct bench {
    struct replica_bench realm;
    struct rotator *rotator;
    struct store *other_store;
    struct replica *other_replica;
    struct rotator *other;
    unsigned int changes; /* told by the replica */
};

static void on_changed(void *ctx)
{
    struct bench *bench = ctx;

    bench->changes++;
}

static struct rotator *make_rotator(struct bench *bench, struct replica *replica,
                                    struct store *store)
{
    struct rotator *rotator = NULL;
    const struct rotator_options options = {
        .replica = replica,
        .store = store,
        .clock = &bench->realm.clock.clock,
        .timers = fake_time_timers(bench->realm.time),
        .random = &bench->realm.random.source,
        .writer = "daemon-1",
    };

    assert_int_equal(rotator_new(&options, &rotator), ERR_OK);
    return rotator;
}

static void open_bench(struct bench *bench)
{
    *bench = (struct bench){0};
    replica_bench_open(&bench->realm);
    bench->rotator = make_rotator(bench, bench->realm.replica, bench->realm.store);
    const struct replica_events events = {.on_changed = on_changed, .ctx = bench};
    assert_int_equal(replica_listen(bench->realm.replica, &events), ERR_OK);
}

static void run(struct bench *bench, int64_t ms)
{
    replica_bench_run(&bench->realm, ms);
}

static void start_settled(struct bench *bench)
{
    open_bench(bench);
    replica_start(bench->realm.replica);
    run(bench, LEAD_MS + POLL_MS);
}

static void add_other(struct bench *bench)
{
    bench->other_store = fake_link_store(fake_store_connect(bench->realm.place, 1000));
    const struct replica_options options = {
        .realm = BENCH_REALM,
        .policy = bench->realm.policy,
        .store = bench->other_store,
        .clock = &bench->realm.clock.clock,
        .timers = fake_time_timers(bench->realm.time),
        .random = &bench->realm.random.source,
    };
    assert_int_equal(replica_new(&options, &bench->other_replica), ERR_OK);
    bench->other = make_rotator(bench, bench->other_replica, bench->other_store);
    replica_start(bench->other_replica);
    run(bench, POLL_MS);
}

static void close_bench(struct bench *bench)
{
    rotator_free(bench->other);
    replica_free(bench->other_replica);
    store_close(bench->other_store);
    rotator_free(bench->rotator);
    replica_bench_close(&bench->realm);
}

static void cut(struct bench *bench, bool is_cut)
{
    fake_link_faults(bench->realm.link)->is_cut = is_cut;
}

static const struct keyring *held(const struct bench *bench)
{
    return replica_ring(bench->realm.replica);
}

static int64_t now_of(const struct bench *bench)
{
    return fake_time_wall(bench->realm.time);
}

static void take_active(const struct bench *bench, uint8_t out[KEY_NAME_LEN])
{
    const struct key *key = keyring_pick(held(bench), now_of(bench));

    assert_non_null(key);
    memcpy(out, key->name, KEY_NAME_LEN);
}

static struct revocation revoke(struct bench *bench, const uint8_t *name)
{
    struct revocation done = {0};
    struct errbuf why = {""};

    assert_int_equal(rotator_revoke(bench->rotator, name, &done, &why), ERR_OK);
    return done;
}

static bool is_stored(struct bench *bench, struct errbuf *why)
{
    return standing_revocations_are_stored(bench->realm.replica, rotator_problem(bench->rotator),
                                           why);
}

static bool store_has_revoked(struct bench *bench, const uint8_t name[KEY_NAME_LEN])
{
    struct keyring stored = {0};

    replica_bench_read(&bench->realm, &stored);
    const struct key *key = keyring_find(&stored, name);
    bool is_revoked = key != NULL && key->revoked && !key->has_bytes;
    keyring_fini(&stored);
    return is_revoked;
}

static void the_encrypting_key_is_gone_at_once_and_the_next_takes_its_place(void **unused)
{
    struct bench bench;
    uint8_t name[KEY_NAME_LEN];
    struct errbuf why = {""};

    (void)unused;
    start_settled(&bench);
    take_active(&bench, name);
    unsigned int told = bench.changes;
    struct revocation done = revoke(&bench, name);
    assert_int_equal(done.keys, 1);
    assert_true(done.has_promoted);
    const struct key *picked = keyring_pick(held(&bench), now_of(&bench));
    assert_non_null(picked);
    assert_memory_equal(picked->name, done.promoted, KEY_NAME_LEN);
    assert_false(keyring_find(held(&bench), name)->has_bytes);
    assert_true(bench.changes > told); /* watchers hear of it before the store does */
    assert_false(is_stored(&bench, &why));
    assert_string_equal(why.text, "the put is under way");

    run(&bench, 0);
    assert_true(store_has_revoked(&bench, name));
    assert_true(is_stored(&bench, &why));
    assert_false(schedule_needs_cover(held(&bench), &bench.realm.policy, now_of(&bench)));
    close_bench(&bench);
}

static void a_repeat_changes_nothing(void **unused)
{
    struct bench bench;
    uint8_t name[KEY_NAME_LEN];

    (void)unused;
    start_settled(&bench);
    take_active(&bench, name);
    (void)revoke(&bench, name);
    run(&bench, POLL_MS);
    const uint64_t puts = rotator_get_stats(bench.rotator)->puts;
    struct revocation again = revoke(&bench, name);
    assert_int_equal(again.keys, 0);
    assert_false(again.has_promoted);
    run(&bench, BENCH_SYNC_MS);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, puts);
    close_bench(&bench);
}

static void an_unknown_key_and_an_unready_daemon_are_refused(void **unused)
{
    static const uint8_t unknown[KEY_NAME_LEN] = {1, 2, 3};
    struct bench bench;
    struct revocation done = {.keys = 77};
    struct errbuf why = {""};

    (void)unused;
    open_bench(&bench);
    cut(&bench, true);
    replica_start(bench.realm.replica);
    run(&bench, POLL_MS);
    assert_int_equal(rotator_revoke(bench.rotator, NULL, &done, &why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "nothing is revoked"));
    cut(&bench, false);
    run(&bench, LEAD_MS);
    assert_int_equal(rotator_revoke(bench.rotator, unknown, &done, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "no such key"));
    assert_int_equal(done.keys, 77);
    close_bench(&bench);
}

static void all_leaves_no_key_and_fresh_ones_come_through_the_store(void **unused)
{
    struct bench bench;

    (void)unused;
    start_settled(&bench);
    const size_t before = held(&bench)->count;
    struct revocation done = revoke(&bench, NULL);
    assert_int_equal(done.keys, before);
    assert_false(done.has_promoted);
    assert_int_equal(held(&bench)->count, before); /* none is made that the store has not got */
    for (size_t i = 0; i < before; i++) {
        assert_false(held(&bench)->keys[i].has_bytes);
    }
    const int64_t at = now_of(&bench);
    run(&bench, 0);
    assert_int_equal(schedule_first_active(held(&bench), at), at + LEAD_MS);
    run(&bench, LEAD_MS - 1);
    assert_null(keyring_pick(held(&bench), now_of(&bench)));
    run(&bench, 1);
    assert_non_null(keyring_pick(held(&bench), now_of(&bench)));
    close_bench(&bench);
}

/* Only what the store has got may become active: see decision "revoke without a store". */
static void in_an_outage_it_is_done_here_and_put_when_the_store_is_back(void **unused)
{
    struct bench bench;
    uint8_t name[KEY_NAME_LEN];
    struct errbuf why = {""};

    (void)unused;
    start_settled(&bench);
    take_active(&bench, name);
    cut(&bench, true);
    run(&bench, 2 * BENCH_SYNC_MS);
    struct revocation done = revoke(&bench, name);
    assert_true(done.has_promoted);
    assert_false(keyring_find(held(&bench), name)->has_bytes);
    run(&bench, 10 * BENCH_SYNC_MS);
    assert_false(is_stored(&bench, &why));
    assert_non_null(strstr(why.text, "put as soon as the store answers"));
    assert_false(store_has_revoked(&bench, name));
    assert_non_null(keyring_pick(held(&bench), now_of(&bench)));

    (void)revoke(&bench, NULL);
    run(&bench, 10 * BENCH_SYNC_MS);
    assert_int_equal(schedule_first_active(held(&bench), now_of(&bench)), SCHEDULE_NEVER);
    cut(&bench, false);
    run(&bench, 2 * POLL_MS);
    assert_true(store_has_revoked(&bench, name));
    assert_true(is_stored(&bench, &why));
    run(&bench, LEAD_MS);
    assert_non_null(keyring_pick(held(&bench), now_of(&bench)));
    close_bench(&bench);
}

/* R4 heals once in a sync_interval; an operator does not wait for that. */
static void a_revocation_does_not_wait_for_the_pace_of_healing(void **unused)
{
    struct bench bench;
    uint8_t name[KEY_NAME_LEN];

    (void)unused;
    start_settled(&bench);
    fake_store_flush(bench.realm.place);
    run(&bench, POLL_MS);
    assert_int_equal(rotator_get_stats(bench.rotator)->heals, 1);
    take_active(&bench, name);
    (void)revoke(&bench, name);
    run(&bench, 0);
    assert_true(store_has_revoked(&bench, name));
    close_bench(&bench);
}

static void the_other_daemon_learns_it_and_heals_a_restored_backup(void **unused)
{
    struct bench bench;
    uint8_t name[KEY_NAME_LEN];

    (void)unused;
    start_settled(&bench);
    add_other(&bench);
    take_active(&bench, name);
    (void)revoke(&bench, name);
    run(&bench, POLL_MS);
    const struct key *there = keyring_find(replica_ring(bench.other_replica), name);
    assert_true(there->revoked);
    assert_false(there->has_bytes);
    assert_int_equal(replica_revocations(bench.other_replica), 1);

    assert_true(fake_store_roll_back(bench.realm.place, 1));
    assert_false(store_has_revoked(&bench, name));
    run(&bench, BENCH_SYNC_MS + POLL_MS);
    assert_true(store_has_revoked(&bench, name));
    assert_false(keyring_find(held(&bench), name)->has_bytes);
    assert_false(keyring_find(replica_ring(bench.other_replica), name)->has_bytes);
    assert_int_equal(replica_revocations(bench.other_replica), 1);
    close_bench(&bench);
}

static void a_suspect_clock_revokes_and_does_no_more(void **unused)
{
    struct bench bench;
    uint8_t name[KEY_NAME_LEN];
    struct errbuf why = {""};

    (void)unused;
    start_settled(&bench);
    take_active(&bench, name);
    bench.realm.clock.skew_ms = HOUR_MS;
    const uint64_t puts = rotator_get_stats(bench.rotator)->puts;
    struct revocation done = revoke(&bench, name);
    assert_int_equal(done.keys, 1);
    assert_false(done.has_promoted);
    assert_false(keyring_find(held(&bench), name)->has_bytes);
    run(&bench, BENCH_SYNC_MS);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, puts);
    assert_false(is_stored(&bench, &why));
    assert_non_null(strstr(why.text, "ask another daemon"));

    bench.realm.clock.skew_ms = 0;
    run(&bench, 2 * BENCH_SYNC_MS);
    assert_true(store_has_revoked(&bench, name));
    run(&bench, LEAD_MS);
    assert_non_null(keyring_pick(held(&bench), now_of(&bench)));
    close_bench(&bench);
}

/* It answers loads and refuses puts, as a Redis that is full does. */
static void a_store_that_refuses_puts_is_not_stormed(void **unused)
{
    struct bench bench;
    uint8_t name[KEY_NAME_LEN];
    struct errbuf why = {""};

    (void)unused;
    start_settled(&bench);
    take_active(&bench, name);
    fake_link_faults(bench.realm.link)->is_full = true;
    const uint64_t failures = rotator_get_stats(bench.rotator)->put_failures;
    (void)revoke(&bench, name);
    run(&bench, 10 * BENCH_SYNC_MS);
    const uint64_t tries = rotator_get_stats(bench.rotator)->put_failures - failures;
    assert_in_range(tries, 10 * BENCH_SYNC_MS / POLL_MS - 4, 2 * 10 * BENCH_SYNC_MS / POLL_MS + 8);
    assert_false(is_stored(&bench, &why));
    assert_non_null(strstr(why.text, "the store did not take the record"));
    assert_non_null(strstr(why.text, "cannot be put"));
    fake_link_faults(bench.realm.link)->is_full = false;
    run(&bench, POLL_MS);
    assert_true(store_has_revoked(&bench, name));
    assert_string_equal(rotator_problem(bench.rotator), "");
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_encrypting_key_is_gone_at_once_and_the_next_takes_its_place),
        cmocka_unit_test(a_repeat_changes_nothing),
        cmocka_unit_test(an_unknown_key_and_an_unready_daemon_are_refused),
        cmocka_unit_test(all_leaves_no_key_and_fresh_ones_come_through_the_store),
        cmocka_unit_test(in_an_outage_it_is_done_here_and_put_when_the_store_is_back),
        cmocka_unit_test(a_revocation_does_not_wait_for_the_pace_of_healing),
        cmocka_unit_test(the_other_daemon_learns_it_and_heals_a_restored_backup),
        cmocka_unit_test(a_suspect_clock_revokes_and_does_no_more),
        cmocka_unit_test(a_store_that_refuses_puts_is_not_stormed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
