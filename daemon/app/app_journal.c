/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_journal.h"

#include <stdlib.h>
#include <string.h>

#include "app/ring_view.h"
#include "keyring/schedule.h"
#include "replica/load_pace.h"

/* What is told of at most once a second. */
enum trouble { TROUBLE_CLOCK, TROUBLE_STORE, TROUBLE_PROBLEM, TROUBLE_COUNT };

/* Nothing is known of the store until the first load has ended. */
enum reach { REACH_UNKNOWN, REACH_YES, REACH_NO };

struct app_journal {
    struct app_journal_options options;
    struct timer *timer;
    /* What has been told. */
    bool is_ready;
    struct ring_view seen;
    uint64_t rotations;
    bool is_suspect;
    enum reach reach;
    struct errbuf problem;
    int64_t told_boot[TROUBLE_COUNT]; /* INT64_MIN: never */
    int64_t waits_until;              /* by the boot clock: a line held back may be written */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool app_journal_is_same_problem(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        bool is_number = is_digit(*a) && is_digit(*b);
        if (!is_number && *a != *b) {
            return false;
        }
        while (is_number && is_digit(a[1])) {
            a++;
        }
        while (is_number && is_digit(b[1])) {
            b++;
        }
        a++;
        b++;
    }
    return *a == *b;
}

static const char *realm_of(const struct app_journal *journal)
{
    return replica_realm(journal->options.replica);
}

/* ---- the ring ---- */

static void log_none_encrypts(struct app_journal *journal)
{
    struct replica *replica = journal->options.replica;
    int64_t first = schedule_first_active(replica_ring(replica), replica_now(replica));
    const struct log_field fields[] = {
        log_string("realm", realm_of(journal)),
        log_string("meaning", "no ticket is issued; handshakes are full"),
        log_time("next_active_from", first),
    };

    log_write(journal->options.log, LOG_LEVEL_WARNING, "no-key-encrypts", fields,
              first == SCHEDULE_NEVER ? 2 : 3);
}

static void on_ring_event(void *ctx, enum ring_event event, const struct ring_view_key *was,
                          const struct ring_view_key *is)
{
    struct app_journal *journal = ctx;
    struct log *log = journal->options.log;
    const struct log_field realm = log_string("realm", realm_of(journal));
    const struct log_field key = log_key_name("key", is != NULL ? is->name : was->name);

    switch (event) {
    case RING_KEY_PUBLISHED:
        log_write(log, LOG_LEVEL_INFO, "key-published",
                  LOG_FIELDS(realm, key, log_time("active_from", is->active_from),
                             log_time("retired_from", is->retired_from),
                             log_time("dropped_from", is->dropped_from)));
        break;
    case RING_KEY_PROMOTED:
        log_write(log, LOG_LEVEL_INFO, "key-promoted",
                  LOG_FIELDS(realm, key, log_time("active_from", is->active_from),
                             log_time("active_from_was", was->active_from)));
        break;
    case RING_KEY_SHORTENED:
        log_write(log, LOG_LEVEL_INFO, "key-shortened",
                  LOG_FIELDS(realm, key, log_time("retired_from", is->retired_from),
                             log_time("retired_from_was", was->retired_from),
                             log_time("dropped_from", is->dropped_from),
                             log_time("dropped_from_was", was->dropped_from)));
        break;
    case RING_KEY_REVOKED:
        log_write(log, LOG_LEVEL_WARNING, "key-revoked", LOG_FIELDS(realm, key));
        break;
    case RING_KEY_DROPPED:
        log_write(log, LOG_LEVEL_INFO, "key-dropped",
                  LOG_FIELDS(realm, key, log_time("dropped_from", (is ? is : was)->dropped_from)));
        break;
    case RING_KEY_ENCRYPTS:
        journal->rotations += journal->seen.has_encrypting ? 1 : 0;
        log_write(log, LOG_LEVEL_INFO, "key-encrypts",
                  LOG_FIELDS(realm, key, log_time("active_from", is->active_from),
                             log_time("retired_from", is->retired_from)));
        break;
    case RING_NONE_ENCRYPTS:
        log_none_encrypts(journal);
        break;
    }
}

/* What was in the store when the daemon came is not news key by key: one line counts it. */
static void tell_ready(struct app_journal *journal, struct ring_view *now)
{
    journal->is_ready = true;
    log_write(journal->options.log, LOG_LEVEL_INFO, "realm-ready",
              LOG_FIELDS(log_string("realm", realm_of(journal)),
                         log_int("entries", (int64_t)now->count)));
    if (now->has_encrypting) {
        for (size_t i = 0; i < now->count; i++) {
            if (memcmp(now->keys[i].name, now->encrypting, KEY_NAME_LEN) == 0) {
                on_ring_event(journal, RING_KEY_ENCRYPTS, NULL, &now->keys[i]);
            }
        }
    }
}

static void look_at_ring(struct app_journal *journal)
{
    struct replica *replica = journal->options.replica;
    struct ring_view now = {0};

    /* Without memory the next look tells what this one cannot: `seen` stays. */
    if (!replica_is_ready(replica) ||
        ring_view_take(&now, replica_ring(replica), replica_now(replica)) != ERR_OK) {
        return;
    }
    if (!journal->is_ready) {
        tell_ready(journal, &now);
    } else {
        ring_view_compare(&journal->seen, &now, on_ring_event, journal);
    }
    ring_view_fini(&journal->seen);
    journal->seen = now; /* moves */
}

