/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon without its sockets: the production rooms from the vault to the hub. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/world.h"

#define STORE_TIMEOUT_MS 1500

static void must(enum err rc)
{
    if (rc != ERR_OK) {
        abort();
    }
}

static void on_restart(void *arg)
{
    sim_daemon_start(arg);
}

static void on_link_repair(void *arg)
{
    struct sim_daemon *daemon = arg;

    if (daemon->is_up) {
        *fake_link_faults(daemon->link) =
            (struct fake_faults){.delay_min_ms = 1, .delay_max_ms = 20};
        daemon->well_since = world_boot(daemon->world);
        world_note(daemon->world, "d%u store link is well", daemon->id);
    }
}

static void on_clock_repair(void *arg)
{
    sim_daemon_set_clock_right(arg);
}

static bool is_clock_wrong(const struct sim_daemon *daemon)
{
    return daemon->clock.skew_ms != daemon->skew_ms;
}

void sim_daemon_set_clock_wrong(struct sim_daemon *daemon, int64_t skew_ms, int64_t repair_in_ms)
{
    world_note(daemon->world, "d%u has a clock off by %lld ms", daemon->id, (long long)skew_ms);
    world_sometimes(daemon->world, SOMETIMES_CLOCK_WRONG);
    daemon->clock.skew_ms = skew_ms;
    timer_arm(fake_time_timers(daemon->world->time), daemon->clock_repair, repair_in_ms);
}

void sim_daemon_set_clock_right(struct sim_daemon *daemon)
{
    timer_disarm(fake_time_timers(daemon->world->time), daemon->clock_repair);
    if (!is_clock_wrong(daemon)) {
        return;
    }
    world_note(daemon->world, "d%u has its clock set right", daemon->id);
    daemon->clock.skew_ms = daemon->skew_ms;
    if (daemon->is_up && daemon->began_wrong) {
        sim_daemon_crash(daemon, 500);
    }
}

void sim_daemon_init(struct sim_daemon *daemon, struct world *world, unsigned int id)
{
    const struct timers *timers = fake_time_timers(world->time);

    daemon->world = world;
    daemon->id = id;
    daemon->skew_ms =
        world->has_skews ? world_draw(world, 2 * WORLD_SKEW_MAX_MS + 1) - WORLD_SKEW_MAX_MS : 0;
    fake_clock_init(&daemon->clock, world->time, daemon->skew_ms);
    daemon->clock_repair = timer_new(timers, on_clock_repair, daemon);
    daemon->restart = timer_new(timers, on_restart, daemon);
    daemon->link_repair = timer_new(timers, on_link_repair, daemon);
}

static void make_rooms(struct sim_daemon *daemon)
{
    struct world *world = daemon->world;
    struct store *store = fake_link_store(daemon->link);
    const struct timers *timers = fake_time_timers(world->time);
    const struct replica_options replica_options = {
        .realm = WORLD_REALM,
        .policy = world->daemon_policy,
        .store = store,
        .clock = &daemon->clock.clock,
        .timers = timers,
        .random = &world->keys.source,
    };
    char name[16];

    (void)snprintf(name, sizeof(name), "daemon-%u", daemon->id);
    must(replica_new(&replica_options, &daemon->replica));
    must(hub_new(timers, &daemon->hub));
    must(hub_add_realm(daemon->hub, daemon->replica));
    const struct rotator_options rotator_options = {
        .replica = daemon->replica,
        .store = store,
        .clock = &daemon->clock.clock,
        .timers = timers,
        .random = &world->keys.source,
        .writer = name,
    };
    must(rotator_new(&rotator_options, &daemon->rotator));
}

void sim_daemon_start(struct sim_daemon *daemon)
{
    struct world *world = daemon->world;

    if (daemon->is_up) {
        return;
    }
    timer_disarm(fake_time_timers(world->time), daemon->restart);
    daemon->link = fake_store_connect(world->place, STORE_TIMEOUT_MS);
    *fake_link_faults(daemon->link) = (struct fake_faults){.delay_min_ms = 1, .delay_max_ms = 20};
    fake_link_set_side(daemon->link, daemon->side);
    make_rooms(daemon);
    daemon->is_up = true;
    daemon->began_wrong = is_clock_wrong(daemon);
    daemon->up_since = world_boot(world);
    daemon->well_since = daemon->up_since;
    daemon->sound_since = daemon->up_since;
    daemon->counted = (struct rotator_stats){0};
    world_note(world, "d%u starts", daemon->id);
    replica_start(daemon->replica);
}

static void take_down(struct sim_daemon *daemon)
{
    rotator_free(daemon->rotator);
    hub_free(daemon->hub);
    replica_free(daemon->replica);
    store_close(fake_link_store(daemon->link));
    daemon->rotator = NULL;
    daemon->hub = NULL;
    daemon->replica = NULL;
    daemon->link = NULL;
    daemon->is_up = false;
}

static void note_if_all_is_forgotten(struct world *world)
{
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        if (world->daemons[i].is_up) {
            return;
        }
    }
    world_sometimes(world, SOMETIMES_NO_DAEMON);
    if (!fake_store_present(world->place)) {
        world_sometimes(world, SOMETIMES_AMNESIA);
    }
}

void sim_daemon_crash(struct sim_daemon *daemon, int64_t restart_in_ms)
{
    struct world *world = daemon->world;

    if (!daemon->is_up) {
        return;
    }
    sim_daemon_count(daemon);
    world_note(world, "d%u dies for %lld ms", daemon->id, (long long)restart_in_ms);
    world_sometimes(world, SOMETIMES_CRASHED);
    stream_abandon_daemon(world, daemon->id, world_chance(world, 30));
    take_down(daemon);
    note_if_all_is_forgotten(world);
    timer_arm(fake_time_timers(world->time), daemon->restart, restart_in_ms);
}

void sim_daemon_fini(struct sim_daemon *daemon)
{
    const struct timers *timers = fake_time_timers(daemon->world->time);

    if (daemon->is_up) {
        stream_abandon_daemon(daemon->world, daemon->id, true);
        take_down(daemon);
    }
    timer_free(timers, daemon->restart);
    timer_free(timers, daemon->link_repair);
    timer_free(timers, daemon->clock_repair);
}

void sim_daemon_count(struct sim_daemon *daemon)
{
    const struct rotator_stats *stats = rotator_get_stats(daemon->rotator);
    uint64_t *sometimes = daemon->world->sometimes;

    sometimes[SOMETIMES_HEALED] += stats->heals - daemon->counted.heals;
    sometimes[SOMETIMES_CONFLICT] += stats->conflicts - daemon->counted.conflicts;
    daemon->counted = *stats;
}
