/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/replica.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/replica_bench.h"

#define POLL_MS (BENCH_SYNC_MS / 4)
#define HOUR_MS INT64_C(3600000)

struct listener {
    unsigned int changed;
    unsigned int loaded;
};

static void on_changed(void *ctx)
{
    struct listener *listener = ctx;

    listener->changed++;
}

static void on_loaded(void *ctx)
{
    struct listener *listener = ctx;

    listener->loaded++;
}

static void listen(struct replica_bench *bench, struct listener *listener)
{
    const struct replica_events events = {
        .on_changed = on_changed, .on_loaded = on_loaded, .ctx = listener};

    assert_int_equal(replica_listen(bench->replica, &events), ERR_OK);
}

static void start(struct replica_bench *bench)
{
    replica_start(bench->replica);
    replica_bench_run(bench, 0);
}

static const struct keyring *held(const struct replica_bench *bench)
{
    return replica_ring(bench->replica);
}

static void it_is_ready_once_it_has_seen_that_there_is_no_record(void **unused)
{
    struct replica_bench bench;

    (void)unused;
    replica_bench_open(&bench);
    assert_false(replica_is_ready(bench.replica));
    start(&bench);
    assert_true(replica_is_ready(bench.replica));
    assert_true(replica_store_is_reachable(bench.replica));
    assert_false(replica_last_stored(bench.replica)->present);
    assert_string_equal(replica_problem(bench.replica), "");
    replica_bench_close(&bench);
}

static void it_is_ready_once_it_holds_the_record(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};
    uint8_t digest[DIGEST_LEN];

    (void)unused;
    replica_bench_open(&bench);
    replica_bench_add_key(&bench, &ring, HOUR_MS, 0);
    replica_bench_write(&bench, &ring, &bench.policy);
    start(&bench);
    assert_true(replica_is_ready(bench.replica));
    assert_true(keyring_covers(held(&bench), &ring) && keyring_covers(&ring, held(&bench)));
    assert_int_equal(keyring_digest(&ring, digest), ERR_OK);
    assert_memory_equal(replica_digest(bench.replica), digest, DIGEST_LEN);
    assert_int_equal(replica_revision(bench.replica), 7);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void it_is_not_ready_while_it_knows_nothing(void **unused)
{
    struct replica_bench bench;

    (void)unused;
    replica_bench_open(&bench);
    fake_link_faults(bench.link)->is_cut = true;
    start(&bench);
    replica_bench_run(&bench, 60000);
    assert_false(replica_is_ready(bench.replica));
    assert_false(replica_store_is_reachable(bench.replica));
    assert_int_equal(replica_as_of(bench.replica), 0);
    assert_string_not_equal(replica_problem(bench.replica), "");
    fake_link_faults(bench.link)->is_cut = false;
    replica_bench_run(&bench, 2 * POLL_MS + 1000);
    assert_true(replica_is_ready(bench.replica));
    assert_string_equal(replica_problem(bench.replica), "");
    replica_bench_close(&bench);
}

static void a_record_it_cannot_read_does_not_make_it_ready(void **unused)
{
    struct replica_bench bench;
    struct listener listener = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    replica_bench_write_garbage(&bench);
    start(&bench);
    assert_false(replica_is_ready(bench.replica));
    assert_int_equal(replica_as_of(bench.replica), 0);
    assert_non_null(strstr(replica_problem(bench.replica), "refused"));
    assert_true(replica_last_stored(bench.replica)->present);
    assert_int_not_equal(replica_last_stored(bench.replica)->unreadable, ERR_OK);
    assert_int_equal(listener.loaded, 1);
    replica_bench_close(&bench);
}

