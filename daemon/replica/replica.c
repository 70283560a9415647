/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/replica.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/check.h"
#include "replica/held_ring.h"
#include "replica/listeners.h"
#include "replica/load_pace.h"
#include "replica/policy_trouble.h"
#include "replica/sound_clock.h"
#include "store/vault.h"

#define TIDY_DELAY_MAX INT64_C(60000) /* wall clocks are set: look again at least this often */

struct replica {
    char realm[REALM_NAME_MAX + 1];
    struct policy policy;
    uint64_t policy_changes;
    struct store *store;
    const struct timers *timers;
    const struct random_source *random;
    struct sound_clock clock;
    struct listeners listeners;

    struct held_ring held;
    bool is_ready;
    int64_t as_of;
    uint64_t revision; /* the greatest seen */

    struct stored_record stored;
    struct vault_load load;
    struct sound_clock_mark sent; /* of the load under way */
    int64_t sent_boot;
    bool is_overtaken; /* the load under way was sent too early to tell what the store holds */
    bool load_again;
    bool is_reachable;
    unsigned int failures; /* loads failed in a row */
    struct timer *load_timer;
    struct timer *tidy_timer;

    bool has_news; /* something listeners have not been told */
    bool told_suspect;
    struct errbuf trouble;
    struct errbuf policy_trouble;
};

static void start_load(struct replica *replica);

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- telling --- */

static void tell_changed(struct replica *replica)
{
    if (replica->told_suspect != replica->clock.is_suspect) {
        replica->told_suspect = replica->clock.is_suspect;
        replica->has_news = true;
    }
    if (!replica->has_news) {
        return;
    }
    replica->has_news = false;
    listeners_tell_changed(&replica->listeners);
}

/* --- wiping by timer (R7) --- */

static void tidy(struct replica *replica)
{
    int64_t now = sound_clock_now(&replica->clock);

    /* R10: who does not know the time wipes nothing; the next sound look will. */
    if (!replica->clock.is_suspect) {
        stored_record_tidy(&replica->stored, now);
        enum err rc = held_ring_tidy(&replica->held, now, &replica->has_news);
        if (rc != ERR_OK) {
            errbuf_set(&replica->trouble, "cannot forget old keys: %s", err_text(rc));
        }
    }
    int64_t next = held_ring_next_tidy(&replica->held, now);
    int64_t delay = next - now < TIDY_DELAY_MAX ? next - now : TIDY_DELAY_MAX;
    timer_arm(replica->timers, replica->tidy_timer, delay);
}

static void on_tidy_timer(void *arg)
{
    struct replica *replica = arg;

    tidy(replica);
    tell_changed(replica);
}

/* --- loading --- */

static int64_t retry_delay(struct replica *replica)
{
    uint32_t draw = 0;

    (void)!random_fill(replica->random, (uint8_t *)&draw, sizeof(draw));
    return load_pace_retry(replica->policy.sync_interval_ms, replica->failures, draw);
}

static void schedule_load(struct replica *replica)
{
    if (replica->load_again) {
        start_load(replica);
        return;
    }
    int64_t passed = clock_boot_ms(replica->clock.clock) - replica->sent_boot;
    int64_t wait = load_pace_every(replica->policy.sync_interval_ms) - passed;

    if (replica->failures > 0) {
        wait = retry_delay(replica);
    }
    timer_arm(replica->timers, replica->load_timer, wait > 0 ? wait : 0);
}

/* R8: one bad key refuses the whole record. */
static enum err check_record(struct replica *replica, const struct vault_loaded *loaded,
                             struct errbuf *why)
{
    /* Where this clock lags behind the store's it must not call a sound key one of the future. */
    int64_t now = sound_clock_now(&replica->clock);
    int64_t latest = later_of(loaded->store_time_ms, now);

    enum err rc = check_arrival(&loaded->record->ring, latest, why);
    if (rc != ERR_OK) {
        return rc;
    }
    return check_same_birth(&replica->held.ring, &loaded->record->ring, why);
}

static enum err merge_record(struct replica *replica, const struct wire_record *record)
{
    if (replica->clock.is_suspect) {
        return held_ring_merge(&replica->held, &record->ring, &replica->has_news);
    }
    return held_ring_merge_live(&replica->held, &record->ring, sound_clock_now(&replica->clock),
                                &replica->has_news);
}

/* Merges what came. `*out_unreadable`: it came, but it is not fit to be merged. Any other failure
 * is ours and passes. */
static enum err take_record(struct replica *replica, const struct vault_loaded *loaded,
                            enum err *out_unreadable)
{
    struct errbuf why = {""};
    enum err unreadable = loaded->unreadable;

