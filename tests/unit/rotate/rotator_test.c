/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate/rotator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "keyring/schedule.h"
#include "rotate/plan.h"
#include "support/replica_bench.h"

#define POLL_MS (BENCH_SYNC_MS / 4)
#define LEAD_MS (2 * BENCH_SYNC_MS)
#define HOUR_MS INT64_C(3600000)

static bool is_memory_gone;

void *__real_secret_alloc(size_t size);
void *__wrap_secret_alloc(size_t size);

void *__wrap_secret_alloc(size_t size)
{
    return is_memory_gone ? NULL : __real_secret_alloc(size);
}

struct bench {
    struct replica_bench realm;
    struct rotator *rotator;
    /* A second daemon on the same store, when a test wants one. */
    struct store *other_store;
    struct replica *other_replica;
    struct rotator *other;
};

struct answer {
    unsigned int calls;
    enum err code;
    char why[400];
    struct change_result result;
};

static void on_done(void *ctx, enum err code, const char *why, const struct change_result *result)
{
    struct answer *answer = ctx;

    answer->calls++;
    answer->code = code;
    assert_int_equal(text_copy(answer->why, sizeof(answer->why), why), ERR_OK);
    assert_int_equal(result != NULL, code == ERR_OK);
    if (result != NULL) {
        answer->result = *result;
    }
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
}

static void close_bench(struct bench *bench)
{
    rotator_free(bench->other);
    replica_free(bench->other_replica);
    store_close(bench->other_store);
    rotator_free(bench->rotator);
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

/* A ring that needs nothing for now, everywhere. */
static void start_settled(struct bench *bench)
{
    start(bench);
    run(bench, LEAD_MS + POLL_MS);
}

static const struct keyring *held(const struct bench *bench)
{
    return replica_ring(bench->realm.replica);
}

static void assert_store_holds_what_is_held(struct bench *bench)
{
    struct keyring stored = {0};

    replica_bench_read(&bench->realm, &stored);
    assert_true(keyring_covers(&stored, held(bench)));
    keyring_fini(&stored);
}

static const uint8_t *active_name(const struct bench *bench)
{
    const struct key *key = keyring_pick(held(bench), fake_time_wall(bench->realm.time));

    assert_non_null(key);
    return key->name;
}

static void cut(struct bench *bench, bool is_cut)
{
    fake_link_faults(bench->realm.link)->is_cut = is_cut;
}

static void an_empty_store_gets_its_first_keys_and_they_wait_for_the_lead(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start(&bench);
    int64_t now = fake_time_wall(bench.realm.time);
    assert_store_holds_what_is_held(&bench);
    assert_false(schedule_needs_cover(held(&bench), &bench.realm.policy, now));
    assert_int_equal(schedule_first_active(held(&bench), now), now + LEAD_MS);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, 1);
    assert_int_equal(rotator_get_stats(bench.rotator)->keys_created, held(&bench)->count);
    close_bench(&bench);
}

static void an_idle_daemon_rotates_by_its_timers(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    for (int i = 0; i < 100; i++) {
        run(&bench, HOUR_MS / 10);
        int64_t now = fake_time_wall(bench.realm.time);
        assert_non_null(keyring_pick(held(&bench), now));
        assert_true(held(&bench)->count <= policy_ring_size(&bench.realm.policy));
    }
    assert_int_equal(rotator_get_stats(bench.rotator)->put_failures, 0);
    assert_in_range(rotator_get_stats(bench.rotator)->keys_created, 11, 13);
    close_bench(&bench);
}

