/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong, and when. Each seed enables a random half of the faults, so that some runs are
 * all about the store and others all about the network.
 */
#include <stdio.h>
#include <string.h>

#include "sim/invariants.h"
#include "sim/world.h"

#define GAP_MIN_MS 2000
#define GAP_MAX_MS 25000

struct fault {
    const char *name;
    void (*strike)(struct world *world);
};

static int64_t sync_interval(const struct world *world)
{
    return world->policy.sync_interval_ms;
}

/* --- the fault budget of I1 (invariants.h) --- */

static void overdraw(struct world *world)
{
    invariants_unsettle(world);
    world->chaos.i1_void_until = world_boot(world) + policy_key_life_ms(&world->policy);
}

/* Whether what this daemon knows would be known without it. */
static bool is_replaceable(const struct world *world, const struct sim_daemon *daemon)
{
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        const struct sim_daemon *other = &world->daemons[i];
        if (i != daemon->id && other->is_up &&
            keyring_covers(replica_ring(other->replica), replica_ring(daemon->replica))) {
            return true;
        }
    }
    return false;
}

/* Whether `daemon` may be struck now. While a loss is being healed only one may, not the only one
 * that knows of something, and it must be struck wholly: one that still reads but can no longer
 * write is worse than one that is dead. */
static bool may_strike(struct world *world, const struct sim_daemon *daemon, bool is_whole)
{
    struct chaos *chaos = &world->chaos;
    int id = (int)daemon->id;

    if (!daemon->is_up) {
        return false;
    }
    if (world_boot(world) >= chaos->loss_until) {
        return true;
    }
    if (is_whole && (chaos->struck < 0 || chaos->struck == id) && is_replaceable(world, daemon)) {
        chaos->struck = id;
        return true;
    }
    if (chaos->is_wild) {
        overdraw(world);
    }
    return chaos->is_wild;
}

static bool is_well(const struct world *world, const struct sim_daemon *daemon)
{
    return daemon->is_up && replica_is_ready(daemon->replica) &&
           !replica_is_suspect(daemon->replica) && daemon->clock.skew_ms == daemon->skew_ms &&
           !fake_link_faults(daemon->link)->is_cut &&
           world_boot(world) - daemon->well_since > sync_interval(world) &&
           world_now(world) - replica_as_of(daemon->replica) < sync_interval(world) / 2;
}

/* Whether the store may lose something now. */
static bool may_lose(struct world *world)
{
    struct chaos *chaos = &world->chaos;
    bool is_calm = world_boot(world) >= chaos->loss_until;

    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        is_calm = is_calm && is_well(world, &world->daemons[i]);
    }
    if (!is_calm && !chaos->is_wild) {
        return false;
    }
    if (!is_calm) {
        overdraw(world);
    }
    chaos->struck = -1;
    chaos->last_loss = world_boot(world);
    if (!fake_store_is_split(world->place)) {
        chaos->loss_until = world_boot(world) + 3 * sync_interval(world);
    }
    return true;
}

/* --- faults --- */

static struct sim_daemon *any_daemon(struct world *world)
{
    return &world->daemons[world_draw(world, WORLD_DAEMONS)];
}

static void strike_crash(struct world *world)
{
    struct sim_daemon *daemon = any_daemon(world);

    if (may_strike(world, daemon, true)) {
        sim_daemon_crash(daemon, 500 + world_draw(world, 40000));
    }
}

static void strike_link(struct world *world, const struct fake_faults *faults, const char *what)
{
    struct sim_daemon *daemon = any_daemon(world);

    if (!may_strike(world, daemon, faults->is_cut)) {
        return;
    }
    world_note(world, "d%u store link: %s", daemon->id, what);
    *fake_link_faults(daemon->link) = *faults;
    daemon->well_since = INT64_MAX;
    timer_arm(fake_time_timers(world->time), daemon->link_repair, 1000 + world_draw(world, 60000));
}

static void strike_store_cut(struct world *world)
{
    strike_link(world, &(struct fake_faults){.is_cut = true}, "cut");
}

static void strike_store_slow(struct world *world)
{
    /* Beyond the daemon's patience now and then, and beyond what a put may take. */
    strike_link(world, &(struct fake_faults){.delay_min_ms = 100, .delay_max_ms = 1400}, "slow");
}