    if (unreadable != ERR_OK) {
        errbuf_set(&why, "%s", loaded->why);
    } else {
        unreadable = check_record(replica, loaded, &why);
    }
    if (unreadable == ERR_NOMEM || unreadable == ERR_CRYPTO) {
        return unreadable;
    }
    *out_unreadable = unreadable;
    if (unreadable != ERR_OK) {
        errbuf_set(&replica->trouble, "the record in the store is refused%s: %.250s",
                   replica->is_ready ? "" : ", and nothing is served until it is sound or deleted",
                   why.text);
        return ERR_OK;
    }
    if (loaded->record->revision > replica->revision) {
        replica->revision = loaded->record->revision;
    }
    policy_trouble_note(&replica->policy_trouble, &replica->policy, loaded->record);
    return merge_record(replica, loaded->record);
}

static enum err take_answer(struct replica *replica, const struct vault_loaded *loaded)
{
    enum err unreadable = ERR_OK;

    replica->trouble.text[0] = '\0';
    if (!loaded->is_known) {
        enum err rc = loaded->present ? take_record(replica, loaded, &unreadable) : ERR_OK;
        if (rc != ERR_OK) {
            return rc;
        }
        if (!replica->is_overtaken) {
            stored_record_note(&replica->stored, loaded, unreadable);
        }
    }
    if (unreadable == ERR_OK) {
        replica->as_of = later_of(replica->as_of, replica->sent.now);
        replica->has_news |= !replica->is_ready;
        replica->is_ready = true;
    }
    return ERR_OK;
}

static void note_failure(struct replica *replica, const char *why)
{
    replica->failures++;
    errbuf_set(&replica->trouble, "cannot read the store: %.300s", why);
}

static void on_load(void *ctx, const struct vault_loaded *loaded)
{
    struct replica *replica = ctx;
    bool is_overtaken = replica->is_overtaken;
    bool has_answer = loaded->code == ERR_OK;

    replica->is_reachable = has_answer;
    if (!has_answer) {
        note_failure(replica, loaded->why);
    } else {
        sound_clock_compare(&replica->clock, &replica->sent, loaded->store_time_ms);
        enum err rc = take_answer(replica, loaded);
        has_answer = rc == ERR_OK;
        if (has_answer) {
            replica->failures = 0;
        } else {
            note_failure(replica, err_text(rc));
        }
    }
    tidy(replica);
    schedule_load(replica);
    tell_changed(replica);
    if (has_answer && !is_overtaken) {
        listeners_tell_loaded(&replica->listeners);
    }
}

static void start_load(struct replica *replica)
{
    timer_disarm(replica->timers, replica->load_timer);
    replica->is_overtaken = false;
    replica->load_again = false;
    replica->sent = sound_clock_mark(&replica->clock);
    replica->sent_boot = clock_boot_ms(replica->clock.clock);
    vault_load(replica->store, &replica->load, replica->realm,
               stored_record_known(&replica->stored));
}

static bool is_loading(const struct replica *replica)
{
    return replica->load.op.kind != STORE_OP_IDLE;
}

static void on_load_timer(void *arg)
{
    start_load(arg);
}

static void on_hint(void *ctx, const char *realm)
{
    struct replica *replica = ctx;

    (void)realm;
    if (is_loading(replica)) {
        replica->load_again = true;
    } else {
        start_load(replica);
    }
}

void replica_reload(struct replica *replica)
{
    if (is_loading(replica)) {
        replica->is_overtaken = true;
        replica->load_again = true;
    } else {
        start_load(replica);
    }
}

/* --- what the rotator has put --- */

enum err replica_accept_stored(struct replica *replica, const struct keyring *ring,
                               const struct store_version *version, uint64_t revision,
                               int64_t as_of_ms, int64_t store_time_ms)
{
    struct sound_clock_mark sent = sound_clock_mark(&replica->clock);
    struct keyring copy = {0};

    sent.now = as_of_ms;
    if (!replica->clock.is_suspect) {
        sound_clock_compare(&replica->clock, &sent, store_time_ms);
    }
    enum err rc = keyring_copy(&copy, ring);
    if (rc == ERR_OK) {
        rc = held_ring_merge(&replica->held, ring, &replica->has_news);
    }
    if (rc == ERR_OK) {
        stored_record_take(&replica->stored, version, &copy);
        if (replica->load.sealing != NULL) {
            replica->load.sealing->seals_by(replica->load.sealing->ctx, replica->stored.sealed_by);
        }
        replica->revision = revision > replica->revision ? revision : replica->revision;
        replica->as_of = later_of(replica->as_of, as_of_ms);
        replica->is_reachable = true;
        replica->trouble.text[0] = '\0';
        replica->policy_trouble.text[0] = '\0'; /* the record is under ours now */
        if (is_loading(replica)) {
            replica->is_overtaken = true;
            replica->load_again = true;
        }
    }
    keyring_fini(&copy);
    tidy(replica);
    tell_changed(replica);
    return rc;
}