static void what_a_new_policy_wants_is_published_and_old_keys_keep_their_dates(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct policy policy = bench.realm.policy;
    policy.keys_ahead += 2;
    size_t before = held(&bench)->count;
    struct key was = held(&bench)->keys[0];
    run(&bench, POLL_MS);
    assert_int_equal(held(&bench)->count, before);
    replica_set_policy(bench.realm.replica, &policy);
    run(&bench, POLL_MS);
    assert_int_equal(held(&bench)->count, before + 2);
    const struct key *is = keyring_find(held(&bench), was.name);
    assert_non_null(is);
    assert_int_equal(is->active_from, was.active_from);
    assert_int_equal(is->retired_from, was.retired_from);
    assert_int_equal(is->dropped_from, was.dropped_from);
    assert_store_holds_what_is_held(&bench);
    close_bench(&bench);
}

static void dead_bytes_and_forgotten_entries_leave_the_store(void **unused)
{
    struct bench bench;
    struct keyring stored = {0};

    (void)unused;
    open_bench(&bench);
    start(&bench);
    run(&bench, 5 * HOUR_MS);
    int64_t now = fake_time_wall(bench.realm.time);
    replica_bench_read(&bench.realm, &stored);
    for (size_t i = 0; i < stored.count; i++) {
        const struct key *key = &stored.keys[i];
        assert_true(!key->has_bytes || now < key->dropped_from + BENCH_SYNC_MS);
        assert_true(now < key->forgotten_from + BENCH_SYNC_MS);
    }
    keyring_fini(&stored);
    close_bench(&bench);
}

static void a_flushed_store_is_filled_again(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    fake_store_flush(bench.realm.place);
    run(&bench, POLL_MS);
    assert_store_holds_what_is_held(&bench);
    assert_int_equal(rotator_get_stats(bench.rotator)->heals, 1);
    close_bench(&bench);
}

static void healing_is_done_at_most_once_in_a_sync_interval(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    for (int i = 0; i < 8; i++) {
        fake_store_flush(bench.realm.place);
        run(&bench, POLL_MS);
    }
    assert_in_range(rotator_get_stats(bench.rotator)->heals, 2, 3);
    run(&bench, BENCH_SYNC_MS);
    assert_store_holds_what_is_held(&bench);
    close_bench(&bench);
}

static void an_old_backup_is_healed_too(void **unused)
{
    struct bench bench;
    struct answer answer = {0};

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    rotator_rotate(bench.rotator, active_name(&bench), on_done, &answer);
    run(&bench, POLL_MS);
    assert_int_equal(answer.code, ERR_OK);
    assert_true(fake_store_roll_back(bench.realm.place, 1));
    run(&bench, BENCH_SYNC_MS + POLL_MS);
    assert_store_holds_what_is_held(&bench);
    close_bench(&bench);
}

static void a_record_that_makes_no_sense_is_replaced_by_who_is_ready(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    replica_bench_write_garbage(&bench.realm);
    run(&bench, POLL_MS);
    assert_store_holds_what_is_held(&bench);
    assert_string_equal(replica_problem(bench.realm.replica), "");
    close_bench(&bench);
}

/* Bytes change in place: the version that stands beside them is still the one of our own put. */
static void a_record_that_was_damaged_under_its_own_version_is_replaced(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    run(&bench, 2 * BENCH_SYNC_MS); /* nothing is due */
    const struct store_version version = replica_last_stored(bench.realm.replica)->version;
    fake_store_write(bench.realm.place, BENCH_REALM, (struct slice){(const uint8_t *)"\xff\xff", 2},
                     &version);
    run(&bench, 2 * POLL_MS);
    assert_store_holds_what_is_held(&bench);
    assert_string_equal(replica_problem(bench.realm.replica), "");
    assert_true(replica_last_stored(bench.realm.replica)->refused > 0);
    close_bench(&bench);
}

static void a_record_that_makes_no_sense_is_left_alone_by_who_is_not(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    replica_bench_write_garbage(&bench.realm);
    start(&bench);
    run(&bench, 10 * POLL_MS);
    assert_int_equal(fake_store_record(bench.realm.place).len, 2);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, 0);
    close_bench(&bench);
}

