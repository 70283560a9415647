/* SPDX-License-Identifier: Apache-2.0 */
/* pilot.c and conn.c over real sockets and a daemon that says what the test wants; time is set. */
#include "src/pilot.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring_bench.h"
#include "src/backoff.h"
#include "support/fake_daemon.h"

#define DAEMONS 2
#define B0      INT64_C(100000) /* boot clock at the start; fleet time is then T0 */

struct bench {
    int64_t boot;
    int64_t wall_skew;
    struct clock clock;
    struct ringmap *map;
    struct policy policy;
    struct keyring ring; /* of "web": one active key, one next */
    struct key active;
    struct endpoint endpoints[DAEMONS];
    struct fake_daemon daemons[DAEMONS];
    struct pilot *pilot;
    size_t context;
    size_t lines;
    char last_line[400];
};

static int64_t read_boot(void *ctx)
{
    return ((struct bench *)ctx)->boot;
}

static int64_t read_wall(void *ctx)
{
    const struct bench *bench = ctx;
    return T0 + bench->boot - B0 + bench->wall_skew;
}

static void keep_line(void *arg, enum pilot_level level, const char *line)
{
    struct bench *bench = arg;
    (void)level;
    bench->lines++;
    (void)snprintf(bench->last_line, sizeof(bench->last_line), "%s", line);
}

static struct pilot *new_pilot(struct bench *bench, size_t endpoints)
{
    const struct pilot_config config = {
        .map = bench->map,
        .clock = &bench->clock,
        .endpoints = bench->endpoints,
        .endpoint_count = endpoints,
        .frontend = "fe-17",
        .seed = 1,
        .log = keep_line,
        .log_arg = bench,
    };
    struct pilot *pilot = NULL;
    assert_int_equal(pilot_new(&config, &pilot), ERR_OK);
    return pilot;
}

static void add_key(struct bench *bench, uint64_t seed, int64_t active_from)
{
    const struct key key = fixture_key(seed, &bench->policy, T0 - HOUR - MINUTE, active_from);
    fixture_add(&bench->ring, &key);
    bench->active = seed == 1 ? key : bench->active;
}

static int set_up(void **state)
{
    static const char *const realms[] = {"web"};
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    bench->boot = B0;
    bench->clock = (struct clock){.wall_ms = read_wall, .boot_ms = read_boot, .ctx = bench};
    bench->policy = policy_default(12 * HOUR);
    bench->ring = fixture_ring();
    add_key(bench, 1, T0 - HOUR);
    add_key(bench, 2, T0 + 11 * HOUR);
    assert_int_equal(ringmap_new(realms, 1, 1, &bench->map, NULL), ERR_OK);
    assert_int_equal(ringmap_register(bench->map, 0, "", &bench->context), ERR_OK);
    for (size_t i = 0; i < DAEMONS; i++) {
        fake_daemon_start(&bench->daemons[i]);
        assert_int_equal(endpoint_parse(bench->daemons[i].endpoint, &bench->endpoints[i], NULL),
                         ERR_OK);
    }
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    pilot_free(bench->pilot);
    pilot_free(NULL);
    for (size_t i = 0; i < DAEMONS; i++) {
        fake_daemon_stop(&bench->daemons[i]);
    }
    keyring_fini(&bench->ring);
    ringmap_free(bench->map);
    free(bench);
    return 0;
}

/* Lets everybody say what they have to say at this moment: sockets of one host deliver at once. */
static void settle(struct bench *bench)
{
    for (int quiet = 0; quiet < 3; quiet++) {
        struct pollfd wait = {.fd = pilot_fd(bench->pilot), .events = pilot_wants(bench->pilot)};
        const bool is_ready = poll(&wait, 1, 0) > 0;
        pilot_step(bench->pilot, is_ready);
        bool any = is_ready;
        for (size_t i = 0; i < DAEMONS; i++) {
            any |= fake_daemon_step(&bench->daemons[i]);
        }
        quiet = any ? -1 : quiet;
    }
}

static void pass(struct bench *bench, int64_t ms)
{
    bench->boot += ms;
    settle(bench);
}

static struct wire_moment moment(const struct bench *bench)
{
    const int64_t now = T0 + bench->boot - B0;
    return (struct wire_moment){.server_time_ms = now, .as_of_ms = now};
}

