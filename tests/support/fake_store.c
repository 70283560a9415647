/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct record {
    bool present;
    struct store_version version;
    int64_t expires_at_ms;
    uint8_t *bytes; /* owned */
    size_t len;
};

struct fake_store {
    struct fake_time *time;
    struct fake_random *random;
    int64_t skew_ms;
    struct record history[FAKE_STORE_HISTORY]; /* [0] is what the store holds now */
    struct fake_link *links;
    char realm[REALM_NAME_MAX + 1]; /* whose record it is: the first one put */
    bool loses_next_put;
    bool is_split;
    struct record other;       /* while it is split: what side 1 holds */
    unsigned int side_puts[2]; /* since it was split */
    struct fake_store_stats stats;
};

enum flight_phase { FLIGHT_OUT, FLIGHT_BACK };

/* A request on its way, then its answer. It outlives its operation: what was cancelled or timed
 * out may still arrive. */
struct flight {
    struct fake_link *link;
    struct flight *next;
    struct store_op *op; /* NULL: nobody waits any more */
    struct timer *travel;
    struct timer *patience;
    enum flight_phase phase;
    enum store_op_kind kind;
    char realm[REALM_NAME_MAX + 1];
    bool has_expected;
    struct store_version expected;
    int64_t not_after_ms;
    enum err failure;
    struct record record; /* put: what to store; load: what was found */
    struct store_result result;
    bool is_lost;
};

struct fake_link {
    struct store base;
    struct fake_store *place;
    struct fake_link *next;
    struct fake_faults faults;
    int64_t timeout_ms;
    unsigned int side;
    struct flight *flights;
    store_changed_fn changed;
    void *changed_ctx;
    char watched[REALM_NAME_MAX + 1];
    struct timer *hint;
    unsigned int depth; /* callbacks under way */
    bool is_closed;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static void record_fini(struct record *record)
{
    free(record->bytes);
    *record = (struct record){0};
}

static struct record record_copy(const struct record *from)
{
    struct record copy = *from;

    copy.bytes = must(malloc(from->len + 1));
    if (from->len > 0) {
        memcpy(copy.bytes, from->bytes, from->len);
    }
    return copy;
}

static void copy_realm(char *to, const char *from)
{
    if (text_copy(to, REALM_NAME_MAX + 1, from) != ERR_OK) {
        abort();
    }
}

/* --- the place --- */

static void push_record(struct fake_store *place, const struct record *record)
{
    record_fini(&place->history[FAKE_STORE_HISTORY - 1]);
    memmove(&place->history[1], &place->history[0],
            (FAKE_STORE_HISTORY - 1) * sizeof(place->history[0]));
    place->history[0] = *record; /* moves */
}

static struct record *present_record(struct fake_store *place, const char *realm)
{
    struct record *record = &place->history[0];

