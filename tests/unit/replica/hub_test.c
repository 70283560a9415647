/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/replica_bench.h"

#define POLL_MS (BENCH_SYNC_MS / 4)
#define HOUR_MS INT64_C(3600000)
#define CROWD   3000

struct seen {
    unsigned int snapshots;
    unsigned int heartbeats;
    unsigned int ends;
    struct watcher *watcher;
    enum err code;         /* of the end */
    struct seen *free_too; /* its watcher is freed with ours in the first callback */
    bool free_self;
};

struct bench {
    struct replica_bench realm;
    struct hub *hub;
};

static void free_some(struct seen *seen)
{
    if (seen->free_too != NULL) {
        watcher_free(seen->free_too->watcher);
        seen->free_too->watcher = NULL;
    }
    if (seen->free_self) {
        watcher_free(seen->watcher);
        seen->watcher = NULL;
    }
}

static void on_snapshot_due(void *ctx)
{
    struct seen *seen = ctx;

    seen->snapshots++;
    free_some(seen);
}

static void on_heartbeat_due(void *ctx)
{
    struct seen *seen = ctx;

    seen->heartbeats++;
    free_some(seen);
}

static void on_ended(void *ctx, enum err code, const char *why)
{
    struct seen *seen = ctx;

    assert_true(code == ERR_UNAVAILABLE || code == ERR_DENIED);
    assert_non_null(why);
    seen->code = code;
    seen->ends++;
    free_some(seen);
}

static void open_bench(struct bench *bench)
{
    replica_bench_open(&bench->realm);
    assert_int_equal(hub_new(fake_time_timers(bench->realm.time), &bench->hub), ERR_OK);
    assert_int_equal(hub_add_realm(bench->hub, bench->realm.replica), ERR_OK);
}

static void close_bench(struct bench *bench)
{
    hub_free(bench->hub);
    replica_bench_close(&bench->realm);
}

static void run(struct bench *bench, int64_t ms)
{
    replica_bench_run(&bench->realm, ms);
}

static void start(struct bench *bench)
{
    replica_start(bench->realm.replica);
    run(bench, 0);
}

static void watch(struct bench *bench, struct seen *seen, const uint8_t *digest)
{
    struct wire_watch_open open = {.realm = BENCH_REALM, .frontend = "fe-1"};
    const struct watcher_events events = {on_snapshot_due, on_heartbeat_due, on_ended, seen};

    if (digest != NULL) {
        open.has_digest = true;
        memcpy(open.digest, digest, DIGEST_LEN);
    }
    assert_int_equal(hub_watch(bench->hub, &open, "uid:33", &events, &seen->watcher), ERR_OK);
}

static void ack(struct seen *seen, const uint8_t *digest)
{
    struct wire_watch_ack ack = {.has_digest = true, .counters.issued = 5, .clock_skew_ms = -3};

    memcpy(ack.digest, digest, DIGEST_LEN);
    watcher_ack(seen->watcher, &ack);
}

static void change_ring(struct bench *bench)
{
    struct keyring ring = {0};

    replica_bench_add_key(&bench->realm, &ring, HOUR_MS, 0);
    replica_bench_write(&bench->realm, &ring, &bench->realm.policy);
    keyring_fini(&ring);
}

static void a_watcher_hears_from_the_loop_what_there_is(void **unused)
{
    struct bench bench;
    struct seen seen = {0};

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &seen, NULL);
    assert_int_equal(seen.snapshots, 0);
    run(&bench, 0);
    assert_int_equal(seen.snapshots, 1);
    watcher_free(seen.watcher);
    close_bench(&bench);
}

static void who_is_current_gets_a_heartbeat_instead(void **unused)
{
    struct bench bench;
    struct seen seen = {0};
    uint32_t watchers = 0;
    uint32_t current = 0;

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &seen, replica_digest(bench.realm.replica));
    run(&bench, 0);
    assert_int_equal(seen.snapshots, 0);
    assert_int_equal(seen.heartbeats, 1);
    hub_count(bench.hub, BENCH_REALM, &watchers, &current);
    assert_int_equal(watchers, 1);
    assert_int_equal(current, 1);
    watcher_free(seen.watcher);
    close_bench(&bench);
}