/* A record of a newer stekd, or sealed under a key this daemon was not given, is somebody's. */
static void a_record_that_cannot_be_read_here_is_never_overwritten(void **unused)
{
    struct bench bench;
    struct answer answer = {0};
    uint8_t bytes[4096];
    const struct store_version version = {{0xEE}};

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    const struct slice record = fake_store_record(bench.realm.place);
    assert_true(record.len <= sizeof(bytes));
    memcpy(bytes, record.at, record.len);
    assert_int_equal(bytes[0], 0x08); /* field 1: the format */
    bytes[1] = 2;
    fake_store_write(bench.realm.place, BENCH_REALM, (struct slice){bytes, record.len}, &version);

    const uint64_t puts = rotator_get_stats(bench.rotator)->puts;
    const struct key *active =
        keyring_pick(replica_ring(bench.realm.replica), replica_now(bench.realm.replica));
    assert_non_null(active);
    run(&bench, 10 * BENCH_SYNC_MS);
    rotator_rotate(bench.rotator, active->name, on_done, &answer);
    run(&bench, 10 * BENCH_SYNC_MS);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, ERR_REFUSED);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, puts);
    assert_memory_equal(fake_store_record(bench.realm.place).at, bytes, record.len);
    assert_non_null(strstr(replica_problem(bench.realm.replica), "format 2"));
    close_bench(&bench);
}

static void two_daemons_make_one_ring(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    replica_start(bench.realm.replica);
    add_other(&bench);
    run(&bench, 0);
    assert_memory_equal(replica_digest(bench.realm.replica), replica_digest(bench.other_replica),
                        DIGEST_LEN);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts + rotator_get_stats(bench.other)->puts,
                     1);
    assert_int_equal(
        rotator_get_stats(bench.rotator)->conflicts + rotator_get_stats(bench.other)->conflicts, 1);
    run(&bench, 8 * HOUR_MS);
    assert_memory_equal(replica_digest(bench.realm.replica), replica_digest(bench.other_replica),
                        DIGEST_LEN);
    close_bench(&bench);
}

static void a_put_whose_answer_was_lost_is_not_done_twice(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer answer = {0};
    size_t before = held(&bench)->count;
    unsigned int puts = fake_store_get_stats(bench.realm.place)->puts;
    fake_link_faults(bench.realm.link)->lose_reply_percent = 100;
    rotator_rotate(bench.rotator, active_name(&bench), on_done, &answer);
    run(&bench, 500);
    fake_link_faults(bench.realm.link)->lose_reply_percent = 0;
    assert_int_equal(answer.calls, 0);
    run(&bench, 5000);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, ERR_OK);
    assert_true(answer.result.changed);
    assert_memory_equal(answer.result.promoted, active_name(&bench), KEY_NAME_LEN);
    assert_int_equal(held(&bench)->count, before + 1);
    assert_int_equal(fake_store_get_stats(bench.realm.place)->puts, puts + 1);
    close_bench(&bench);
}

static void a_put_that_travels_too_long_does_not_happen(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer answer = {0};
    unsigned int puts = fake_store_get_stats(bench.realm.place)->puts;
    fake_link_faults(bench.realm.link)->delay_min_ms = BENCH_SYNC_MS / 2 + 1;
    fake_link_faults(bench.realm.link)->delay_max_ms = BENCH_SYNC_MS / 2 + 1;
    rotator_rotate(bench.rotator, active_name(&bench), on_done, &answer);
    run(&bench, ROTATOR_ACT_TIMEOUT_MS - 1);
    assert_true(fake_store_get_stats(bench.realm.place)->late >= 1);
    assert_int_equal(fake_store_get_stats(bench.realm.place)->puts, puts);
    assert_int_equal(answer.calls, 0);
    run(&bench, 1);
    assert_int_equal(answer.code, ERR_UNAVAILABLE);
    close_bench(&bench);
}