static void send_snapshot(struct bench *bench, size_t daemon)
{
    const struct wire_moment now = moment(bench);
    fake_daemon_send_snapshot(&bench->daemons[daemon], &bench->ring, &bench->policy, &now);
    settle(bench);
}

static void send_heartbeat(struct bench *bench, size_t daemon)
{
    const struct wire_moment now = moment(bench);
    fake_daemon_send_heartbeat(&bench->daemons[daemon], &bench->ring, &now);
    settle(bench);
}

/* Which of the daemons is being watched; DAEMONS when none is. */
static size_t watched(struct bench *bench)
{
    for (size_t i = 0; i < DAEMONS; i++) {
        if (fake_daemon_find(&bench->daemons[i], "web") != NULL) {
            return i;
        }
    }
    return DAEMONS;
}

/* A pilot that has connected to `endpoints` daemons' first choice. */
static size_t start(struct bench *bench, size_t endpoints)
{
    bench->pilot = new_pilot(bench, endpoints);
    settle(bench);
    const size_t at = watched(bench);
    assert_true(at < endpoints);
    return at;
}

static enum ringmap_answer encrypting(const struct bench *bench, struct ringmap_key *key)
{
    struct ringmap_reading reading;
    return ringmap_encrypting(bench->map, bench->context, bench->boot, key, &reading);
}

static void assert_serving(const struct bench *bench)
{
    struct ringmap_key key;
    assert_int_equal(encrypting(bench, &key), RINGMAP_FOUND);
    assert_true(bench_is_key(&key, &bench->active, ""));
}

static void assert_error(const struct bench *bench, const char *says)
{
    char text[256];
    ringmap_get_error(bench->map, 0, text, sizeof(text));
    if (says[0] == '\0') {
        assert_string_equal(text, "");
    } else {
        assert_non_null(strstr(text, says));
    }
}

/* Until it has tried again, however the jitter fell. */
static void pass_a_retry(struct bench *bench)
{
    pass(bench, pilot_timeout_ms(bench->pilot));
}

/* --- the tests ------------------------------------------------------------------------------- */

static void a_snapshot_is_published_acknowledged_and_sets_the_time(void **state)
{
    struct bench *bench = *state;
    uint8_t digest[DIGEST_LEN];
    bench->wall_skew = 4321;
    const size_t at = start(bench, 1);
    const struct fake_daemon_watch *watch = fake_daemon_find(&bench->daemons[at], "web");
    assert_string_equal(watch->open.frontend, "fe-17");
    assert_true(strlen(watch->open.library_version) > 0);
    ringmap_count(bench->map, 0, 1, COUNT_NO_KEY);
    send_snapshot(bench, at);
    assert_serving(bench);
    assert_int_equal(ringmap_now(bench->map, bench->boot), T0);
    assert_int_equal(ringmap_skew(bench->map), 4321);
    assert_int_equal(watch->acks, 1);
    assert_true(watch->last_ack.has_digest);
    assert_int_equal(keyring_digest(&bench->ring, digest), ERR_OK);
    assert_memory_equal(watch->last_ack.digest, digest, DIGEST_LEN);
    assert_int_equal(watch->last_ack.counters.no_key, 1);
    assert_int_equal(watch->last_ack.clock_skew_ms, 4321);
    assert_error(bench, "");
}

static void heartbeats_move_as_of_and_are_answered_with_counters(void **state)
{
    struct bench *bench = *state;
    struct ringmap_info info;
    const size_t at = start(bench, 1);
    send_snapshot(bench, at);
    pass(bench, 3000);
    ringmap_count(bench->map, 0, 1, COUNT_ISSUED);
    send_heartbeat(bench, at);
    const struct fake_daemon_watch *watch = fake_daemon_find(&bench->daemons[at], "web");
    assert_int_equal(watch->acks, 2);
    assert_false(watch->last_ack.has_digest);
    assert_int_equal(watch->last_ack.counters.issued, 1);
    assert_true(ringmap_info(bench->map, 0, bench->boot, &info));
    assert_int_equal(info.as_of, T0 + 3000);
}