static void nobody_hears_anything_before_the_realm_is_ready(void **unused)
{
    struct bench bench;
    struct seen seen = {0};
    struct wire_snapshot snapshot = {0};

    (void)unused;
    open_bench(&bench);
    fake_link_faults(bench.realm.link)->is_cut = true;
    start(&bench);
    watch(&bench, &seen, NULL);
    run(&bench, 10 * POLL_MS);
    assert_int_equal(seen.snapshots + seen.heartbeats, 0);
    assert_int_equal(hub_snapshot(bench.realm.replica, &snapshot), ERR_UNAVAILABLE);
    fake_link_faults(bench.realm.link)->is_cut = false;
    run(&bench, 2 * POLL_MS);
    assert_int_equal(seen.snapshots, 1);
    watcher_free(seen.watcher);
    close_bench(&bench);
}

static void a_change_is_told_to_everybody_once(void **unused)
{
    struct bench bench;
    struct seen seen[3] = {{0}, {0}, {0}};

    (void)unused;
    open_bench(&bench);
    start(&bench);
    for (size_t i = 0; i < 3; i++) {
        watch(&bench, &seen[i], NULL);
    }
    run(&bench, 0);
    change_ring(&bench);
    run(&bench, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(seen[i].snapshots, 2);
        watcher_free(seen[i].watcher);
    }
    close_bench(&bench);
}

static void heartbeats_come_every_quarter_of_the_sync_interval(void **unused)
{
    struct bench bench;
    struct seen seen = {0};

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &seen, NULL);
    run(&bench, 10 * POLL_MS);
    assert_int_equal(seen.heartbeats, 10);
    assert_int_equal(seen.snapshots, 1);
    watcher_free(seen.watcher);
    close_bench(&bench);
}

static void an_acknowledgement_is_kept(void **unused)
{
    struct bench bench;
    struct seen seen = {0};
    uint32_t watchers = 0;
    uint32_t current = 0;

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &seen, NULL);
    hub_count(bench.hub, BENCH_REALM, &watchers, &current);
    assert_int_equal(watchers, 1);
    assert_int_equal(current, 0);
    run(&bench, 700);
    ack(&seen, replica_digest(bench.realm.replica));
    run(&bench, 100);
    ack(&seen, replica_digest(bench.realm.replica)); /* counters only */
    const struct watcher_info *info = watcher_get_info(seen.watcher);
    assert_true(info->has_installed);
    assert_int_equal(info->installed_at - info->since, 700);
    assert_int_equal(info->counters.issued, 5);
    assert_int_equal(info->clock_skew_ms, -3);
    assert_string_equal(info->frontend, "fe-1");
    hub_count(bench.hub, BENCH_REALM, &watchers, &current);
    assert_int_equal(current, 1);
    change_ring(&bench);
    run(&bench, 0);
    hub_count(bench.hub, BENCH_REALM, &watchers, &current);
    assert_int_equal(current, 0);
    watcher_free(seen.watcher);
    close_bench(&bench);
}

static void any_watcher_may_be_freed_in_any_callback(void **unused)
{
    struct bench bench;
    struct seen first = {.free_self = true};
    struct seen second = {0};
    struct seen third = {0};

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &second, NULL);
    watch(&bench, &first, NULL);
    watch(&bench, &third, NULL);
    first.free_too = &third;
    run(&bench, 0);
    assert_int_equal(first.snapshots, 1);
    assert_int_equal(second.snapshots, 1);
    assert_int_equal(third.snapshots, 0);
    assert_null(first.watcher);
    run(&bench, POLL_MS);
    assert_int_equal(second.heartbeats, 1);
    assert_int_equal(first.heartbeats + third.heartbeats, 0);
    watcher_free(second.watcher);
    close_bench(&bench);
}

static void draining_ends_every_watcher_and_refuses_new_ones(void **unused)
{
    struct bench bench;
    struct seen seen[2] = {{.free_self = true}, {.free_self = true}};
    struct wire_watch_open open = {.realm = BENCH_REALM};
    const struct watcher_events events = {on_snapshot_due, on_heartbeat_due, on_ended, seen};
    struct watcher *watcher = NULL;

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &seen[0], NULL);
    watch(&bench, &seen[1], NULL);
    hub_drain(bench.hub);
    assert_int_equal(seen[0].ends + seen[1].ends, 0);
    run(&bench, 0);
    assert_int_equal(seen[0].ends, 1);
    assert_int_equal(seen[1].ends, 1);
    assert_int_equal(seen[0].snapshots + seen[1].snapshots, 0);
    assert_int_equal(hub_watch(bench.hub, &open, "uid:33", &events, &watcher), ERR_UNAVAILABLE);
    close_bench(&bench);
}