    if (!record->present || strcmp(place->realm, realm) != 0 ||
        fake_store_wall(place) >= record->expires_at_ms) {
        return NULL;
    }
    return record;
}

static void give_hints(struct fake_store *place, unsigned int side)
{
    for (struct fake_link *link = place->links; link != NULL; link = link->next) {
        if (link->changed != NULL && (!place->is_split || link->side == side) &&
            strcmp(link->watched, place->realm) == 0 && !link->faults.is_cut &&
            !fake_random_chance(place->random, link->faults.lose_hint_percent)) {
            timer_arm(fake_time_timers(place->time), link->hint, link->faults.delay_min_ms);
        }
    }
}

static void place_put(struct fake_store *place, struct flight *flight)
{
    const struct record *held = present_record(place, flight->realm);

    if (flight->failure != ERR_OK) {
        flight->result.code = flight->failure;
        flight->result.why = "the record cannot be put";
        return;
    }
    if (fake_store_wall(place) > flight->not_after_ms) {
        flight->result.code = ERR_TIMEOUT;
        flight->result.why = "the put came too late";
        place->stats.late++;
        return;
    }
    if ((held != NULL) != flight->has_expected ||
        (held != NULL &&
         memcmp(held->version.bytes, flight->expected.bytes, STORE_VERSION_LEN) != 0)) {
        flight->result.code = ERR_CONFLICT;
        flight->result.why = "the record was changed by somebody else first";
        place->stats.conflicts++;
        return;
    }
    place->stats.puts++;
    place->side_puts[flight->link->side]++;
    if (place->loses_next_put) {
        place->loses_next_put = false;
        place->stats.lost_puts++;
        return;
    }
    copy_realm(place->realm, flight->realm);
    struct record record = record_copy(&flight->record);
    push_record(place, &record);
    give_hints(place, flight->link->side);
}

static void place_load(struct fake_store *place, struct flight *flight)
{
    const struct record *held = present_record(place, flight->realm);

    if (held != NULL) {
        flight->record = record_copy(held);
        flight->result.present = true;
        flight->result.version = held->version;
        flight->result.record = (struct slice){flight->record.bytes, flight->record.len};
    }
}

/* --- flights --- */

static const struct timers *timers_of(const struct fake_link *link)
{
    return fake_time_timers(link->place->time);
}

static void flight_free(struct flight *flight)
{
    struct flight **at = &flight->link->flights;

    while (*at != flight) {
        at = &(*at)->next;
    }
    *at = flight->next;
    timer_free(timers_of(flight->link), flight->travel);
    timer_free(timers_of(flight->link), flight->patience);
    record_fini(&flight->record);
    free(flight);
}

static void link_destroy(struct fake_link *link)
{
    struct fake_link **at = &link->place->links;

    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    while (link->flights != NULL) {
        flight_free(link->flights);
    }
    timer_free(timers_of(link), link->hint);
    free(link);
}

static void link_enter(struct fake_link *link)
{
    link->depth++;
}

static void link_leave(struct fake_link *link)
{
    link->depth--;
    if (link->is_closed && link->depth == 0) {
        link_destroy(link);
    }
}

static void flight_answer(struct flight *flight, const struct store_result *result)
{
    struct store_op *op = flight->op;

    flight->op = NULL;
    timer_disarm(timers_of(flight->link), flight->patience);
    if (op != NULL) {
        store_op_finish(op, result);
    }
}

static int64_t draw_delay(struct fake_link *link)
{
    const struct fake_faults *faults = &link->faults;
    uint64_t span = (uint64_t)(faults->delay_max_ms - faults->delay_min_ms);

    return faults->delay_min_ms + (int64_t)fake_random_below(link->place->random, span + 1);
}

/* Puts the record of that side where everything looks for it, or back. */
static void swap_sides(struct fake_store *place, unsigned int side)
{
    if (place->is_split && side == 1) {
        struct record first = place->history[0];
        place->history[0] = place->other;
        place->other = first;
    }
}

static void flight_arrive(struct flight *flight)
{
    struct fake_link *link = flight->link;

    flight->phase = FLIGHT_BACK;
    if (link->faults.is_cut || flight->is_lost) {
        return; /* its patience ends it */
    }
    flight->result = (struct store_result){.code = ERR_OK, .why = ""};
    flight->result.store_time_ms = fake_store_wall(link->place);
    if (flight->kind == STORE_OP_PUT) {
        flight->failure = link->faults.is_full ? ERR_REFUSED : flight->failure;
        place_put(link->place, flight);
    } else {
        place_load(link->place, flight);
    }
    if (!fake_random_chance(link->place->random, link->faults.lose_reply_percent)) {
        timer_arm(timers_of(link), flight->travel, draw_delay(link));
    }
}

static void on_travel(void *arg)
{
    struct flight *flight = arg;
    struct fake_link *link = flight->link;

    if (flight->phase == FLIGHT_OUT) {
        flight_arrive(flight);
        return;
    }
    if (link->faults.is_cut) {
        return;
    }
    link_enter(link);
    flight_answer(flight, &flight->result);
    flight_free(flight);
    link_leave(link);
}

static void on_patience(void *arg)
{
    struct flight *flight = arg;
    struct fake_link *link = flight->link;
    const struct store_result result = {.code = ERR_TIMEOUT, .why = "the store did not answer"};

    link_enter(link);
    flight_answer(flight, &result);
    if (flight->phase == FLIGHT_BACK) {
        flight_free(flight);
    }
    link_leave(link);
}

/* --- the interface --- */

static void link_start(struct store *base, struct store_op *op)
{
    struct fake_link *link = (struct fake_link *)base;
    struct flight *flight = must(calloc(1, sizeof(*flight)));
    const struct record record = {
        .present = true,
        .version = op->next_version,
        .expires_at_ms = op->expires_at_ms,
        .bytes = op->record.at,
        .len = op->record.len,
    };

    flight->link = link;
    flight->op = op;
    flight->kind = op->kind;
    flight->has_expected = op->has_expected;
    flight->expected = op->expected;
    flight->not_after_ms = op->not_after_ms;
    flight->failure = op->failure;
    flight->is_lost = fake_random_chance(link->place->random, link->faults.lose_request_percent);
    copy_realm(flight->realm, op->realm);
    if (op->kind == STORE_OP_PUT) {
        flight->record = record_copy(&record);
    }
    flight->travel = timer_new(timers_of(link), on_travel, flight);
    flight->patience = timer_new(timers_of(link), on_patience, flight);
    flight->next = link->flights;
    link->flights = flight;
    timer_arm(timers_of(link), flight->travel, draw_delay(link));
    timer_arm(timers_of(link), flight->patience, link->timeout_ms);
}

static void link_cancel(struct store *base, struct store_op *op)
{
    struct fake_link *link = (struct fake_link *)base;

    for (struct flight *flight = link->flights; flight != NULL; flight = flight->next) {
        if (flight->op == op) {
            flight->op = NULL;
        }
    }
}

static enum err link_watch(struct store *base, const char *realm, store_changed_fn changed,
                           void *ctx)
{
    struct fake_link *link = (struct fake_link *)base;

    link->changed = changed;
    link->changed_ctx = ctx;
    copy_realm(link->watched, realm);
    timer_disarm(timers_of(link), link->hint);
    return ERR_OK;
}

static void on_hint(void *arg)
{
    struct fake_link *link = arg;

    link_enter(link);
    if (link->changed != NULL) {
        link->changed(link->changed_ctx, link->watched);
    }
    link_leave(link);
}

static void link_close(struct store *base)
{
    struct fake_link *link = (struct fake_link *)base;

    for (struct flight *flight = link->flights; flight != NULL; flight = flight->next) {
        if (flight->op != NULL) {
            store_cancel(base, flight->op);
        }
    }
    link->changed = NULL;
    timer_disarm(timers_of(link), link->hint);
    link->is_closed = true;
    if (link->depth == 0) {
        link_destroy(link);
    }
}

static const struct store_ops link_ops = {
    .type = "fake",
    .load = link_start,
    .put = link_start,
    .cancel = link_cancel,
    .watch = link_watch,
    .close = link_close,
};

struct fake_store *fake_store_new(struct fake_time *time, struct fake_random *random)
{
    struct fake_store *place = must(calloc(1, sizeof(*place)));

