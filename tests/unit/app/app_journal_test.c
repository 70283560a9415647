/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "rotate/rotator.h"
#include "support/replica_bench.h"

#define POLL_MS   (BENCH_SYNC_MS / 4)
#define LEAD_MS   (2 * BENCH_SYNC_MS)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   INT64_C(3600000)

struct world {
    struct replica_bench bench;
    struct rotator *rotator; /* NULL: this daemon only reads */
    struct app_journal *journal;
    int log_fd;
    struct log *log;
    char text[65536];
};

static void open_journal(struct world *w)
{
    const struct app_journal_options options = {
        .replica = w->bench.replica,
        .rotator = w->rotator,
        .clock = &w->bench.clock.clock,
        .timers = fake_time_timers(w->bench.time),
        .log = w->log,
    };

    assert_int_equal(app_journal_new(&options, &w->journal), ERR_OK);
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    replica_bench_open(&w->bench);
    w->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(w->log_fd >= 0);
    const struct log_options log = {.fd = w->log_fd,
                                    .format = LOG_FORMAT_LOGFMT,
                                    .level = LOG_LEVEL_DEBUG,
                                    .clock = &w->bench.clock.clock};
    assert_int_equal(log_new(&log, &w->log), ERR_OK);
    open_journal(w);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    app_journal_free(w->journal);
    rotator_free(w->rotator);
    replica_bench_close(&w->bench);
    log_free(w->log);
    (void)close(w->log_fd);
    free(w);
    return 0;
}

static void add_rotator(struct world *w)
{
    const struct rotator_options options = {
        .replica = w->bench.replica,
        .store = w->bench.store,
        .clock = &w->bench.clock.clock,
        .timers = fake_time_timers(w->bench.time),
        .random = &w->bench.random.source,
        .writer = "daemon-1",
    };

    assert_int_equal(rotator_new(&options, &w->rotator), ERR_OK);
}

static const char *logged(struct world *w)
{
    ssize_t len = pread(w->log_fd, w->text, sizeof(w->text) - 1, 0);

    assert_in_range(len, 0, sizeof(w->text) - 2);
    w->text[len] = '\0';
    return w->text;
}