static void a_silent_watch_is_left_after_half_a_sync_interval(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 2);
    send_snapshot(bench, at);
    const int64_t patience = bench->policy.sync_interval_ms / 2;
    pass(bench, patience - 1);
    assert_int_equal(watched(bench), at);
    assert_int_equal(pilot_timeout_ms(bench->pilot), 1);
    pass(bench, 1);
    assert_int_equal(watched(bench), DAEMONS);
    assert_error(bench, "silent");
    assert_in_range(pilot_timeout_ms(bench->pilot), 1, BACKOFF_FIRST_MS);
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 1 - at);
    assert_serving(bench);
    send_snapshot(bench, 1 - at);
    assert_error(bench, "");
}

static void a_daemon_that_never_speaks_is_left_too(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 2);
    pass(bench, CONN_PATIENCE_MS - 1);
    assert_int_equal(watched(bench), at);
    pass(bench, 1);
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 1 - at);
}

static void heartbeats_that_waited_while_this_process_slept_are_no_silence(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 1);
    send_snapshot(bench, at);
    const struct wire_moment now = moment(bench);
    fake_daemon_send_heartbeat(&bench->daemons[at], &bench->ring, &now);
    pass(bench, bench->policy.sync_interval_ms);
    assert_int_equal(watched(bench), at);
    assert_int_equal(bench->daemons[at].connections, 1);
}

static void when_nobody_listens_retries_come_at_once_and_then_ever_slower(void **state)
{
    struct bench *bench = *state;
    const int64_t cap = bench->policy.sync_interval_ms / 4;
    fake_daemon_stop(&bench->daemons[0]);
    bench->pilot = new_pilot(bench, 1);
    settle(bench);
    assert_int_equal(pilot_fd(bench->pilot), -1);
    assert_error(bench, "cannot connect to unix:");
    assert_in_range(pilot_timeout_ms(bench->pilot), 1, BACKOFF_FIRST_MS);
    const size_t lines = bench->lines;
    assert_int_equal(lines, 1);
    for (int i = 0; i < 12; i++) {
        pass_a_retry(bench);
    }
    assert_in_range(pilot_timeout_ms(bench->pilot), cap / 2, cap);
    assert_int_equal(bench->lines, lines); /* said once */
    fake_daemon_start(&bench->daemons[0]);
    assert_int_equal(endpoint_parse(bench->daemons[0].endpoint, &bench->endpoints[0], NULL),
                     ERR_OK);
    pass_a_retry(bench);
    send_snapshot(bench, 0);
    assert_serving(bench);
    assert_error(bench, "");
    assert_non_null(strstr(bench->last_line, "realm web: followed again"));
}

/* A heartbeat now that says what was true at `as_of`. */
static void send_stale_heartbeat(struct bench *bench, size_t daemon, int64_t as_of)
{
    struct wire_moment now = moment(bench);
    now.as_of_ms = as_of;
    fake_daemon_send_heartbeat(&bench->daemons[daemon], &bench->ring, &now);
    settle(bench);
}

/* Heartbeats every quarter of a sync_interval until the daemon is left: how long that took. */
static int64_t stay_with_stale(struct bench *bench, size_t daemon, int64_t as_of)
{
    const int64_t quarter = bench->policy.sync_interval_ms / 4;
    int64_t stayed = 0;
    while (watched(bench) == daemon) {
        assert_true(stayed < 100 * quarter);
        pass(bench, quarter);
        stayed += quarter;
        send_stale_heartbeat(bench, daemon, as_of);
    }
    return stayed;
}

static void a_daemon_whose_news_are_older_than_sync_interval_is_left_for_another(void **state)
{
    struct bench *bench = *state;
    const int64_t sync_interval = bench->policy.sync_interval_ms;
    const size_t at = start(bench, 2);
    send_snapshot(bench, at);
    for (int i = 0; i < 4; i++) { /* its age reaches sync_interval and is not beyond */
        pass(bench, sync_interval / 4);
        send_stale_heartbeat(bench, at, T0);
        assert_int_equal(watched(bench), at);
    }
    assert_int_equal(stay_with_stale(bench, at, T0), sync_interval / 2);
    assert_error(bench, "older than sync_interval");
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 1 - at);
    assert_serving(bench);
    send_snapshot(bench, 1 - at); /* this one can read the store: here we stay */
    for (int i = 0; i < 8; i++) {
        pass(bench, sync_interval / 4);
        send_heartbeat(bench, 1 - at);
    }
    assert_int_equal(watched(bench), 1 - at);
    assert_error(bench, "");
}