    place->time = time;
    place->random = random;
    return place;
}

void fake_store_free(struct fake_store *place)
{
    assert(place->links == NULL);
    for (size_t i = 0; i < FAKE_STORE_HISTORY; i++) {
        record_fini(&place->history[i]);
    }
    record_fini(&place->other);
    free(place);
}

struct fake_link *fake_store_connect(struct fake_store *place, int64_t timeout_ms)
{
    struct fake_link *link = must(calloc(1, sizeof(*link)));

    link->base.ops = &link_ops;
    link->place = place;
    link->timeout_ms = timeout_ms;
    link->hint = timer_new(timers_of(link), on_hint, link);
    link->next = place->links;
    place->links = link;
    return link;
}

struct store *fake_link_store(struct fake_link *link)
{
    return &link->base;
}

struct fake_faults *fake_link_faults(struct fake_link *link)
{
    return &link->faults;
}

void fake_store_set_skew(struct fake_store *place, int64_t skew_ms)
{
    place->skew_ms = skew_ms;
}

int64_t fake_store_wall(const struct fake_store *place)
{
    return fake_time_wall(place->time) + place->skew_ms;
}

void fake_store_flush(struct fake_store *place)
{
    const struct record nothing = {0};

    push_record(place, &nothing);
}

bool fake_store_roll_back(struct fake_store *place, unsigned int back)
{
    assert(back < FAKE_STORE_HISTORY);
    if (!place->history[back].present) {
        return false;
    }
    struct record old = record_copy(&place->history[back]);
    push_record(place, &old);
    return true;
}

void fake_store_lose_next_put(struct fake_store *place, bool is_wanted)
{
    place->loses_next_put = is_wanted;
}

void fake_store_split(struct fake_store *place)
{
    assert(!place->is_split);
    place->is_split = true;
    place->other = record_copy(&place->history[0]);
    place->side_puts[0] = 0;
    place->side_puts[1] = 0;
}

void fake_link_set_side(struct fake_link *link, unsigned int side)
{
    assert(side < 2);
    link->side = side;
}

unsigned int fake_store_unite(struct fake_store *place, unsigned int winner)
{
    assert(place->is_split && winner < 2);
    swap_sides(place, winner);
    place->is_split = false;
    record_fini(&place->other);
    return place->side_puts[1 - winner];
}

bool fake_store_is_split(const struct fake_store *place)
{
    return place->is_split;
}

void fake_store_write(struct fake_store *place, const char *realm, struct slice bytes,
                      const struct store_version *version)
{
    struct record record = {
        .present = true, .version = *version, .expires_at_ms = INT64_MAX, .len = bytes.len};

    record.bytes = must(malloc(bytes.len + 1));
    if (bytes.len > 0) {
        memcpy(record.bytes, bytes.at, bytes.len);
    }
    copy_realm(place->realm, realm);
    push_record(place, &record);
    give_hints(place, 0);
}

bool fake_store_present(const struct fake_store *place)
{
    return place->history[0].present;
}

struct slice fake_store_record(const struct fake_store *place)
{
    return (struct slice){place->history[0].bytes, place->history[0].len};
}

const struct fake_store_stats *fake_store_get_stats(const struct fake_store *place)
{
    return &place->stats;
}
