/* SPDX-License-Identifier: Apache-2.0 */
/* The one who rotates and revokes: sometimes twice, sometimes in haste, sometimes the wrong key. */
#include <string.h>

#include "sim/world.h"

static uint64_t count_puts(const struct world *world)
{
    return rotator_get_stats(world->daemons[world->human.daemon].rotator)->puts;
}

static void on_rotate_done(void *ctx, enum err code, const char *why,
                           const struct change_result *result)
{
    struct world *world = ctx;
    struct sim_operator *human = &world->human;

    human->is_waiting = false;
    world_note(world, "rotate at d%u: %s%s%s %d", human->daemon, err_text(code),
               why[0] == '\0' ? "" : ": ", why, result != NULL && result->changed);
    if (code == ERR_OK && result != NULL) {
        bool is_repeat = human->may_repeat;
        world_sometimes(world, result->changed ? SOMETIMES_ROTATED : SOMETIMES_ROTATE_REPEATED);
        if (result->changed && count_puts(world) == human->puts_before) {
            world_sometimes(world, SOMETIMES_UNCLEAR_ROTATE_DONE);
        }
        /* While a loss is being healed another daemon may not know of the first one. */
        if (is_repeat && result->changed && world_boot(world) >= world->chaos.loss_until &&
            world_boot(world) >= world->chaos.i1_void_until) {
            world_violate(world, "R6 d%u: a repeated rotate rotated again", human->daemon);
        }
        human->may_repeat = true;
        if (result->changed && world_chance(world, 50) && !world->chaos.is_over) {
            /* What was published a moment ago is to encrypt as soon as it may. */
            human->is_hasty = true;
            timer_arm(fake_time_timers(world->time), human->again, world_draw(world, 8000));
        }
    } else if (code == ERR_UNAVAILABLE) {
        world_sometimes(world, SOMETIMES_ROTATE_IN_OUTAGE);
    } else if (code == ERR_REFUSED) {
        world_sometimes(world, SOMETIMES_ROTATE_REFUSED);
    }
}

/* What is revoked: NULL for all. */
static const uint8_t *choose_victim(struct world *world, const struct keyring *ring)
{
    const struct key *encrypting = keyring_pick(ring, world_now(world));

    switch (world_draw(world, 4)) {
    case 0:
        return NULL;
    case 1:
        return ring->keys[world_draw(world, (int64_t)ring->count)].name;
    default:
        return encrypting != NULL ? encrypting->name : ring->keys[0].name;
    }
}

void operator_revoke(struct world *world, struct sim_daemon *daemon)
{
    struct revocation done = {0};
    struct errbuf why = {""};
    uint8_t name[KEY_NAME_LEN];

    if (!daemon->is_up || replica_ring(daemon->replica)->count == 0) {
        return;
    }
    const uint8_t *victim = choose_victim(world, replica_ring(daemon->replica));
    bool is_all = victim == NULL;
    if (!is_all) {
        memcpy(name, victim, KEY_NAME_LEN); /* the ring is about to change */
    }
    enum err rc = rotator_revoke(daemon->rotator, is_all ? NULL : name, &done, &why);
    world_note(world, "operator revokes %s at d%u: %s %zu", is_all ? "all" : "a key", daemon->id,
               err_text(rc), done.keys);
    if (rc != ERR_OK || done.keys == 0) {
        return;
    }
    world->human.revocations++;
    world_sometimes(world, SOMETIMES_REVOKED);
    if (is_all) {
        world_sometimes(world, SOMETIMES_REVOKED_ALL);
    }
    if (done.has_promoted) {
        world_sometimes(world, SOMETIMES_REVOKED_ENCRYPTING);
    }
    if (fake_link_faults(daemon->link)->is_cut) {
        world_sometimes(world, SOMETIMES_REVOKED_UNSTORED);
    }
    if (replica_is_suspect(daemon->replica)) {
        world_sometimes(world, SOMETIMES_REVOKED_SUSPECT);
    }
}

void operator_rotate(struct world *world)
{
    struct sim_operator *human = &world->human;
    struct sim_daemon *daemon =
        &world->daemons[human->is_hasty ? human->daemon : world_draw(world, WORLD_DAEMONS)];
    bool is_repeat = human->may_repeat && !human->is_hasty && world_chance(world, 25);

    if (human->is_waiting || !daemon->is_up ||
        (fake_store_is_split(world->place) && !world->chaos.is_wild)) {
        return;
    }
    if (!is_repeat) {
        const struct keyring *ring = replica_ring(daemon->replica);
        const struct key *key = keyring_pick(ring, world_now(world));
        if (ring->count > 0 && !human->is_hasty && world_chance(world, 10)) {
            key = &ring->keys[0]; /* may be any: not active yet, or retired long ago */
        }
        if (key == NULL) {
            return;
        }
        memcpy(human->retire, key->name, KEY_NAME_LEN);
        human->may_repeat = false;
    }
    human->is_waiting = true;
    human->daemon = daemon->id;
    human->puts_before = count_puts(world);
    world_note(world, "operator rotates at d%u%s", daemon->id, is_repeat ? " again" : "");
    rotator_rotate(daemon->rotator, human->retire, on_rotate_done, world);
}

static void on_again(void *arg)
{
    struct world *world = arg;

    operator_rotate(world);
    world->human.is_hasty = false;
}

void operator_init(struct world *world)
{
    world->human.again = timer_new(fake_time_timers(world->time), on_again, world);
}

void operator_fini(struct world *world)
{
    timer_free(fake_time_timers(world->time), world->human.again);
}