static void rotate_promotes_the_next_key_and_a_repeat_changes_nothing(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer answer = {0};
    uint8_t retired[KEY_NAME_LEN];
    memcpy(retired, active_name(&bench), KEY_NAME_LEN);
    rotator_rotate(bench.rotator, retired, on_done, &answer);
    assert_int_equal(answer.calls, 0);
    run(&bench, 0);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, ERR_OK);
    assert_true(answer.result.changed);
    assert_int_equal(answer.result.at, fake_time_wall(bench.realm.time));
    assert_memory_equal(answer.result.promoted, active_name(&bench), KEY_NAME_LEN);
    assert_store_holds_what_is_held(&bench);
    struct answer again = {0};
    uint64_t puts = rotator_get_stats(bench.rotator)->puts;
    rotator_rotate(bench.rotator, retired, on_done, &again);
    run(&bench, POLL_MS);
    assert_int_equal(again.code, ERR_OK);
    assert_false(again.result.changed);
    assert_int_equal(again.result.at, answer.result.at);
    assert_int_equal(rotator_get_stats(bench.rotator)->puts, puts);
    close_bench(&bench);
}

static void rotate_says_what_it_refuses(void **unused)
{
    static const uint8_t unknown[KEY_NAME_LEN] = {1, 2};
    struct bench bench;
    struct answer answer = {0};

    (void)unused;
    open_bench(&bench);
    rotator_rotate(bench.rotator, unknown, on_done, &answer);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, ERR_UNAVAILABLE); /* not ready */
    start(&bench);
    rotator_rotate(bench.rotator, unknown, on_done, &answer);
    run(&bench, 0);
    assert_int_equal(answer.code, ERR_NOT_FOUND);
    rotator_rotate(bench.rotator, held(&bench)->keys[0].name, on_done, &answer);
    run(&bench, 0);
    assert_int_equal(answer.code, ERR_REFUSED); /* the first key is not active yet */
    assert_string_not_equal(answer.why, "");
    run(&bench, LEAD_MS);
    bench.realm.clock.skew_ms = 10000;
    rotator_rotate(bench.rotator, unknown, on_done, &answer);
    assert_int_equal(answer.calls, 4);
    assert_int_equal(answer.code, ERR_REFUSED); /* suspect */
    close_bench(&bench);
}

static void rotate_without_the_store_ends_after_ten_seconds(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer answer = {0};
    unsigned int puts = fake_store_get_stats(bench.realm.place)->puts;
    cut(&bench, true);
    rotator_rotate(bench.rotator, active_name(&bench), on_done, &answer);
    run(&bench, ROTATOR_ACT_TIMEOUT_MS - 1);
    assert_int_equal(answer.calls, 0);
    run(&bench, 1);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, ERR_UNAVAILABLE);
    cut(&bench, false);
    run(&bench, 10 * POLL_MS);
    assert_int_equal(answer.calls, 1);
    assert_int_equal(fake_store_get_stats(bench.realm.place)->puts, puts); /* nor later */
    close_bench(&bench);
}

static void rotate_waits_for_a_store_that_comes_back(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer answer = {0};
    cut(&bench, true);
    rotator_rotate(bench.rotator, active_name(&bench), on_done, &answer);
    run(&bench, 3000);
    cut(&bench, false);
    run(&bench, 3000);
    assert_int_equal(answer.code, ERR_OK);
    assert_int_equal(answer.calls, 1);
    close_bench(&bench);
}

static void acts_wait_in_line_but_not_without_end(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer answers[ROTATOR_ACTS_MAX + 1] = {{0}};
    uint8_t name[KEY_NAME_LEN];
    memcpy(name, active_name(&bench), KEY_NAME_LEN);
    for (size_t i = 0; i < ROTATOR_ACTS_MAX + 1; i++) {
        rotator_rotate(bench.rotator, name, on_done, &answers[i]);
        assert_int_equal(answers[i].calls, i == ROTATOR_ACTS_MAX);
    }
    assert_int_equal(answers[ROTATOR_ACTS_MAX].code, ERR_LIMIT);
    run(&bench, 0);
    for (size_t i = 0; i < ROTATOR_ACTS_MAX; i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_int_equal(answers[i].code, ERR_OK);
        assert_int_equal(answers[i].result.changed, i == 0);
    }
    close_bench(&bench);
}