static void strike_store_crawl(struct world *world)
{
    strike_link(world, &(struct fake_faults){.delay_min_ms = 1400, .delay_max_ms = 9000}, "crawls");
}

static void strike_store_lossy(struct world *world)
{
    strike_link(world,
                &(struct fake_faults){.delay_min_ms = 1,
                                      .delay_max_ms = 200,
                                      .lose_request_percent = 30,
                                      .lose_reply_percent = 30,
                                      .lose_hint_percent = 80},
                "lossy");
}

static void strike_flush(struct world *world)
{
    if (may_lose(world)) {
        world_note(world, "the store is emptied");
        world_sometimes(world, SOMETIMES_FLUSHED);
        fake_store_flush(world->place);
    }
}

static void strike_roll_back(struct world *world)
{
    unsigned int back = 1 + (unsigned int)world_draw(world, 6);

    if (may_lose(world) && fake_store_roll_back(world->place, back)) {
        world_note(world, "the store goes back %u puts", back);
        world_sometimes(world, SOMETIMES_ROLLED_BACK);
    }
}

static void strike_lost_put(struct world *world)
{
    if (may_lose(world)) {
        world_note(world, "the next put will be lost");
        fake_store_lose_next_put(world->place, true);
        world->chaos.is_put_doomed = true;
        operator_rotate(world);
        timer_arm(fake_time_timers(world->time), world->chaos.follow_up, world_draw(world, 6000));
    }
}

/* A failover that was none: two primaries, each with puts of its own, until one of them wins. For
 * as long as it lasts the two halves of a fleet learn nothing of each other, so I1 holds only for
 * less than the time between a key's publication and its first use. */
static void strike_split(struct world *world)
{
    struct chaos *chaos = &world->chaos;

    if (fake_store_is_split(world->place) || !may_lose(world)) {
        return;
    }
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        struct sim_daemon *daemon = &world->daemons[i];
        daemon->side = i == 0 ? 0 : i == 1 ? 1 : (unsigned int)world_draw(world, 2);
        if (daemon->is_up) {
            fake_link_set_side(daemon->link, daemon->side);
        }
    }
    world_note(world, "the store is two");
    world_sometimes(world, SOMETIMES_SPLIT);
    fake_store_split(world->place);
    chaos->loss_until = INT64_MAX;
    if (chaos->is_wild) {
        overdraw(world);
    }
    timer_arm(fake_time_timers(world->time), chaos->unite,
              1000 + world_draw(world, chaos->is_wild ? 90000 : 30000));
}

static void on_unite(void *arg)
{
    struct world *world = arg;
    struct chaos *chaos = &world->chaos;
    unsigned int winner = (unsigned int)world_draw(world, 2);

    unsigned int lost = fake_store_unite(world->place, winner);
    world_note(world, "the store is one: side %u, %u puts are lost", winner, lost);
    if (lost > 0) {
        world_sometimes(world, SOMETIMES_SPLIT_LOST);
    }
    if (chaos->is_wild) {
        overdraw(world);
    }
    chaos->last_loss = world_boot(world);
    chaos->loss_until = world_boot(world) + 3 * sync_interval(world);
}

/* --- clocks --- */

static int64_t draw_wrong_clock(struct world *world)
{
    static const int64_t hour = 3600000;
    const int64_t wrong[] = {hour, -hour, 10 * 365 * 24 * hour, 24 * hour - FAKE_TIME_START, 5000};

    return wrong[world_draw(world, (int64_t)(sizeof(wrong) / sizeof(wrong[0])))];
}

static void strike_clock(struct world *world)
{
    struct sim_daemon *daemon = any_daemon(world);

    if (may_strike(world, daemon, false)) {
        sim_daemon_set_clock_wrong(daemon, draw_wrong_clock(world),
                                   1000 + world_draw(world, 60000));
    }
}

static void strike_begin_wrong(struct world *world)
{
    struct sim_daemon *daemon = any_daemon(world);

    if (may_strike(world, daemon, false)) {
        sim_daemon_crash(daemon, 500 + world_draw(world, 10000));
        sim_daemon_set_clock_wrong(daemon, draw_wrong_clock(world),
                                   12000 + world_draw(world, 60000));
    }
}

