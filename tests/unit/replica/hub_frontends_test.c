/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub knows of a realm's frontends: who has a revocation, who left, who came back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "replica/hub.h"
#include "support/replica_bench.h"

#define HOUR_MS INT64_C(3600000)
#define SEEN    8

struct bench {
    struct replica_bench realm;
    struct hub *hub;
    struct keyring ring; /* what the store holds */
};

static void on_due(void *ctx)
{
    (void)ctx;
}

static void on_ended(void *ctx, enum err code, const char *why)
{
    (void)ctx;
    (void)code;
    (void)why;
}

static void write_ring(struct bench *bench)
{
    replica_bench_write(&bench->realm, &bench->ring, &bench->realm.policy);
    replica_bench_run(&bench->realm, 1000);
    assert_int_equal(replica_ring(bench->realm.replica)->count, bench->ring.count);
}

static void open_bench(struct bench *bench)
{
    *bench = (struct bench){0};
    replica_bench_open(&bench->realm);
    assert_int_equal(hub_new(fake_time_timers(bench->realm.time), &bench->hub), ERR_OK);
    assert_int_equal(hub_add_realm(bench->hub, bench->realm.replica), ERR_OK);
    replica_bench_add_key(&bench->realm, &bench->ring, HOUR_MS, -1000);
    replica_start(bench->realm.replica);
    write_ring(bench);
}

static void close_bench(struct bench *bench)
{
    keyring_fini(&bench->ring);
    hub_free(bench->hub);
    replica_bench_close(&bench->realm);
}

static struct watcher *watch_as(struct bench *bench, const char *name, const char *identity)
{
    static const struct watcher_events events = {on_due, on_due, on_ended, NULL};
    struct wire_watch_open open = {.realm = BENCH_REALM, .library_version = "stek-c/1"};
    struct watcher *watcher = NULL;

    (void)snprintf(open.frontend, sizeof(open.frontend), "%s", name);
    assert_int_equal(hub_watch(bench->hub, &open, identity, &events, &watcher), ERR_OK);
    watcher_sent(watcher, replica_as_of(bench->realm.replica));
    return watcher;
}

static struct watcher *watch(struct bench *bench, const char *name)
{
    return watch_as(bench, name, "uid:33");
}

static void ack(struct watcher *watcher, const uint8_t digest[DIGEST_LEN])
{
    struct wire_watch_ack ack = {.has_digest = true, .counters = {.issued = 5}};

    memcpy(ack.digest, digest, DIGEST_LEN);
    watcher_ack(watcher, &ack);
}

static void ack_present(struct bench *bench, struct watcher *watcher)
{
    ack(watcher, replica_digest(bench->realm.replica));
}

/* Revoked elsewhere, learnt from the store. */
static void revoke(struct bench *bench)
{
    bench->ring.keys[0].revoked = true;
    key_wipe(&bench->ring.keys[0]);
    write_ring(bench);
}

struct seen {
    size_t count;
    uint64_t lost;
    struct {
        char name[32];
        bool is_gone;
        bool is_current;
        bool has_revocations;
        int64_t as_of;
        int64_t left_at;
    } at[SEEN];
};

static void on_frontend(void *ctx, const struct hub_frontend *frontend)
{
    struct seen *seen = ctx;

    assert_true(seen->count < SEEN);
    (void)snprintf(seen->at[seen->count].name, sizeof(seen->at[0].name), "%.31s",
                   frontend->info->frontend);
    seen->at[seen->count].is_gone = frontend->left_at != 0;
    seen->at[seen->count].left_at = frontend->left_at;
    seen->at[seen->count].is_current = frontend->is_current;
    seen->at[seen->count].has_revocations = frontend->has_revocations;
    seen->at[seen->count].as_of = frontend->info->as_of;
    seen->count++;
}

static struct seen look(struct bench *bench)
{
    struct seen seen = {0};

    seen.lost = hub_visit(bench->hub, BENCH_REALM, on_frontend, &seen);
    return seen;
}

