/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/invariants.h"

/* Short lives, so that a run of ten minutes sees every state of many keys: the ratios are those of
 * the tightest policy that policy_check() allows. */
#define SYNC_MS     INT64_C(10000)
#define ROTATE_MS   (8 * SYNC_MS)
#define LIFETIME_MS INT64_C(80000)
#define OFFLINE_MS  INT64_C(90000)
#define RUN_MS      INT64_C(600000)
#define CALM_MS     INT64_C(90000) /* without faults, at the end */

#define BROKEN_MS (RUN_MS - INT64_C(60000)) /* before the end, a world that is broken breaks */

#define GRACE_MS (2 * SYNC_MS)

#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

static struct policy make_policy(struct world *world)
{
    struct policy policy = policy_default(ROTATE_MS);

    policy.sync_interval_ms = SYNC_MS;
    policy.ticket_lifetime_ms = LIFETIME_MS;
    policy.max_offline_ms = world_chance(world, 50) ? OFFLINE_MS : 0;
    policy.keys_ahead = 1 + (uint32_t)world_draw(world, 2);
    if (policy_check(&policy, NULL, 0) != 0) {
        abort();
    }
    return policy;
}

struct world *world_new(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof(*world));

    if (world == NULL) {
        abort();
    }
    world->seed = options->seed;
    world->broken = options->broken;
    world->is_traced = options->is_traced;
    world->trace_hash = HASH_START;
    world->time = fake_time_new();
    fake_random_init(&world->random, options->seed * 2 + 1);
    fake_random_init(&world->keys, options->seed * 2);
    world->place = fake_store_new(world->time, &world->random);
    world->policy = make_policy(world);
    world->has_skews = world_chance(world, 50);
    world->daemon_policy = world->policy;
    if (world->broken == BREAK_LEAD) {
        world->daemon_policy.sync_interval_ms /= 2;
    }
    world->ends_at = world_boot(world) + RUN_MS;
    world->calm_at = world->ends_at - CALM_MS;
    world->invariants = invariants_new();
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        sim_daemon_init(&world->daemons[i], world, i);
        sim_daemon_start(&world->daemons[i]);
    }
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        sim_frontend_init(&world->frontends[i], world, i);
    }
    chaos_start(world);
    return world;
}

void world_free(struct world *world)
{
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        sim_frontend_fini(&world->frontends[i]);
    }
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        sim_daemon_fini(&world->daemons[i]);
    }
    chaos_fini(world);
    streams_free(world);
    invariants_free(world->invariants);
    fake_store_free(world->place);
    fake_time_free(world->time);
    free(world);
}

static void count_the_rest(struct world *world)
{
    const struct fake_store_stats *stats = fake_store_get_stats(world->place);

    world->sometimes[SOMETIMES_LATE_PUT] += stats->late;
    world->sometimes[SOMETIMES_LOST_PUT] += stats->lost_puts;
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        if (world->daemons[i].is_up) {
            sim_daemon_count(&world->daemons[i]);
        }
    }
}

/* News of the last moment may still be on its way, so wholeness has a little time to come. */
static bool is_finished(struct world *world)
{
    const char *why = "";

    if (world_boot(world) < world->ends_at) {
        return false;
    }
    if (invariants_is_whole(world, &why)) {
        return true;
    }
    if (world_boot(world) < world->ends_at + GRACE_MS) {
        return false;
    }
    world_violate(world, "%s", why);
    return true;
}

bool world_step(struct world *world)
{
    int64_t until = world_boot(world) < world->ends_at ? world->ends_at : INT64_MAX;

    if (world->violation[0] != '\0' || is_finished(world)) {
        count_the_rest(world);
        return false;
    }
    if (world->broken == BREAK_WRITE_BACK && world->ends_at - world_boot(world) < BROKEN_MS) {
        fake_store_lose_next_put(world->place, true);
    }
    if (fake_time_step(world->time, until)) {
        world->steps++;
        invariants_check(world);
    }
    return true;
}

int64_t world_now(const struct world *world)
{
    return fake_time_wall(world->time);
}

int64_t world_boot(const struct world *world)
{
    return fake_time_boot(world->time);
}

static void hash_text(struct world *world, const char *text)
{
    for (; *text != '\0'; text++) {
        world->trace_hash = (world->trace_hash ^ (uint8_t)*text) * HASH_PRIME;
    }
}

void world_note(struct world *world, const char *format, ...)
{
    char line[600];
    char stamped[640];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    (void)snprintf(stamped, sizeof(stamped), "%10.3f  %s\n",
                   (double)(world_now(world) - FAKE_TIME_START) / 1000.0, line);
    hash_text(world, stamped);
    if (world->is_traced) {
        (void)fputs(stamped, stdout);
    }
}

void world_sometimes(struct world *world, enum sometimes what)
{
    world->sometimes[what]++;
}

void world_violate(struct world *world, const char *format, ...)
{
    va_list args;

    if (world->violation[0] != '\0') {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(world->violation, sizeof(world->violation), format, args);
    va_end(args);
    world_note(world, "VIOLATION: %s", world->violation);
}

int64_t world_draw(struct world *world, int64_t bound)
{
    return (int64_t)fake_random_below(&world->random, (uint64_t)bound);
}

bool world_chance(struct world *world, unsigned int percent)
{
    return fake_random_chance(&world->random, percent);
}