static void an_unknown_realm_is_not_found(void **unused)
{
    struct bench bench;
    struct wire_watch_open open = {.realm = "mail"};
    const struct watcher_events events = {on_snapshot_due, on_heartbeat_due, on_ended, NULL};
    struct watcher *watcher = NULL;
    uint32_t watchers = 1;
    uint32_t current = 1;

    (void)unused;
    open_bench(&bench);
    assert_int_equal(hub_watch(bench.hub, &open, "uid:33", &events, &watcher), ERR_NOT_FOUND);
    assert_null(hub_replica(bench.hub, "mail"));
    assert_ptr_equal(hub_replica(bench.hub, BENCH_REALM), bench.realm.replica);
    assert_int_equal(hub_realm_count(bench.hub), 1);
    assert_ptr_equal(hub_replica_at(bench.hub, 0), bench.realm.replica);
    hub_count(bench.hub, "mail", &watchers, &current);
    assert_int_equal(watchers + current, 0);
    close_bench(&bench);
}

static void a_snapshot_carries_the_ring_and_the_moment(void **unused)
{
    struct bench bench;
    struct wire_snapshot snapshot = {0};

    (void)unused;
    open_bench(&bench);
    change_ring(&bench);
    start(&bench);
    run(&bench, 300);
    assert_int_equal(hub_snapshot(bench.realm.replica, &snapshot), ERR_OK);
    assert_int_equal(snapshot.ring.count, 1);
    assert_memory_equal(snapshot.digest, replica_digest(bench.realm.replica), DIGEST_LEN);
    assert_int_equal(snapshot.policy.sync_interval_ms, BENCH_SYNC_MS);
    assert_int_equal(snapshot.moment.server_time_ms, FAKE_TIME_START + 300);
    assert_int_equal(snapshot.moment.as_of_ms, FAKE_TIME_START);
    assert_false(snapshot.moment.suspect);
    wire_snapshot_fini(&snapshot);
    close_bench(&bench);
}

/* R7: the window is looked at when the bytes go out, whether or not the timer has come round. */
static void no_snapshot_carries_bytes_from_dropped_from_on(void **unused)
{
    static const struct {
        int64_t after_drop_ms;
        bool has_bytes;
    } rows[] = {{-1, true}, {0, false}, {1, false}};
    const int64_t drop_in_ms = 1500; /* less than what makes a clock suspect */

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        struct keyring ring = {0};
        struct wire_snapshot snapshot = {0};

        open_bench(&bench);
        assert_int_equal(keyring_init(&ring, BENCH_REALM), ERR_OK);
        replica_bench_add_key(&bench.realm, &ring, 60000, -30000);
        ring.keys[0].retired_from = FAKE_TIME_START - 1000;
        ring.keys[0].dropped_from = FAKE_TIME_START + drop_in_ms;
        replica_bench_write(&bench.realm, &ring, &bench.realm.policy);
        start(&bench);
        run(&bench, 0);
        bench.realm.clock.skew_ms = drop_in_ms + rows[i].after_drop_ms; /* no timer runs */
        assert_int_equal(hub_snapshot(bench.realm.replica, &snapshot), ERR_OK);
        assert_int_equal(snapshot.ring.count, 1);
        assert_int_equal(snapshot.ring.keys[0].has_bytes, rows[i].has_bytes);
        wire_snapshot_fini(&snapshot);
        keyring_fini(&ring);
        close_bench(&bench);
    }
}

static void thousands_of_watchers_all_hear_of_a_change(void **unused)
{
    struct bench bench;
    struct seen *crowd = calloc(CROWD, sizeof(*crowd));

    (void)unused;
    assert_non_null(crowd);
    open_bench(&bench);
    start(&bench);
    for (size_t i = 0; i < CROWD; i++) {
        watch(&bench, &crowd[i], NULL);
    }
    run(&bench, 0);
    change_ring(&bench);
    run(&bench, 0);
    for (size_t i = 0; i < CROWD; i++) {
        assert_int_equal(crowd[i].snapshots, 2);
        watcher_free(crowd[i].watcher);
    }
    free(crowd);
    close_bench(&bench);
}