static unsigned int count(struct world *w, const char *part)
{
    unsigned int found = 0;

    for (const char *at = strstr(logged(w), part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

#define COUNT(w, part, want)                                                                       \
    do {                                                                                           \
        unsigned int seen = count(w, part);                                                        \
        if (seen != (want)) {                                                                      \
            fail_msg("%u times \"%s\" instead of %u in:\n%s", seen, part, (unsigned int)(want),    \
                     (w)->text);                                                                   \
        }                                                                                          \
    } while (0)

static void forget_lines(struct world *w)
{
    assert_int_equal(ftruncate(w->log_fd, 0), 0);
    assert_int_equal(lseek(w->log_fd, 0, SEEK_SET), 0);
}

static void start(struct world *w)
{
    replica_start(w->bench.replica);
    replica_bench_run(&w->bench, 0);
}

static void start_with_a_key(struct world *w, int64_t begins_in_ms)
{
    struct keyring ring = {0};

    replica_bench_add_key(&w->bench, &ring, HOUR_MS, begins_in_ms);
    replica_bench_write(&w->bench, &ring, &w->bench.policy);
    keyring_fini(&ring);
    start(w);
}

static void a_fresh_realm_tells_its_first_keys_and_when_one_encrypts(void **state)
{
    struct world *w = *state;

    add_rotator(w);
    start(w);
    COUNT(w, "event=realm-ready realm=web entries=0\n", 1);
    replica_bench_run(&w->bench, POLL_MS);
    unsigned int published = count(w, "event=key-published realm=web key=");
    assert_in_range(published, 1, 3);
    COUNT(w, "event=key-encrypts", 0);
    replica_bench_run(&w->bench, LEAD_MS);
    COUNT(w, "event=key-encrypts realm=web key=", 1);
    COUNT(w, "event=key-published", published);
    COUNT(w, "level=warning", 0);
}

static void what_was_in_the_store_is_counted_and_not_called_published(void **state)
{
    struct world *w = *state;

    start_with_a_key(w, -HOUR_MS / 2);
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "event=realm-ready realm=web entries=1\n", 1);
    COUNT(w, "event=key-encrypts", 1);
    COUNT(w, "event=", 2);
}

static void a_key_encrypts_on_its_millisecond_and_idle_nodes_say_so(void **state)
{
    struct world *w = *state;

    start_with_a_key(w, 10 * MINUTE_MS + 123);
    replica_bench_run(&w->bench, 10 * MINUTE_MS + 122);
    COUNT(w, "event=key-encrypts", 0);
    replica_bench_run(&w->bench, 1);
    COUNT(w, "event=key-encrypts", 1);
    forget_lines(w);
    /* Nobody follows it here: a key of one hour retires, and is dropped a lifetime later. */
    replica_bench_run(&w->bench, HOUR_MS - 1);
    COUNT(w, "event=", 0);
    replica_bench_run(&w->bench, 1);
    COUNT(w, "level=warning event=no-key-encrypts realm=web", 1);
    COUNT(w, "next_active_from", 0);
    replica_bench_run(&w->bench, HOUR_MS + LEAD_MS + POLL_MS);
    COUNT(w, "event=key-dropped realm=web", 1);
    COUNT(w, "event=", 2);
}

static void a_day_of_rotation_tells_each_key_once(void **state)
{
    struct world *w = *state;

    add_rotator(w);
    start(w);
    replica_bench_run(&w->bench, 24 * HOUR_MS);
    unsigned int encrypting = count(w, "event=key-encrypts");
    assert_in_range(encrypting, 24, 25);
    assert_in_range(count(w, "event=key-published"), encrypting + 1, encrypting + 2);
    assert_in_range(count(w, "event=key-dropped"), encrypting - 3, encrypting - 2);
    COUNT(w, "event=no-key-encrypts", 0);
    COUNT(w, "level=warning", 0);
    /* The first key follows nobody. */
    assert_int_equal(app_journal_rotations(w->journal), encrypting - 1);
}

static void on_done(void *ctx, enum err code, const char *why, const struct change_result *result)
{
    (void)why;
    (void)result;
    *(enum err *)ctx = code;
}

static void a_rotate_tells_what_it_did_to_which_key(void **state)
{
    struct world *w = *state;
    enum err done = ERR_IO;

    add_rotator(w);
    start(w);
    replica_bench_run(&w->bench, MINUTE_MS);
    forget_lines(w);
    const struct key *key =
        keyring_pick(replica_ring(w->bench.replica), replica_now(w->bench.replica));
    rotator_rotate(w->rotator, key->name, on_done, &done);
    replica_bench_run(&w->bench, POLL_MS);
    assert_int_equal(done, ERR_OK);
    COUNT(w, "event=key-promoted realm=web", 1);
    COUNT(w, "event=key-shortened realm=web", 1);
    COUNT(w, "event=key-encrypts realm=web", 1);
    COUNT(w, "event=key-published realm=web", 1);
    COUNT(w, "event=", 4);
}

static void a_revocation_from_elsewhere_is_told(void **state)
{
    struct world *w = *state;
    struct keyring ring = {0};

    start_with_a_key(w, -MINUTE_MS);
    replica_bench_read(&w->bench, &ring);
    ring.keys[0].revoked = true;
    key_wipe(&ring.keys[0]);
    forget_lines(w);
    replica_bench_write(&w->bench, &ring, &w->bench.policy);
    replica_bench_run(&w->bench, POLL_MS);
    COUNT(w, "level=warning event=key-revoked realm=web key=", 1);
    COUNT(w, "event=no-key-encrypts realm=web", 1);
    COUNT(w, "event=", 2);
    keyring_fini(&ring);
}

static void a_store_that_goes_and_comes_is_told_twice(void **state)
{
    struct world *w = *state;

    start_with_a_key(w, -MINUTE_MS);
    forget_lines(w);
    fake_link_faults(w->bench.link)->is_cut = true;
    replica_bench_run(&w->bench, 10 * MINUTE_MS);
    COUNT(w, "level=warning event=store-unreachable realm=web problem=\"cannot read the store", 1);
    COUNT(w, "event=", 1);
    fake_link_faults(w->bench.link)->is_cut = false;
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "level=info event=store-reachable realm=web\n", 1);
    COUNT(w, "event=", 2);
}

static void a_store_that_is_away_at_the_start_is_told_before_ready(void **state)
{
    struct world *w = *state;

    fake_link_faults(w->bench.link)->is_cut = true;
    start(w);
    COUNT(w, "event=", 0);
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "event=store-unreachable", 1);
    COUNT(w, "event=", 1);
    fake_link_faults(w->bench.link)->is_cut = false;
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "event=store-reachable", 1);
    COUNT(w, "event=realm-ready", 1);
    COUNT(w, "event=", 3);
}

static void a_refused_record_is_told_once_and_so_is_its_end(void **state)
{
    struct world *w = *state;
    struct keyring ring = {0};

    start_with_a_key(w, -MINUTE_MS);
    replica_bench_read(&w->bench, &ring);
    forget_lines(w);
    replica_bench_write_garbage(&w->bench);
    replica_bench_run(&w->bench, 10 * MINUTE_MS);
    COUNT(w, "level=warning event=realm-problem realm=web problem=\"the record in the store is", 1);
    COUNT(w, "event=", 1);
    replica_bench_write(&w->bench, &ring, &w->bench.policy);
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "level=info event=realm-problem-over realm=web\n", 1);
    COUNT(w, "event=", 2);
    keyring_fini(&ring);
}