enum err replica_accept_revocation(struct replica *replica, const struct keyring *ring)
{
    enum err rc = held_ring_merge(&replica->held, ring, &replica->has_news);

    if (rc == ERR_OK) {
        tidy(replica);
        tell_changed(replica);
    }
    return rc;
}

uint64_t replica_revocations(const struct replica *replica)
{
    return replica->held.revocations;
}

const struct stored_record *replica_last_stored(const struct replica *replica)
{
    return &replica->stored;
}

int64_t replica_store_offset(const struct replica *replica)
{
    return replica->clock.store_offset;
}

/* --- life --- */

enum err replica_new(const struct replica_options *options, struct replica **out_replica)
{
    struct replica *replica = NULL;

    if (!text_is_realm_name(options->realm)) {
        return ERR_INVALID;
    }
    replica = calloc(1, sizeof(*replica));
    if (replica == NULL) {
        return ERR_NOMEM;
    }
    replica->policy = options->policy;
    replica->store = options->store;
    replica->timers = options->timers;
    replica->random = options->random;
    replica->load.done = on_load;
    replica->load.ctx = replica;
    replica->load.sealing = options->sealing;
    sound_clock_init(&replica->clock, options->clock);
    enum err rc = text_copy(replica->realm, sizeof(replica->realm), options->realm);
    if (rc == ERR_OK) {
        rc = held_ring_init(&replica->held, options->realm);
    }
    if (rc == ERR_OK) {
        rc = stored_record_init(&replica->stored, options->realm);
    }
    if (rc == ERR_OK) {
        replica->load_timer = timer_new(options->timers, on_load_timer, replica);
        replica->tidy_timer = timer_new(options->timers, on_tidy_timer, replica);
        rc = replica->load_timer == NULL || replica->tidy_timer == NULL ? ERR_NOMEM : ERR_OK;
    }
    if (rc != ERR_OK) {
        replica_free(replica);
        return rc;
    }
    *out_replica = replica; /* moves to the caller */
    return ERR_OK;
}

enum err replica_listen(struct replica *replica, const struct replica_events *events)
{
    return listeners_add(&replica->listeners, events);
}

void replica_unlisten(struct replica *replica, const void *ctx)
{
    listeners_remove(&replica->listeners, ctx);
}

void replica_start(struct replica *replica)
{
    /* Hints only save time: without memory for them the timer still finds every change. */
    (void)!store_watch(replica->store, replica->realm, on_hint, replica);
    start_load(replica);
}

void replica_free(struct replica *replica)
{
    if (replica == NULL) {
        return;
    }
    (void)!store_watch(replica->store, replica->realm, NULL, NULL);
    vault_load_cancel(replica->store, &replica->load);
    timer_free(replica->timers, replica->load_timer);
    timer_free(replica->timers, replica->tidy_timer);
    held_ring_fini(&replica->held);
    stored_record_fini(&replica->stored);
    free(replica);
}

/* --- looking --- */

const char *replica_realm(const struct replica *replica)
{
    return replica->realm;
}

void replica_set_policy(struct replica *replica, const struct policy *policy)
{
    replica->policy = *policy;
    replica->policy_changes++;
    replica->policy_trouble.text[0] = '\0'; /* it was about the old one */
    replica->has_news = true;
    replica_reload(replica);
    tell_changed(replica);
}

uint64_t replica_policy_changes(const struct replica *replica)
{
    return replica->policy_changes;
}

const struct policy *replica_policy(const struct replica *replica)
{
    return &replica->policy;
}

bool replica_is_ready(const struct replica *replica)
{
    return replica->is_ready;
}

bool replica_is_suspect(const struct replica *replica)
{
    return replica->clock.is_suspect;
}

int64_t replica_now(struct replica *replica)
{
    return sound_clock_now(&replica->clock);
}

int64_t replica_as_of(const struct replica *replica)
{
    return replica->as_of;
}

uint64_t replica_revision(const struct replica *replica)
{
    return replica->revision;
}

const struct keyring *replica_ring(const struct replica *replica)
{
    return &replica->held.ring;
}

const uint8_t *replica_digest(const struct replica *replica)
{
    return replica->held.digest;
}

const char *replica_problem(const struct replica *replica)
{
    if (replica->trouble.text[0] != '\0') {
        return replica->trouble.text;
    }
    if (replica->clock.problem.text[0] != '\0') {
        return replica->clock.problem.text;
    }
    return replica->policy_trouble.text;
}

bool replica_policy_differs(const struct replica *replica)
{
    return replica->policy_trouble.text[0] != '\0';
}

bool replica_store_is_reachable(const struct replica *replica)
{
    return replica->is_reachable;
}
