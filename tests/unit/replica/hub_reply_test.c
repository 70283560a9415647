/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/hub_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/replica_bench.h"
#include "wire/codec.h"

/* A ring with `keys` keys comes into the store, and from there to the replica. */
static void publish(struct replica_bench *bench, size_t keys)
{
    struct keyring ring = {0};

    assert_int_equal(keyring_init(&ring, BENCH_REALM), ERR_OK);
    for (size_t i = 0; i < keys; i++) {
        replica_bench_add_key(bench, &ring, 60000, (int64_t)i * 60000);
    }
    replica_bench_write(bench, &ring, &bench->policy);
    keyring_fini(&ring);
}

static void open_bench(struct replica_bench *bench, struct hub_reply *reply)
{
    replica_bench_open(bench);
    assert_int_equal(hub_reply_init(reply, fake_time_timers(bench->time)), ERR_OK);
}

static void close_bench(struct replica_bench *bench, struct hub_reply *reply)
{
    hub_reply_fini(reply);
    replica_bench_close(bench);
}

/* What it says must be what the replica holds at this moment. */
static void must_be_current(struct replica_bench *bench, struct hub_reply *reply)
{
    struct wire_snapshot snapshot = {0};
    struct secret_buf want = {0};
    struct slice got = {NULL, 0};

    assert_int_equal(hub_reply_get(reply, bench->replica, &got), ERR_OK);
    assert_int_equal(hub_snapshot(bench->replica, &snapshot), ERR_OK);
    assert_int_equal(wire_encode_get_keyring_reply(&snapshot, &want), ERR_OK);
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.at, want.at, want.len);
    wire_snapshot_fini(&snapshot);
    secret_buf_fini(&want);
}

static void who_asks_in_the_same_millisecond_gets_the_same_bytes(void **unused)
{
    struct replica_bench bench;
    struct hub_reply reply = {0};
    struct slice first = {NULL, 0};
    struct slice second = {NULL, 0};

    (void)unused;
    open_bench(&bench, &reply);
    assert_int_equal(hub_reply_get(&reply, bench.replica, &first), ERR_UNAVAILABLE);
    publish(&bench, 2);
    replica_start(bench.replica);
    replica_bench_run(&bench, 10);
    must_be_current(&bench, &reply);
    assert_int_equal(hub_reply_get(&reply, bench.replica, &first), ERR_OK);
    assert_int_equal(hub_reply_get(&reply, bench.replica, &second), ERR_OK);
    assert_ptr_equal(first.at, second.at);
    replica_bench_run(&bench, 1);
    must_be_current(&bench, &reply); /* another millisecond, another moment */
    close_bench(&bench, &reply);
}

static void a_ring_that_changes_is_seen_at_once(void **unused)
{
    struct replica_bench bench;
    struct hub_reply reply = {0};

    (void)unused;
    open_bench(&bench, &reply);
    publish(&bench, 2);
    replica_start(bench.replica);
    replica_bench_run(&bench, 10);
    must_be_current(&bench, &reply);
    publish(&bench, 3);
    for (int i = 0; i < 2 * BENCH_SYNC_MS / 4; i++) {
        replica_bench_run(&bench, 1);
        must_be_current(&bench, &reply);
    }
    assert_true(replica_ring(bench.replica)->count > 2); /* so it has changed meanwhile */
    close_bench(&bench, &reply);
}

static void nothing_is_kept_for_longer_than_a_moment(void **unused)
{
    struct replica_bench bench;
    struct hub_reply reply = {0};

    (void)unused;
    open_bench(&bench, &reply);
    publish(&bench, 2);
    replica_start(bench.replica);
    replica_bench_run(&bench, 10);
    must_be_current(&bench, &reply);
    replica_bench_run(&bench, HUB_REPLY_KEEP_MS - 1);
    assert_non_null(reply.bytes.at);
    replica_bench_run(&bench, 1);
    assert_null(reply.bytes.at);
    close_bench(&bench, &reply);
}

/* R7, as for snapshots: whether or not the timer of the ring has come round. */
static void no_answer_carries_bytes_from_dropped_from_on(void **unused)
{
    const int64_t drop_in_ms = 1500; /* less than what makes a clock suspect */

    (void)unused;
    for (int64_t after_ms = -1; after_ms <= 1; after_ms++) {
        struct replica_bench bench;
        struct hub_reply reply = {0};
        struct keyring ring = {0};
        struct slice got = {NULL, 0};
        uint8_t bytes[KEY_LEN];

        open_bench(&bench, &reply);
        assert_int_equal(keyring_init(&ring, BENCH_REALM), ERR_OK);
        replica_bench_add_key(&bench, &ring, 60000, -30000);
        ring.keys[0].retired_from = FAKE_TIME_START - 1000;
        ring.keys[0].dropped_from = FAKE_TIME_START + drop_in_ms;
        memcpy(bytes, ring.keys[0].bytes, KEY_LEN);
        replica_bench_write(&bench, &ring, &bench.policy);
        replica_start(bench.replica);
        replica_bench_run(&bench, 0);
        must_be_current(&bench, &reply);
        bench.clock.skew_ms = drop_in_ms + after_ms; /* no timer runs */
        must_be_current(&bench, &reply);
        assert_int_equal(hub_reply_get(&reply, bench.replica, &got), ERR_OK);
        assert_int_equal(memmem(got.at, got.len, bytes, KEY_LEN) != NULL, after_ms < 0);
        keyring_fini(&ring);
        close_bench(&bench, &reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_in_the_same_millisecond_gets_the_same_bytes),
        cmocka_unit_test(a_ring_that_changes_is_seen_at_once),
        cmocka_unit_test(no_answer_carries_bytes_from_dropped_from_on),
        cmocka_unit_test(nothing_is_kept_for_longer_than_a_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