static void who_went_away_is_not_called(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer waiting = {0};
    struct answer under_way = {0};
    uint8_t name[KEY_NAME_LEN];
    memcpy(name, active_name(&bench), KEY_NAME_LEN);
    rotator_rotate(bench.rotator, name, on_done, &waiting);
    rotator_abandon(bench.rotator, &waiting);
    run(&bench, POLL_MS);
    assert_memory_equal(active_name(&bench), name, KEY_NAME_LEN); /* nor was it done */
    fake_link_faults(bench.realm.link)->delay_min_ms = 100;
    fake_link_faults(bench.realm.link)->delay_max_ms = 100;
    rotator_rotate(bench.rotator, name, on_done, &under_way);
    run(&bench, 50);
    rotator_abandon(bench.rotator, &under_way);
    run(&bench, POLL_MS);
    assert_int_equal(waiting.calls + under_way.calls, 0);
    assert_memory_not_equal(active_name(&bench), name, KEY_NAME_LEN); /* it was on its way */
    close_bench(&bench);
}

static void freeing_cancels_what_waits(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    struct answer answer = {0};
    fake_link_faults(bench.realm.link)->delay_min_ms = 100;
    fake_link_faults(bench.realm.link)->delay_max_ms = 100;
    rotator_rotate(bench.rotator, active_name(&bench), on_done, &answer);
    run(&bench, 50);
    rotator_free(bench.rotator);
    bench.rotator = NULL;
    assert_int_equal(answer.calls, 1);
    assert_int_equal(answer.code, ERR_CANCELLED);
    run(&bench, 10000);
    assert_int_equal(answer.calls, 1);
    close_bench(&bench);
}

static void a_suspect_daemon_puts_nothing(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    fake_store_set_skew(bench.realm.place, 5000);
    run(&bench, POLL_MS);
    fake_store_flush(bench.realm.place);
    run(&bench, 10 * BENCH_SYNC_MS);
    assert_false(fake_store_present(bench.realm.place));
    fake_store_set_skew(bench.realm.place, 0);
    run(&bench, POLL_MS);
    assert_store_holds_what_is_held(&bench);
    close_bench(&bench);
}

static void without_randomness_no_key_is_made_and_nothing_spins(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    bench.realm.random.is_broken = true;
    start(&bench);
    run(&bench, 60000);
    assert_int_equal(held(&bench)->count, 0);
    assert_non_null(strstr(rotator_problem(bench.rotator), "no new key can be published: "));
    uint64_t failures = rotator_get_stats(bench.rotator)->put_failures;
    assert_in_range(failures, 60000 / BENCH_SYNC_MS, 60000 / PLAN_LOOK_MIN_MS / 4);
    bench.realm.random.is_broken = false;
    run(&bench, POLL_MS);
    assert_true(held(&bench)->count > 0);
    assert_string_equal(rotator_problem(bench.rotator), "");
    assert_int_equal(rotator_get_stats(bench.rotator)->put_failures, failures);
    close_bench(&bench);
}