static void when_no_daemon_can_read_the_store_they_are_changed_ever_more_rarely(void **state)
{
    struct bench *bench = *state;
    const int64_t sync_interval = bench->policy.sync_interval_ms;
    size_t at = start(bench, 2);
    int64_t stayed[12];
    send_snapshot(bench, at);
    for (size_t i = 0; i < 12; i++) {
        stayed[i] = stay_with_stale(bench, at, T0);
        pass_a_retry(bench);
        at = 1 - at;
        assert_int_equal(watched(bench), at);
        assert_serving(bench);
        send_stale_heartbeat(bench, at, T0);
    }
    assert_in_range(stayed[1], 1, sync_interval / 2);
    assert_in_range(stayed[3], 2 * sync_interval - sync_interval / 4, 2 * sync_interval);
    assert_in_range(stayed[11], 16 * sync_interval - sync_interval / 4, 16 * sync_interval);
    send_snapshot(bench, at);
    pass(bench, sync_interval / 4);
    send_heartbeat(bench, at); /* the store is back */
    assert_int_equal(stay_with_stale(bench, at, T0 + bench->boot - B0),
                     sync_interval + sync_interval / 2);
}

static void a_stale_daemon_that_is_the_only_one_is_kept(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 1);
    send_snapshot(bench, at);
    for (int i = 0; i < 40; i++) {
        pass(bench, bench->policy.sync_interval_ms / 4);
        send_stale_heartbeat(bench, at, T0);
    }
    assert_int_equal(watched(bench), at);
    assert_int_equal(bench->daemons[at].connections, 1);
}

static void a_refused_keyring_is_reported_and_another_daemon_asked(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 2);
    send_snapshot(bench, at);
    bench->ring.keys[0].bytes[3] ^= 1;
    send_snapshot(bench, at);
    bench->ring.keys[0].bytes[3] ^= 1;
    assert_int_equal(watched(bench), DAEMONS);
    assert_error(bench, "snapshot refused");
    assert_serving(bench);
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 1 - at);
    send_snapshot(bench, 1 - at);
    assert_error(bench, "");
    assert_serving(bench);
}

static void garbage_costs_the_connection_and_nothing_else(void **state)
{
    static const char *const rubbish[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                          "\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff"};
    struct bench *bench = *state;
    size_t at = start(bench, 2);
    send_snapshot(bench, at);
    for (size_t i = 0; i < 2; i++) {
        fake_daemon_send_raw(&bench->daemons[at], rubbish[i], i == 0 ? 28 : 13);
        settle(bench);
        assert_int_equal(watched(bench), DAEMONS);
        assert_serving(bench);
        pass_a_retry(bench);
        at = watched(bench);
        assert_true(at < DAEMONS);
        send_snapshot(bench, at);
    }
    /* Well-framed, and no message. */
    fake_daemon_send_message(&bench->daemons[at], "web", "\xff\xff\xff\xff", 4);
    settle(bench);
    assert_int_equal(watched(bench), DAEMONS);
    assert_serving(bench);
}

static void a_lost_daemon_is_replaced_by_the_next_within_100_ms(void **state)
{
    struct bench *bench = *state;
    size_t at = start(bench, 2);
    send_snapshot(bench, at);
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0) {
            fake_daemon_hang_up(&bench->daemons[at]);
        } else {
            fake_daemon_say_goaway(&bench->daemons[at]);
        }
        settle(bench);
        assert_in_range(pilot_timeout_ms(bench->pilot), 1, BACKOFF_FIRST_MS);
        pass_a_retry(bench);
        assert_int_equal(watched(bench), 1 - at);
        at = 1 - at;
        send_snapshot(bench, at);
        assert_serving(bench);
        assert_error(bench, "");
    }
}