/* A correction that is small enough to be a sound clock's own. */
static void strike_skew(struct world *world)
{
    struct sim_daemon *daemon = any_daemon(world);

    if (world->has_skews && daemon->clock.skew_ms == daemon->skew_ms) {
        daemon->skew_ms = world_draw(world, 2 * WORLD_SKEW_MAX_MS + 1) - WORLD_SKEW_MAX_MS;
        daemon->clock.skew_ms = daemon->skew_ms;
        world_note(world, "d%u has a clock off by %lld ms", daemon->id, (long long)daemon->skew_ms);
    }
}

/* --- revocations --- */

static void strike_revoke_in_outage(struct world *world)
{
    struct sim_daemon *daemon = any_daemon(world);

    if (!world->chaos.is_wild || !daemon->is_up) {
        return;
    }
    overdraw(world);
    (void)may_lose(world);
    *fake_link_faults(daemon->link) = (struct fake_faults){.is_cut = true};
    daemon->well_since = INT64_MAX;
    timer_arm(fake_time_timers(world->time), daemon->link_repair, 1000 + world_draw(world, 60000));
    operator_revoke(world, daemon);
}

/* Like a loss: until it is stored, one daemon alone knows of it. */
static void strike_revoke(struct world *world)
{
    struct sim_daemon *daemon = any_daemon(world);

    if (!may_lose(world)) {
        return;
    }
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        if (!is_well(world, &world->daemons[i]) && world_chance(world, 50)) {
            daemon = &world->daemons[i];
        }
    }
    operator_revoke(world, daemon);
}

/* Everybody who knew anything is gone at once: only in wild seeds. */
static void strike_disaster(struct world *world)
{
    if (!world->chaos.is_wild) {
        return;
    }
    overdraw(world);
    (void)may_lose(world);
    fake_store_flush(world->place);
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        sim_daemon_crash(&world->daemons[i], 500 + world_draw(world, 5000));
    }
}

static void strike_pair_cut(struct world *world)
{
    unsigned int frontend = (unsigned int)world_draw(world, WORLD_FRONTENDS);
    unsigned int daemon = (unsigned int)world_draw(world, WORLD_DAEMONS);

    world_note(world, "f%u and d%u are cut apart", frontend, daemon);
    world->is_cut[frontend][daemon] = true;
    timer_arm(fake_time_timers(world->time), world->chaos.pair_repair[frontend][daemon],
              1000 + world_draw(world, 60000));
}

static void strike_frontend_cut(struct world *world)
{
    unsigned int frontend = (unsigned int)world_draw(world, WORLD_FRONTENDS);
    int64_t span = 5000 + world_draw(world, 150000);

    world_note(world, "f%u is cut off", frontend);
    for (unsigned int daemon = 0; daemon < WORLD_DAEMONS; daemon++) {
        world->is_cut[frontend][daemon] = true;
        timer_arm(fake_time_timers(world->time), world->chaos.pair_repair[frontend][daemon], span);
    }
}

static void strike_frontend(struct world *world)
{
    /* One that begins while a loss is being healed may meet a daemon that began too. */
    if (world_boot(world) < world->chaos.loss_until) {
        if (!world->chaos.is_wild) {
            return;
        }
        overdraw(world);
    }
    sim_frontend_restart(&world->frontends[world_draw(world, WORLD_FRONTENDS)]);
}

static void strike_stream(struct world *world)
{
    struct sim_frontend *frontend = &world->frontends[world_draw(world, WORLD_FRONTENDS)];

    world_note(world, "f%u loses its connection", frontend->id);
    sim_frontend_stream_ended(frontend);
}

/* A loss seldom comes alone. */
static void on_follow_up(void *arg)
{
    struct world *world = arg;

    if (world->chaos.is_over) {
        return;
    }
    switch (world_draw(world, 4)) {
    case 0:
        strike_crash(world);
        break;
    case 1:
        strike_store_cut(world);
        break;
    default:
        strike_frontend_cut(world);
        strike_frontend_cut(world);
        break;
    }
}