static void a_new_policy_is_a_snapshot_for_everybody(void **unused)
{
    struct bench bench;
    struct seen seen = {0};

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &seen, replica_digest(bench.realm.replica));
    run(&bench, 0);
    assert_int_equal(seen.snapshots, 0);
    struct policy policy = bench.realm.policy;
    policy.max_offline_ms = HOUR_MS;
    replica_set_policy(bench.realm.replica, &policy);
    run(&bench, 0);
    assert_int_equal(seen.snapshots, 1);
    /* Once: what follows is heartbeats again. */
    run(&bench, BENCH_SYNC_MS);
    assert_int_equal(seen.snapshots, 1);
    watcher_free(seen.watcher);
    close_bench(&bench);
}

static void heartbeats_take_the_pace_of_a_new_policy(void **unused)
{
    struct bench bench;
    struct seen seen = {0};

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &seen, replica_digest(bench.realm.replica));
    run(&bench, 0);
    struct policy policy = bench.realm.policy;
    policy.sync_interval_ms = BENCH_SYNC_MS / 4;
    replica_set_policy(bench.realm.replica, &policy);
    run(&bench, 0);
    unsigned int before = seen.heartbeats;
    run(&bench, POLL_MS - 1);
    assert_true(seen.heartbeats >= before + 3);
    watcher_free(seen.watcher);
    close_bench(&bench);
}

static void a_realm_that_is_removed_ends_its_watchers_at_once(void **unused)
{
    struct bench bench;
    struct seen first = {.free_self = true};
    struct seen second = {.free_self = true};
    struct wire_watch_open open = {.realm = BENCH_REALM, .frontend = "fe-1"};
    const struct watcher_events events = {on_snapshot_due, on_heartbeat_due, on_ended, &first};
    struct watcher *none = NULL;

    (void)unused;
    open_bench(&bench);
    start(&bench);
    watch(&bench, &first, NULL);
    watch(&bench, &second, NULL);
    hub_remove_realm(bench.hub, bench.realm.replica);
    assert_int_equal(first.ends, 1);
    assert_int_equal(second.ends, 1);
    assert_int_equal(first.code, ERR_DENIED);
    assert_int_equal(hub_realm_count(bench.hub), 0);
    assert_null(hub_replica(bench.hub, BENCH_REALM));
    assert_int_equal(hub_watch(bench.hub, &open, "uid:33", &events, &none), ERR_NOT_FOUND);
    /* The realm lives on without the hub, and can come back. */
    change_ring(&bench);
    run(&bench, BENCH_SYNC_MS);
    assert_int_equal(first.snapshots, 0);
    hub_remove_realm(bench.hub, bench.realm.replica);
    assert_int_equal(hub_add_realm(bench.hub, bench.realm.replica), ERR_OK);
    assert_ptr_equal(hub_replica(bench.hub, BENCH_REALM), bench.realm.replica);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watcher_hears_from_the_loop_what_there_is),
        cmocka_unit_test(who_is_current_gets_a_heartbeat_instead),
        cmocka_unit_test(nobody_hears_anything_before_the_realm_is_ready),
        cmocka_unit_test(a_change_is_told_to_everybody_once),
        cmocka_unit_test(heartbeats_come_every_quarter_of_the_sync_interval),
        cmocka_unit_test(an_acknowledgement_is_kept),
        cmocka_unit_test(any_watcher_may_be_freed_in_any_callback),
        cmocka_unit_test(draining_ends_every_watcher_and_refuses_new_ones),
        cmocka_unit_test(an_unknown_realm_is_not_found),
        cmocka_unit_test(a_snapshot_carries_the_ring_and_the_moment),
        cmocka_unit_test(no_snapshot_carries_bytes_from_dropped_from_on),
        cmocka_unit_test(thousands_of_watchers_all_hear_of_a_change),
        cmocka_unit_test(a_new_policy_is_a_snapshot_for_everybody),
        cmocka_unit_test(heartbeats_take_the_pace_of_a_new_policy),
        cmocka_unit_test(a_realm_that_is_removed_ends_its_watchers_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