/* The sentence gives the distance, which differs with each answer of the store. */
static void keys_that_cannot_be_made_are_told_once_and_so_is_their_end(void **state)
{
    struct world *w = *state;

    add_rotator(w);
    app_journal_free(w->journal);
    open_journal(w);
    w->bench.random.is_broken = true;
    start(w);
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "event=realm-problem ", 1);
    COUNT(w, "no new key can be published", 1);
    w->bench.random.is_broken = false;
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "event=realm-problem ", 1);
    COUNT(w, "event=realm-problem-over ", 1);
}

static void a_clock_that_jumps_is_told_once_and_again_when_it_is_sound(void **state)
{
    struct world *w = *state;

    start_with_a_key(w, -MINUTE_MS);
    forget_lines(w);
    w->bench.clock.skew_ms = 5000;
    for (int i = 0; i < 60; i++) {
        replica_bench_run(&w->bench, POLL_MS);
        w->bench.clock.skew_ms += 7;
    }
    COUNT(w, "level=warning event=clock-suspect realm=web problem=", 1);
    assert_in_range(count(w, "event="), 1, 2); /* "jumped", then "is ahead of the store's" */
    w->bench.clock.skew_ms = 0;
    replica_bench_run(&w->bench, MINUTE_MS);
    COUNT(w, "level=info event=clock-sound realm=web\n", 1);
    assert_in_range(count(w, "event="), 2, 4);
}

static void what_flaps_is_told_once_a_second_and_its_end_is_not_lost(void **state)
{
    struct world *w = *state;
    struct keyring ring = {0};
    const unsigned int seconds = 10;

    start_with_a_key(w, -MINUTE_MS);
    replica_bench_read(&w->bench, &ring);
    forget_lines(w);
    for (unsigned int i = 0; i < seconds * 10; i++) {
        replica_bench_write_garbage(&w->bench);
        replica_bench_run(&w->bench, 30);
        replica_bench_write(&w->bench, &ring, &w->bench.policy);
        replica_bench_run(&w->bench, 70);
    }
    COUNT(w, "event=realm-problem", count(w, "event="));
    assert_in_range(count(w, "event=realm-problem"), seconds / 2, seconds + 1);
    /* The last word is the truth, a second later at the latest. */
    replica_bench_write_garbage(&w->bench);
    replica_bench_run(&w->bench, APP_JOURNAL_GAP_MS);
    COUNT(w, "event=realm-problem realm=", count(w, "event=realm-problem-over") + 1);
    replica_bench_write(&w->bench, &ring, &w->bench.policy);
    replica_bench_run(&w->bench, APP_JOURNAL_GAP_MS);
    COUNT(w, "event=realm-problem realm=", count(w, "event=realm-problem-over"));
    keyring_fini(&ring);
}

static void problems_are_the_same_when_only_their_numbers_differ(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool want;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"", "1", false},
        {"a", "a", true},
        {"a", "b", false},
        {"a", "ab", false},
        {"1", "22", true},
        {"by 12 ms", "by 3456 ms", true},
        {"by 12 ms", "by ms", false},
        {"by 12 ms", "by 12 s", false},
        {"1a2", "9a99", true},
        {"1a2", "9a", false},
        {"12", "12a", false},
        {"a9", "a", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(app_journal_is_same_problem(rows[i].a, rows[i].b), rows[i].want);
        assert_int_equal(app_journal_is_same_problem(rows[i].b, rows[i].a), rows[i].want);
    }
}

static void no_listener_and_no_timer_is_left(void **state)
{
    struct world *w = *state;

    app_journal_free(NULL);
    size_t timers = fake_time_timer_count(w->bench.time);
    app_journal_free(w->journal);
    w->journal = NULL;
    assert_int_equal(fake_time_timer_count(w->bench.time), timers - 1);
    start(w);
    COUNT(w, "event=", 0);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_fresh_realm_tells_its_first_keys_and_when_one_encrypts),
        IN_WORLD(what_was_in_the_store_is_counted_and_not_called_published),
        IN_WORLD(a_key_encrypts_on_its_millisecond_and_idle_nodes_say_so),
        IN_WORLD(a_day_of_rotation_tells_each_key_once),
        IN_WORLD(a_rotate_tells_what_it_did_to_which_key),
        IN_WORLD(a_revocation_from_elsewhere_is_told),
        IN_WORLD(a_store_that_goes_and_comes_is_told_twice),
        IN_WORLD(a_store_that_is_away_at_the_start_is_told_before_ready),
        IN_WORLD(a_refused_record_is_told_once_and_so_is_its_end),
        IN_WORLD(keys_that_cannot_be_made_are_told_once_and_so_is_their_end),
        IN_WORLD(a_clock_that_jumps_is_told_once_and_again_when_it_is_sound),
        IN_WORLD(what_flaps_is_told_once_a_second_and_its_end_is_not_lost),
        IN_WORLD(problems_are_the_same_when_only_their_numbers_differ),
        IN_WORLD(no_listener_and_no_timer_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