static void a_denied_watch_says_why_and_is_tried_again_ever_slower(void **state)
{
    struct bench *bench = *state;
    const int64_t cap = bench->policy.sync_interval_ms / 4;
    (void)start(bench, 1);
    for (int i = 0; i < 12; i++) {
        fake_daemon_finish(&bench->daemons[0], "web", GRPC_PERMISSION_DENIED, "uid 33 may not");
        settle(bench);
        assert_error(bench, "PERMISSION_DENIED: uid 33 may not");
        pass_a_retry(bench);
        assert_int_equal(watched(bench), 0);
    }
    fake_daemon_finish(&bench->daemons[0], "web", GRPC_PERMISSION_DENIED, "");
    settle(bench);
    assert_in_range(pilot_timeout_ms(bench->pilot), cap / 2, cap);
}

static void a_suspect_daemon_is_no_first_contact_and_another_is_asked(void **state)
{
    struct bench *bench = *state;
    struct ringmap_key key;
    const size_t at = start(bench, 2);
    struct wire_moment now = moment(bench);
    now.suspect = true;
    fake_daemon_send_snapshot(&bench->daemons[at], &bench->ring, &bench->policy, &now);
    settle(bench);
    assert_int_equal(encrypting(bench, &key), RINGMAP_NONE);
    assert_error(bench, "distrusts its own clock");
    pass_a_retry(bench);
    send_snapshot(bench, 1 - at);
    assert_serving(bench);
    /* Later on its keys are taken, its time is not. */
    now = moment(bench);
    now.suspect = true;
    now.server_time_ms += DAY;
    fake_daemon_send_snapshot(&bench->daemons[1 - at], &bench->ring, &bench->policy, &now);
    settle(bench);
    assert_serving(bench);
    assert_int_equal(ringmap_now(bench->map, bench->boot), T0 + bench->boot - B0);
    assert_error(bench, "distrusts its own clock");
}

static void a_daemon_whose_clock_differs_is_left_and_two_that_agree_are_believed(void **state)
{
    struct bench *bench = *state;
    size_t at = start(bench, 2);
    send_snapshot(bench, at);
    pass(bench, 1000);
    struct wire_moment far = moment(bench);
    far.server_time_ms += 10000;
    fake_daemon_send_heartbeat(&bench->daemons[at], &bench->ring, &far);
    settle(bench);
    assert_int_equal(watched(bench), DAEMONS);
    assert_error(bench, "clock differs");
    assert_int_equal(ringmap_now(bench->map, bench->boot), T0 + 1000);
    pass_a_retry(bench);
    assert_int_equal(watched(bench), 1 - at);
    far = moment(bench);
    far.server_time_ms += 10000;
    far.as_of_ms += 10000;
    fake_daemon_send_snapshot(&bench->daemons[1 - at], &bench->ring, &bench->policy, &far);
    settle(bench);
    assert_int_equal(watched(bench), 1 - at);
    assert_int_equal(ringmap_now(bench->map, bench->boot), far.server_time_ms);
}

/* One daemon is dead, the other's clock was set right: no second one will ever agree with it. */
static void the_only_daemon_left_is_believed_in_the_end_and_not_hammered(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 2);
    struct wire_moment far = {0};
    send_snapshot(bench, at);
    fake_daemon_stop(&bench->daemons[1 - at]);
    const size_t connections = bench->daemons[at].connections;
    const size_t lines = bench->lines;
    bool is_believed = false;
    while (!is_believed && bench->boot < B0 + 2 * MINUTE) {
        pass_a_retry(bench);
        if (watched(bench) != at) {
            continue;
        }
        far = moment(bench);
        far.server_time_ms += 10000;
        fake_daemon_send_snapshot(&bench->daemons[at], &bench->ring, &bench->policy, &far);
        settle(bench);
        is_believed = watched(bench) == at;
    }
    assert_int_equal(ringmap_now(bench->map, bench->boot), far.server_time_ms);
    assert_serving(bench);
    assert_error(bench, "");
    /* A retry each 1.9 s at least, but for the first few; and one line a minute, and one at the
     * end. */
    assert_in_range(bench->daemons[at].connections - connections, 1, 25);
    assert_in_range(bench->lines - lines, 2, 4);
    fake_daemon_start(&bench->daemons[1 - at]);
}