static void who_acknowledged_the_revocation_or_something_later_has_it(void **unused)
{
    struct bench bench;
    uint8_t before[DIGEST_LEN];
    uint8_t revoked[DIGEST_LEN];

    (void)unused;
    open_bench(&bench);
    memcpy(before, replica_digest(bench.realm.replica), DIGEST_LEN);
    struct watcher *watcher = watch(&bench, "fe-1");
    assert_true(look(&bench).at[0].has_revocations); /* there is none */
    ack(watcher, before);
    revoke(&bench);
    memcpy(revoked, replica_digest(bench.realm.replica), DIGEST_LEN);
    assert_false(look(&bench).at[0].has_revocations);
    ack(watcher, before);
    assert_false(look(&bench).at[0].has_revocations);

    replica_bench_add_key(&bench.realm, &bench.ring, 0, HOUR_MS);
    write_ring(&bench);
    struct seen seen = look(&bench);
    assert_false(seen.at[0].has_revocations);
    ack(watcher, revoked); /* an answer to a snapshot that has been overtaken */
    seen = look(&bench);
    assert_true(seen.at[0].has_revocations);
    assert_false(seen.at[0].is_current);
    ack_present(&bench, watcher);
    seen = look(&bench);
    assert_true(seen.at[0].has_revocations);
    assert_true(seen.at[0].is_current);
    watcher_free(watcher);
    close_bench(&bench);
}

static void a_digest_nobody_here_knows_proves_nothing(void **unused)
{
    static const uint8_t foreign[DIGEST_LEN] = {0xAB};
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct watcher *watcher = watch(&bench, "fe-1");
    revoke(&bench);
    ack(watcher, foreign);
    assert_false(look(&bench).at[0].has_revocations);
    watcher_free(watcher);
    close_bench(&bench);
}

/* The daemon restarted: what it loads brings the revocation, and digests it did not see change. */
static void a_revocation_found_in_the_first_record_counts(void **unused)
{
    struct bench bench = {0};

    (void)unused;
    replica_bench_open(&bench.realm);
    assert_int_equal(hub_new(fake_time_timers(bench.realm.time), &bench.hub), ERR_OK);
    assert_int_equal(hub_add_realm(bench.hub, bench.realm.replica), ERR_OK);
    replica_bench_add_key(&bench.realm, &bench.ring, HOUR_MS, -1000);
    bench.ring.keys[0].revoked = true;
    key_wipe(&bench.ring.keys[0]);
    struct watcher *watcher = watch(&bench, "fe-1");
    replica_bench_write(&bench.realm, &bench.ring, &bench.realm.policy);
    replica_start(bench.realm.replica);
    replica_bench_run(&bench.realm, 0);
    assert_false(look(&bench).at[0].has_revocations);
    ack_present(&bench, watcher);
    assert_true(look(&bench).at[0].has_revocations);
    watcher_free(watcher);
    close_bench(&bench);
}

static void who_left_is_remembered_until_his_keys_end(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct watcher *watcher = watch(&bench, "fe-1");
    ack_present(&bench, watcher);
    int64_t as_of = replica_as_of(bench.realm.replica);
    replica_bench_run(&bench.realm, 500);
    int64_t left_at = fake_time_wall(bench.realm.time);
    watcher_free(watcher);
    revoke(&bench);
    struct seen seen = look(&bench);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.at[0].name, "fe-1");
    assert_true(seen.at[0].is_gone);
    assert_int_equal(seen.at[0].left_at, left_at);
    assert_int_equal(seen.at[0].as_of, as_of);
    assert_false(seen.at[0].has_revocations);
    assert_false(seen.at[0].is_current);

    int64_t end = bench.ring.keys[0].forgotten_from;
    replica_bench_run(&bench.realm, end - 1 - fake_time_wall(bench.realm.time));
    assert_int_equal(look(&bench).count, 1);
    replica_bench_run(&bench.realm, 1);
    assert_int_equal(look(&bench).count, 0);
    close_bench(&bench);
}