static void it_stays_ready_through_an_outage_and_says_how_old_it_is(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    replica_bench_add_key(&bench, &ring, HOUR_MS, 0);
    replica_bench_write(&bench, &ring, &bench.policy);
    start(&bench);
    int64_t as_of = replica_as_of(bench.replica);
    assert_int_equal(as_of, fake_time_wall(bench.time));
    fake_link_faults(bench.link)->is_cut = true;
    replica_bench_run(&bench, 100000);
    assert_true(replica_is_ready(bench.replica));
    assert_false(replica_store_is_reachable(bench.replica));
    assert_int_equal(replica_as_of(bench.replica), as_of);
    assert_int_equal(held(&bench)->count, 1);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void it_loads_every_quarter_of_the_sync_interval(void **unused)
{
    struct replica_bench bench;
    struct listener listener = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    fake_link_faults(bench.link)->delay_min_ms = 50;
    fake_link_faults(bench.link)->delay_max_ms = 50;
    start(&bench);
    replica_bench_run(&bench, 99);
    assert_int_equal(listener.loaded, 0);
    replica_bench_run(&bench, 1);
    assert_int_equal(listener.loaded, 1);
    /* From start to start: the 100 ms on the way do not add up. */
    replica_bench_run(&bench, POLL_MS * 10);
    assert_int_equal(listener.loaded, 11);
    assert_int_equal(fake_time_wall(bench.time) - replica_as_of(bench.replica), 100);
    replica_bench_close(&bench);
}

static void a_hint_is_followed_at_once(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    start(&bench);
    replica_bench_run(&bench, 10);
    replica_bench_add_key(&bench, &ring, HOUR_MS, 0);
    replica_bench_write(&bench, &ring, &bench.policy);
    replica_bench_run(&bench, 0);
    assert_int_equal(held(&bench)->count, 1);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void a_lost_hint_costs_one_interval_of_loading(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    fake_link_faults(bench.link)->lose_hint_percent = 100;
    start(&bench);
    replica_bench_add_key(&bench, &ring, HOUR_MS, 0);
    replica_bench_write(&bench, &ring, &bench.policy);
    replica_bench_run(&bench, POLL_MS - 1);
    assert_int_equal(held(&bench)->count, 0);
    replica_bench_run(&bench, 1);
    assert_int_equal(held(&bench)->count, 1);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void a_record_with_less_takes_nothing_away(void **unused)
{
    struct replica_bench bench;
    struct keyring a = {0};
    struct keyring b = {0};

    (void)unused;
    replica_bench_open(&bench);
    replica_bench_add_key(&bench, &a, HOUR_MS, 0);
    replica_bench_add_key(&bench, &b, HOUR_MS, HOUR_MS);
    replica_bench_write(&bench, &a, &bench.policy);
    start(&bench);
    replica_bench_write(&bench, &b, &bench.policy);
    replica_bench_run(&bench, POLL_MS);
    assert_int_equal(held(&bench)->count, 2);
    fake_store_flush(bench.place);
    replica_bench_run(&bench, POLL_MS);
    assert_int_equal(held(&bench)->count, 2);
    assert_false(replica_last_stored(bench.replica)->present);
    keyring_fini(&a);
    keyring_fini(&b);
    replica_bench_close(&bench);
}

static void one_bad_key_refuses_the_record_and_what_is_held_stays(void **unused)
{
    struct replica_bench bench;
    struct keyring good = {0};
    struct keyring bad = {0};

    (void)unused;
    replica_bench_open(&bench);
    replica_bench_add_key(&bench, &good, HOUR_MS, 0);
    replica_bench_write(&bench, &good, &bench.policy);
    start(&bench);
    int64_t as_of = replica_as_of(bench.replica);
    replica_bench_add_key(&bench, &bad, HOUR_MS, 1);
    replica_bench_add_key(&bench, &bad, HOUR_MS, 2);
    bad.keys[0].bytes[0] ^= 1; /* the name no longer certifies the bytes */
    replica_bench_write(&bench, &bad, &bench.policy);
    replica_bench_run(&bench, POLL_MS);
    assert_int_equal(held(&bench)->count, 1);
    assert_non_null(keyring_find(held(&bench), good.keys[0].name));
    assert_int_equal(replica_as_of(bench.replica), as_of);
    assert_true(replica_is_ready(bench.replica));
    assert_non_null(strstr(replica_problem(bench.replica), "refused"));
    replica_bench_write(&bench, &good, &bench.policy);
    replica_bench_run(&bench, POLL_MS);
    assert_string_equal(replica_problem(bench.replica), "");
    keyring_fini(&good);
    keyring_fini(&bad);
    replica_bench_close(&bench);
}

static void birth_dates_that_changed_refuse_the_record(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    replica_bench_add_key(&bench, &ring, HOUR_MS, 0);
    replica_bench_write(&bench, &ring, &bench.policy);
    start(&bench);
    ring.keys[0].published_at--;
    replica_bench_write(&bench, &ring, &bench.policy);
    replica_bench_run(&bench, POLL_MS);
    assert_int_equal(held(&bench)->keys[0].published_at, ring.keys[0].published_at + 1);
    assert_non_null(strstr(replica_problem(bench.replica), "refused"));
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

/* R7, on an idle daemon without a store. */
static void bytes_are_wiped_in_the_millisecond_they_are_dropped(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    replica_bench_add_key(&bench, &ring, 2 * HOUR_MS, -HOUR_MS);
    int64_t left = ring.keys[0].dropped_from - fake_time_wall(bench.time);
    replica_bench_write(&bench, &ring, &bench.policy);
    start(&bench);
    fake_link_faults(bench.link)->is_cut = true;
    replica_bench_run(&bench, left - 1);
    assert_true(held(&bench)->keys[0].has_bytes);
    replica_bench_run(&bench, 1);
    assert_true(held(&bench)->count == 0 || !held(&bench)->keys[0].has_bytes);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void an_old_record_brings_back_neither_bytes_nor_entries(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};
    struct listener listener = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    replica_bench_add_key(&bench, &ring, 2 * HOUR_MS, -HOUR_MS);
    ring.keys[0].dropped_from -= 1000; /* as a rotation would have it */
    int64_t left = ring.keys[0].dropped_from - fake_time_wall(bench.time);
    replica_bench_write(&bench, &ring, &bench.policy);
    start(&bench);
    replica_bench_run(&bench, left);
    assert_int_equal(held(&bench)->count, 1);
    assert_false(held(&bench)->keys[0].has_bytes);
    assert_true(replica_last_stored(bench.replica)->has_dead_bytes);
    replica_bench_write(&bench, &ring, &bench.policy);
    replica_bench_run(&bench, 0);
    assert_false(held(&bench)->keys[0].has_bytes);
    replica_bench_run(&bench, 1000);
    assert_int_equal(held(&bench)->count, 0);
    unsigned int changes = listener.changed;
    replica_bench_write(&bench, &ring, &bench.policy);
    replica_bench_run(&bench, POLL_MS);
    assert_int_equal(held(&bench)->count, 0);
    assert_int_equal(listener.changed, changes);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void more_than_two_seconds_from_the_store_is_suspect(void **unused)
{
    static const struct {
        int64_t skew;
        bool want;
    } rows[] = {{0, false},     {1999, false},  {2000, false}, {2001, true},
                {-1999, false}, {-2000, false}, {-2001, true}};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct replica_bench bench;
        replica_bench_open(&bench);
        fake_store_set_skew(bench.place, rows[i].skew);
        start(&bench);
        assert_int_equal(replica_is_suspect(bench.replica), rows[i].want);
        assert_int_equal(replica_problem(bench.replica)[0] != '\0', rows[i].want);
        assert_true(replica_is_ready(bench.replica));
        fake_store_set_skew(bench.place, 0);
        replica_bench_run(&bench, POLL_MS);
        assert_false(replica_is_suspect(bench.replica));
        replica_bench_close(&bench);
    }
}

static void a_suspect_daemon_wipes_nothing_until_it_is_sound_again(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    replica_bench_add_key(&bench, &ring, 2 * HOUR_MS, -HOUR_MS);
    ring.keys[0].dropped_from -= 10000;
    int64_t left = ring.keys[0].dropped_from - fake_time_wall(bench.time);
    replica_bench_write(&bench, &ring, &bench.policy);
    start(&bench);
    fake_store_set_skew(bench.place, -3600000);
    replica_bench_run(&bench, left + 5000);
    assert_true(replica_is_suspect(bench.replica));
    assert_true(held(&bench)->keys[0].has_bytes);
    fake_store_set_skew(bench.place, 0);
    replica_bench_run(&bench, POLL_MS);
    assert_false(replica_is_suspect(bench.replica));
    assert_false(held(&bench)->keys[0].has_bytes);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void listeners_hear_of_suspicion_and_of_its_end(void **unused)
{
    struct replica_bench bench;
    struct listener listener = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    start(&bench);
    assert_int_equal(listener.changed, 1); /* ready */
    bench.clock.skew_ms = 5000;
    replica_bench_run(&bench, POLL_MS);
    assert_true(replica_is_suspect(bench.replica));
    assert_int_equal(listener.changed, 2);
    bench.clock.skew_ms = 0;
    replica_bench_run(&bench, 2 * POLL_MS);
    assert_false(replica_is_suspect(bench.replica));
    assert_int_equal(listener.changed, 3);
    replica_bench_close(&bench);
}

static void a_clock_that_lags_does_not_call_sound_keys_ones_of_the_future(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open_skewed(&bench, -HOUR_MS);
    replica_bench_add_key(&bench, &ring, 0, HOUR_MS);
    replica_bench_write(&bench, &ring, &bench.policy);
    start(&bench);
    assert_true(replica_is_suspect(bench.replica));
    assert_int_equal(held(&bench)->count, 1);
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void what_the_rotator_put_is_merged_and_overtakes_a_load(void **unused)
{
    struct replica_bench bench;
    struct listener listener = {0};
    struct keyring old = {0};
    struct keyring ring = {0};
    const struct store_version version = {{99}};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    replica_bench_add_key(&bench, &old, HOUR_MS, 0);
    replica_bench_write(&bench, &old, &bench.policy);
    start(&bench);
    fake_link_faults(bench.link)->delay_min_ms = 100;
    fake_link_faults(bench.link)->delay_max_ms = 100;
    replica_reload(bench.replica);
    replica_bench_run(&bench, 150); /* the load has read the old record */
    assert_int_equal(listener.loaded, 1);
    replica_bench_add_key(&bench, &ring, 0, HOUR_MS);
    int64_t now = replica_now(bench.replica);
    assert_int_equal(replica_accept_stored(bench.replica, &ring, &version, 8, now, now), ERR_OK);
    assert_int_equal(held(&bench)->count, 2);
    assert_int_equal(replica_revision(bench.replica), 8);
    assert_int_equal(replica_as_of(bench.replica), now);
    replica_bench_run(&bench, 50);
    assert_int_equal(listener.loaded, 1);
    assert_memory_equal(replica_last_stored(bench.replica)->version.bytes, version.bytes,
                        STORE_VERSION_LEN);
    replica_bench_run(&bench, 200); /* the one sent afterwards tells */
    assert_int_equal(listener.loaded, 2);
    keyring_fini(&ring);
    keyring_fini(&old);
    replica_bench_close(&bench);
}

static void after_a_reload_the_answer_is_one_asked_for_later(void **unused)
{
    struct replica_bench bench;
    struct listener listener = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    fake_link_faults(bench.link)->delay_min_ms = 100;
    fake_link_faults(bench.link)->delay_max_ms = 100;
    start(&bench);
    replica_bench_run(&bench, 100);
    replica_reload(bench.replica);
    replica_bench_run(&bench, 100);
    assert_int_equal(listener.loaded, 0);
    replica_bench_run(&bench, 200);
    assert_int_equal(listener.loaded, 1);
    replica_bench_close(&bench);
}

static void another_policy_elsewhere_is_a_warning(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    struct policy other = bench.policy;
    other.rotate_every_ms *= 2;
    replica_bench_add_key(&bench, &ring, HOUR_MS, 0);
    replica_bench_write(&bench, &ring, &other);
    start(&bench);
    assert_true(replica_is_ready(bench.replica));
    assert_non_null(strstr(replica_problem(bench.replica), "'elsewhere' put the record"));
    assert_non_null(strstr(replica_problem(bench.replica), "another policy"));
    assert_true(replica_policy_differs(bench.replica));
    assert_int_equal(replica_policy(bench.replica)->rotate_every_ms, bench.policy.rotate_every_ms);

    /* Whoever wrote it works with ours now. */
    replica_bench_write(&bench, &ring, &bench.policy);
    replica_bench_run(&bench, BENCH_SYNC_MS);
    assert_string_equal(replica_problem(bench.replica), "");
    assert_false(replica_policy_differs(bench.replica));

    /* So does the record that we put ourselves. */
    replica_bench_write(&bench, &ring, &other);
    replica_bench_run(&bench, BENCH_SYNC_MS);
    assert_true(replica_policy_differs(bench.replica));
    const struct store_version version = {{0x77}};
    assert_int_equal(replica_accept_stored(bench.replica, &ring, &version, 9,
                                           replica_now(bench.replica),
                                           fake_store_wall(bench.place)),
                     ERR_OK);
    assert_false(replica_policy_differs(bench.replica));
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void another_policy_is_told_at_once_and_loads_go_by_it(void **unused)
{
    struct replica_bench bench;
    struct listener listener = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    start(&bench);
    struct policy other = bench.policy;
    other.sync_interval_ms *= 2;
    unsigned int changed = listener.changed;
    unsigned int loaded = listener.loaded;
    assert_int_equal(replica_policy_changes(bench.replica), 0);
    replica_set_policy(bench.replica, &other);
    assert_int_equal(listener.changed, changed + 1);
    assert_int_equal(replica_policy(bench.replica)->sync_interval_ms, other.sync_interval_ms);
    assert_int_equal(replica_policy_changes(bench.replica), 1);
    replica_bench_run(&bench, 0);
    assert_int_equal(listener.loaded, loaded + 1);
    replica_bench_run(&bench, 2 * POLL_MS - 1);
    assert_int_equal(listener.loaded, loaded + 1);
    replica_bench_run(&bench, 1);
    assert_int_equal(listener.loaded, loaded + 2);
    replica_bench_close(&bench);
}

static void a_new_policy_ends_the_warning_about_the_old_one(void **unused)
{
    struct replica_bench bench;
    struct keyring ring = {0};

    (void)unused;
    replica_bench_open(&bench);
    struct policy other = bench.policy;
    other.rotate_every_ms *= 2;
    replica_bench_add_key(&bench, &ring, HOUR_MS, 0);
    replica_bench_write(&bench, &ring, &other);
    start(&bench);
    assert_non_null(strstr(replica_problem(bench.replica), "another policy"));
    replica_set_policy(bench.replica, &other);
    replica_bench_run(&bench, 0);
    assert_string_equal(replica_problem(bench.replica), "");
    keyring_fini(&ring);
    replica_bench_close(&bench);
}

static void freeing_it_takes_a_load_back(void **unused)
{
    struct replica_bench bench;
    struct listener listener = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &listener);
    replica_start(bench.replica);
    replica_free(bench.replica);
    bench.replica = NULL;
    replica_bench_run(&bench, 60000);
    assert_int_equal(listener.changed + listener.loaded, 0);
    replica_bench_close(&bench);
}

static void who_stopped_listening_hears_nothing(void **unused)
{
    struct replica_bench bench;
    struct listener a = {0};
    struct listener b = {0};

    (void)unused;
    replica_bench_open(&bench);
    listen(&bench, &a);
    listen(&bench, &b);
    replica_unlisten(bench.replica, &a);
    start(&bench);
    assert_int_equal(a.changed + a.loaded, 0);
    assert_int_equal(b.changed, 1);
    replica_bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_ready_once_it_has_seen_that_there_is_no_record),
        cmocka_unit_test(it_is_ready_once_it_holds_the_record),
        cmocka_unit_test(it_is_not_ready_while_it_knows_nothing),
        cmocka_unit_test(a_record_it_cannot_read_does_not_make_it_ready),
        cmocka_unit_test(it_stays_ready_through_an_outage_and_says_how_old_it_is),
        cmocka_unit_test(it_loads_every_quarter_of_the_sync_interval),
        cmocka_unit_test(a_hint_is_followed_at_once),
        cmocka_unit_test(a_lost_hint_costs_one_interval_of_loading),
        cmocka_unit_test(a_record_with_less_takes_nothing_away),
        cmocka_unit_test(one_bad_key_refuses_the_record_and_what_is_held_stays),
        cmocka_unit_test(birth_dates_that_changed_refuse_the_record),
        cmocka_unit_test(bytes_are_wiped_in_the_millisecond_they_are_dropped),
        cmocka_unit_test(an_old_record_brings_back_neither_bytes_nor_entries),
        cmocka_unit_test(more_than_two_seconds_from_the_store_is_suspect),
        cmocka_unit_test(a_suspect_daemon_wipes_nothing_until_it_is_sound_again),
        cmocka_unit_test(listeners_hear_of_suspicion_and_of_its_end),
        cmocka_unit_test(a_clock_that_lags_does_not_call_sound_keys_ones_of_the_future),
        cmocka_unit_test(what_the_rotator_put_is_merged_and_overtakes_a_load),
        cmocka_unit_test(after_a_reload_the_answer_is_one_asked_for_later),
        cmocka_unit_test(another_policy_elsewhere_is_a_warning),
        cmocka_unit_test(another_policy_is_told_at_once_and_loads_go_by_it),
        cmocka_unit_test(a_new_policy_ends_the_warning_about_the_old_one),
        cmocka_unit_test(freeing_it_takes_a_load_back),
        cmocka_unit_test(who_stopped_listening_hears_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