/* ---- clock, store, problems ---- */

/* False: too soon after the last line of this kind; there will be another look. */
static bool may_tell(struct app_journal *journal, enum trouble kind)
{
    int64_t now = clock_boot_ms(journal->options.clock);
    int64_t from = clock_add_ms(journal->told_boot[kind], APP_JOURNAL_GAP_MS);

    if (journal->told_boot[kind] != INT64_MIN && now < from) {
        journal->waits_until = from < journal->waits_until ? from : journal->waits_until;
        return false;
    }
    journal->told_boot[kind] = now;
    return true;
}

/* The replica's comes first: the rotator waits until it is over. */
static const char *problem_of(const struct app_journal *journal)
{
    const char *problem = replica_problem(journal->options.replica);

    if (problem[0] == '\0' && journal->options.rotator != NULL) {
        problem = rotator_problem(journal->options.rotator);
    }
    return problem;
}

/* A line about clock or store carries the problem with it, which is then told. */
static void tell_trouble(struct app_journal *journal, bool is_bad, const char *event)
{
    const char *problem = problem_of(journal);
    const struct log_field fields[] = {
        log_string("realm", realm_of(journal)),
        log_string("problem", problem),
    };

    log_write(journal->options.log, is_bad ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, event, fields,
              problem[0] == '\0' ? 1 : 2);
    errbuf_set(&journal->problem, "%s", problem);
}

static enum reach reach_now(const struct app_journal *journal)
{
    const struct replica *replica = journal->options.replica;

    if (replica_store_is_reachable(replica)) {
        return REACH_YES;
    }
    bool has_tried = journal->reach != REACH_UNKNOWN || replica_problem(replica)[0] != '\0';
    return has_tried ? REACH_NO : REACH_UNKNOWN;
}

static void look_at_troubles(struct app_journal *journal)
{
    const struct replica *replica = journal->options.replica;
    bool is_suspect = replica_is_suspect(replica);
    enum reach reach = reach_now(journal);

    if (is_suspect != journal->is_suspect && may_tell(journal, TROUBLE_CLOCK)) {
        journal->is_suspect = is_suspect;
        tell_trouble(journal, is_suspect, is_suspect ? "clock-suspect" : "clock-sound");
    }
    if (reach == REACH_YES && journal->reach == REACH_UNKNOWN) {
        journal->reach = reach; /* realm-ready says so */
    }
    if (reach != journal->reach && may_tell(journal, TROUBLE_STORE)) {
        journal->reach = reach;
        tell_trouble(journal, reach == REACH_NO,
                     reach == REACH_NO ? "store-unreachable" : "store-reachable");
    }
    const char *problem = problem_of(journal);
    if (!app_journal_is_same_problem(problem, journal->problem.text) &&
        may_tell(journal, TROUBLE_PROBLEM)) {
        bool is_over = problem[0] == '\0';
        tell_trouble(journal, !is_over, is_over ? "realm-problem-over" : "realm-problem");
    }
}

/* ---- when to look ---- */

static void look(struct app_journal *journal)
{
    struct replica *replica = journal->options.replica;
    int64_t now = replica_now(replica);
    int64_t every = load_pace_every(replica_policy(replica)->sync_interval_ms);

    journal->waits_until = INT64_MAX;
    look_at_troubles(journal);
    look_at_ring(journal);
    int64_t wait = every > APP_JOURNAL_GAP_MS ? every : APP_JOURNAL_GAP_MS;
    int64_t to_date = clock_between_ms(now, ring_view_next_date(&journal->seen, now));
    int64_t to_line = clock_between_ms(clock_boot_ms(journal->options.clock), journal->waits_until);
    wait = to_date < wait ? to_date : wait;
    wait = to_line < wait ? to_line : wait;
    timer_arm(journal->options.timers, journal->timer, wait);
}

static void on_look(void *arg)
{
    look(arg);
}

enum err app_journal_new(const struct app_journal_options *options,
                         struct app_journal **out_journal)
{
    struct app_journal *journal = calloc(1, sizeof(*journal));
    enum err rc = ERR_NOMEM;

    if (journal == NULL) {
        return ERR_NOMEM;
    }
    journal->options = *options;
    for (size_t i = 0; i < TROUBLE_COUNT; i++) {
        journal->told_boot[i] = INT64_MIN;
    }
    const struct replica_events events = {
        .on_changed = on_look, .on_loaded = on_look, .ctx = journal};
    journal->timer = timer_new(options->timers, on_look, journal);
    if (journal->timer != NULL) {
        rc = replica_listen(options->replica, &events);
    }
    if (rc != ERR_OK) {
        timer_free(options->timers, journal->timer);
        free(journal);
        return rc;
    }
    timer_arm(options->timers, journal->timer, APP_JOURNAL_GAP_MS);
    *out_journal = journal;
    return ERR_OK;
}

uint64_t app_journal_rotations(const struct app_journal *journal)
{
    return journal->rotations;
}

void app_journal_free(struct app_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    replica_unlisten(journal->options.replica, journal);
    timer_free(journal->options.timers, journal->timer);
    ring_view_fini(&journal->seen);
    free(journal);
}