static void a_rotate_without_memory_says_so_at_once(void **unused)
{
    struct bench bench;
    struct answer answers[2] = {{0}};

    (void)unused;
    open_bench(&bench);
    start_settled(&bench);
    for (size_t i = 0; i < 2; i++) {
        rotator_rotate(bench.rotator, active_name(&bench), on_done, &answers[i]);
    }
    is_memory_gone = true;
    run(&bench, 0);
    is_memory_gone = false;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_int_equal(answers[i].code, ERR_NOMEM);
        assert_non_null(strstr(answers[i].why, "RLIMIT_MEMLOCK"));
    }
    assert_non_null(strstr(rotator_problem(bench.rotator), "RLIMIT_MEMLOCK"));
    run(&bench, POLL_MS);
    assert_string_equal(rotator_problem(bench.rotator), "");
    run(&bench, ROTATOR_ACT_TIMEOUT_MS);
    assert_int_equal(answers[0].calls + answers[1].calls, 2);
    close_bench(&bench);
}

/* DESIGN section 11: a put prepared on a version that is gone must not erase what came since. */
static void a_put_prepared_before_a_flush_loses_to_what_was_healed_since(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    add_other(&bench);
    start_settled(&bench);
    struct answer late = {0};
    struct answer quick = {0};
    uint8_t name[KEY_NAME_LEN];
    memcpy(name, active_name(&bench), KEY_NAME_LEN);
    fake_link_faults(bench.realm.link)->delay_min_ms = 400;
    fake_link_faults(bench.realm.link)->delay_max_ms = 400;
    rotator_rotate(bench.rotator, name, on_done, &late);
    run(&bench, 10);
    fake_store_flush(bench.realm.place);
    replica_reload(bench.other_replica);
    run(&bench, 10);
    rotator_rotate(bench.other, name, on_done, &quick);
    run(&bench, 8000);
    assert_int_equal(quick.code, ERR_OK);
    assert_int_equal(late.code, ERR_OK);
    assert_false(late.result.changed);
    assert_int_equal(late.result.at, quick.result.at);
    run(&bench, BENCH_SYNC_MS);
    assert_memory_equal(replica_digest(bench.realm.replica), replica_digest(bench.other_replica),
                        DIGEST_LEN);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store_gets_its_first_keys_and_they_wait_for_the_lead),
        cmocka_unit_test(an_idle_daemon_rotates_by_its_timers),
        cmocka_unit_test(what_a_new_policy_wants_is_published_and_old_keys_keep_their_dates),
        cmocka_unit_test(dead_bytes_and_forgotten_entries_leave_the_store),
        cmocka_unit_test(a_flushed_store_is_filled_again),
        cmocka_unit_test(healing_is_done_at_most_once_in_a_sync_interval),
        cmocka_unit_test(an_old_backup_is_healed_too),
        cmocka_unit_test(a_record_that_makes_no_sense_is_replaced_by_who_is_ready),
        cmocka_unit_test(a_record_that_was_damaged_under_its_own_version_is_replaced),
        cmocka_unit_test(a_record_that_makes_no_sense_is_left_alone_by_who_is_not),
        cmocka_unit_test(a_record_that_cannot_be_read_here_is_never_overwritten),
        cmocka_unit_test(two_daemons_make_one_ring),
        cmocka_unit_test(a_put_whose_answer_was_lost_is_not_done_twice),
        cmocka_unit_test(a_put_that_travels_too_long_does_not_happen),
        cmocka_unit_test(rotate_promotes_the_next_key_and_a_repeat_changes_nothing),
        cmocka_unit_test(rotate_says_what_it_refuses),
        cmocka_unit_test(rotate_without_the_store_ends_after_ten_seconds),
        cmocka_unit_test(rotate_waits_for_a_store_that_comes_back),
        cmocka_unit_test(acts_wait_in_line_but_not_without_end),
        cmocka_unit_test(who_went_away_is_not_called),
        cmocka_unit_test(freeing_cancels_what_waits),
        cmocka_unit_test(a_suspect_daemon_puts_nothing),
        cmocka_unit_test(a_rotate_without_memory_says_so_at_once),
        cmocka_unit_test(without_randomness_no_key_is_made_and_nothing_spins),
        cmocka_unit_test(a_put_prepared_before_a_flush_loses_to_what_was_healed_since),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