static void who_comes_back_is_one_and_the_same(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    watcher_free(watch(&bench, "fe-1"));
    watcher_free(watch(&bench, "fe-2"));
    assert_int_equal(look(&bench).count, 2);
    struct watcher *other = watch_as(&bench, "fe-1", "uid:34");
    assert_int_equal(look(&bench).count, 3);
    struct watcher *back = watch(&bench, "fe-1");
    struct seen seen = look(&bench);
    assert_int_equal(seen.count, 3);
    assert_string_equal(seen.at[2].name, "fe-2");
    assert_true(seen.at[2].is_gone);
    watcher_free(other);
    watcher_free(back);
    close_bench(&bench);
}

/* The network died under the old stream; the daemon learns of its end after the new one's start. */
static void a_stream_that_ends_after_its_successor_began_is_not_a_departure(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct watcher *old = watch(&bench, "fe-1");
    ack_present(&bench, old);
    replica_bench_run(&bench.realm, 300);
    struct watcher *new = watch(&bench, "fe-1");
    watcher_free(old);
    struct seen seen = look(&bench);
    assert_int_equal(seen.count, 1);
    assert_false(seen.at[0].is_gone);
    /* One successor accounts for one predecessor. */
    struct watcher *twin = watch(&bench, "fe-1");
    watcher_free(new);
    seen = look(&bench);
    assert_int_equal(seen.count, 1);
    assert_false(seen.at[0].is_gone);
    watcher_free(twin);
    assert_int_equal(look(&bench).count, 1);
    close_bench(&bench);
}

static void two_frontends_of_one_name_do_not_hide_each_other(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct watcher *one = watch(&bench, "fe");
    struct watcher *two = watch(&bench, "fe");
    replica_bench_run(&bench.realm, 300);
    ack_present(&bench, one);
    ack_present(&bench, two);
    watcher_free(one); /* `two` began before this one was last heard: it is another */
    struct seen seen = look(&bench);
    assert_int_equal(seen.count, 2);
    assert_true(seen.at[1].is_gone);
    watcher_free(two);
    close_bench(&bench);
}

static void who_was_sent_nothing_holds_nothing(void **unused)
{
    static const struct watcher_events events = {on_due, on_due, on_ended, NULL};
    const struct wire_watch_open open = {.realm = BENCH_REALM, .frontend = "fe-1"};
    struct watcher *watcher = NULL;
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    assert_int_equal(hub_watch(bench.hub, &open, "", &events, &watcher), ERR_OK);
    watcher_free(watcher);
    assert_int_equal(look(&bench).count, 0);
    assert_int_equal(hub_visit(bench.hub, "mail", on_frontend, NULL), 0);
    close_bench(&bench);
}

/* The process that drove dies, another takes its place and dies too before it is answered. */
static void a_successor_that_dies_at_once_does_not_hide_who_left(void **unused)
{
    static const struct watcher_events events = {on_due, on_due, on_ended, NULL};
    const struct wire_watch_open open = {.realm = BENCH_REALM, .frontend = "fe-1"};
    struct watcher *successor = NULL;
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct watcher *driver = watch(&bench, "fe-1");
    ack_present(&bench, driver);
    watcher_free(driver);
    assert_int_equal(hub_watch(bench.hub, &open, "uid:33", &events, &successor), ERR_OK);
    watcher_free(successor);
    assert_int_equal(look(&bench).count, 1);
    assert_true(look(&bench).at[0].is_gone);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_acknowledged_the_revocation_or_something_later_has_it),
        cmocka_unit_test(a_digest_nobody_here_knows_proves_nothing),
        cmocka_unit_test(a_revocation_found_in_the_first_record_counts),
        cmocka_unit_test(who_left_is_remembered_until_his_keys_end),
        cmocka_unit_test(who_comes_back_is_one_and_the_same),
        cmocka_unit_test(a_stream_that_ends_after_its_successor_began_is_not_a_departure),
        cmocka_unit_test(two_frontends_of_one_name_do_not_hide_each_other),
        cmocka_unit_test(who_was_sent_nothing_holds_nothing),
        cmocka_unit_test(a_successor_that_dies_at_once_does_not_hide_who_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