static void keys_given_up_for_want_of_room_are_told_once(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 1);
    for (uint64_t i = 0; i < RINGMAP_LIVE_MAX; i++) {
        add_key(bench, 100 + i, T0 + HOUR + (int64_t)i);
    }
    send_snapshot(bench, at);
    assert_int_equal(bench->lines, 1);
    assert_non_null(
        strstr(bench->last_line, "realm web: more than 64 usable keys: the 2 that end"));
    assert_int_equal(watched(bench), at);
    assert_error(bench, "");
    send_snapshot(bench, at);
    assert_int_equal(bench->lines, 1);
}

static void a_frontend_cut_off_wipes_its_keys_on_time(void **state)
{
    struct bench *bench = *state;
    struct ringmap_info info;
    (void)start(bench, 1);
    send_snapshot(bench, 0);
    fake_daemon_stop(&bench->daemons[0]);
    const int64_t end = bench->active.dropped_from;
    bench->boot = B0 + end - T0 - 1;
    settle(bench);
    assert_true(ringmap_info(bench->map, 0, bench->boot, &info));
    assert_int_equal(info.live_keys, 2);
    assert_int_equal(pilot_timeout_ms(bench->pilot), 1);
    pass(bench, 1);
    assert_true(ringmap_info(bench->map, 0, bench->boot, &info));
    assert_int_equal(info.live_keys, 1);
    struct keyring published = fixture_ring();
    bool scheduled[RINGMAP_ENTRIES_MAX];
    struct policy policy;
    uint8_t digest[DIGEST_LEN];
    int64_t as_of = 0;
    assert_int_equal(ringmap_export(bench->map, 0, &published, scheduled, &policy, digest, &as_of),
                     ERR_OK);
    assert_null(keyring_find(&published, bench->active.name));
    keyring_fini(&published);
    fake_daemon_start(&bench->daemons[0]);
}

static void the_next_pilot_goes_on_with_what_is_published(void **state)
{
    struct bench *bench = *state;
    const size_t at = start(bench, 1);
    send_snapshot(bench, at);
    pilot_free(bench->pilot);
    assert_serving(bench);
    bench->pilot = new_pilot(bench, 1);
    settle(bench); /* the daemon finds the old connection closed, then the new one */
    assert_int_equal(watched(bench), 0);
    /* A ring that lacks the active key: it stays, for decryption only. */
    struct ringmap_key key;
    struct ringmap_reading reading;
    const struct key *gone = keyring_find(&bench->ring, bench->active.name);
    keyring_remove_at(&bench->ring, (size_t)(gone - bench->ring.keys));
    send_snapshot(bench, 0);
    assert_int_equal(encrypting(bench, &key), RINGMAP_NONE);
    assert_int_equal(ringmap_decrypting(bench->map, bench->context, bench->active.name, bench->boot,
                                        &key, &reading),
                     RINGMAP_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_snapshot_is_published_acknowledged_and_sets_the_time),
        TEST(heartbeats_move_as_of_and_are_answered_with_counters),
        TEST(a_silent_watch_is_left_after_half_a_sync_interval),
        TEST(a_daemon_that_never_speaks_is_left_too),
        TEST(heartbeats_that_waited_while_this_process_slept_are_no_silence),
        TEST(when_nobody_listens_retries_come_at_once_and_then_ever_slower),
        TEST(a_refused_keyring_is_reported_and_another_daemon_asked),
        TEST(garbage_costs_the_connection_and_nothing_else),
        TEST(a_lost_daemon_is_replaced_by_the_next_within_100_ms),
        TEST(a_denied_watch_says_why_and_is_tried_again_ever_slower),
        TEST(a_daemon_whose_news_are_older_than_sync_interval_is_left_for_another),
        TEST(when_no_daemon_can_read_the_store_they_are_changed_ever_more_rarely),
        TEST(a_stale_daemon_that_is_the_only_one_is_kept),
        TEST(a_suspect_daemon_is_no_first_contact_and_another_is_asked),
        TEST(a_daemon_whose_clock_differs_is_left_and_two_that_agree_are_believed),
        TEST(the_only_daemon_left_is_believed_in_the_end_and_not_hammered),
        TEST(keys_given_up_for_want_of_room_are_told_once),
        TEST(a_frontend_cut_off_wipes_its_keys_on_time),
        TEST(the_next_pilot_goes_on_with_what_is_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