static const struct fault faults[] = {
    {"crash", strike_crash},
    {"store cut", strike_store_cut},
    {"store slow", strike_store_slow},
    {"store crawls", strike_store_crawl},
    {"store lossy", strike_store_lossy},
    {"flush", strike_flush},
    {"roll back", strike_roll_back},
    {"lost put", strike_lost_put},
    {"pair cut", strike_pair_cut},
    {"frontend cut", strike_frontend_cut},
    {"frontend restart", strike_frontend},
    {"stream", strike_stream},
    {"split", strike_split},
    {"clock", strike_clock},
    {"begin with a wrong clock", strike_begin_wrong},
    {"skew", strike_skew},
    {"revoke", strike_revoke},
    {"revoke in an outage", strike_revoke_in_outage},
    {"disaster", strike_disaster},
    {"rotate", operator_rotate},
    {"rotate", operator_rotate},
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

_Static_assert(FAULTS == CHAOS_KINDS, "each kind of fault is counted");

const char *chaos_name(size_t kind)
{
    return faults[kind].name;
}

/* --- timing --- */

static bool is_enabled(const struct chaos *chaos, size_t fault)
{
    return (chaos->enabled >> fault & 1) != 0;
}

/* What is stated as not promised (a revocation across the death of all daemons and a store set
 * back), without saying that the budget is overdrawn. */
static void break_tombstones(struct world *world)
{
    if (world->sometimes[SOMETIMES_REVOKED_SETTLED] == 0 ||
        !fake_store_roll_back(world->place, 6)) {
        return;
    }
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        sim_daemon_crash(&world->daemons[i], 500);
    }
}

static void on_next(void *arg)
{
    struct world *world = arg;
    struct chaos *chaos = &world->chaos;
    size_t fault = (size_t)world_draw(world, (int64_t)FAULTS);

    if (world_boot(world) >= world->calm_at) {
        chaos_end(world);
        return;
    }
    timer_arm(fake_time_timers(world->time), chaos->next,
              GAP_MIN_MS + world_draw(world, GAP_MAX_MS - GAP_MIN_MS));
    if (world->broken == BREAK_TOMBSTONES) {
        break_tombstones(world);
    }
    if (chaos->is_put_doomed) {
        chaos->is_put_doomed = false;
        chaos->last_loss = world_boot(world);
        if (!fake_store_is_split(world->place)) {
            chaos->loss_until = world_boot(world) + 3 * sync_interval(world);
        }
        fake_store_lose_next_put(world->place, false);
    }
    if (is_enabled(chaos, fault)) {
        chaos->strikes[fault]++;
        faults[fault].strike(world);
    }
}

static void on_pair_repair(void *arg)
{
    bool *is_cut = arg;

    *is_cut = false;
}

void chaos_start(struct world *world)
{
    struct chaos *chaos = &world->chaos;
    const struct timers *timers = fake_time_timers(world->time);

    chaos->enabled = fake_random_next(&world->random) | (UINT64_C(3) << (FAULTS - 2)); /* rotate */
    chaos->is_wild = world_chance(world, 30);
    chaos->struck = -1;
    chaos->next = timer_new(timers, on_next, world);
    chaos->follow_up = timer_new(timers, on_follow_up, world);
    chaos->unite = timer_new(timers, on_unite, world);
    operator_init(world);
    for (size_t f = 0; f < WORLD_FRONTENDS; f++) {
        for (size_t d = 0; d < WORLD_DAEMONS; d++) {
            chaos->pair_repair[f][d] = timer_new(timers, on_pair_repair, &world->is_cut[f][d]);
        }
    }
    timer_arm(timers, chaos->next, GAP_MAX_MS);
}

void chaos_fini(struct world *world)
{
    struct chaos *chaos = &world->chaos;
    const struct timers *timers = fake_time_timers(world->time);

    timer_free(timers, chaos->next);
    timer_free(timers, chaos->follow_up);
    timer_free(timers, chaos->unite);
    operator_fini(world);
    for (size_t f = 0; f < WORLD_FRONTENDS; f++) {
        for (size_t d = 0; d < WORLD_DAEMONS; d++) {
            timer_free(timers, chaos->pair_repair[f][d]);
        }
    }
}

void chaos_end(struct world *world)
{
    world_note(world, "all faults stop");
    world->chaos.is_over = true;
    fake_store_lose_next_put(world->place, false);
    memset(world->is_cut, 0, sizeof(world->is_cut));
    if (fake_store_is_split(world->place)) {
        timer_disarm(fake_time_timers(world->time), world->chaos.unite);
        on_unite(world);
    }
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        struct sim_daemon *daemon = &world->daemons[i];
        sim_daemon_set_clock_right(daemon);
        if (daemon->is_up) {
            timer_arm(fake_time_timers(world->time), daemon->link_repair, 0);
        } else {
            sim_daemon_start(daemon);
        }
    }
}
