/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/invariants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/check.h"
#include "keyring/schedule.h"
#include "sim/world.h"
#include "wire/codec.h"

#define TICKETS_MAX      64
#define TICKETS_PER_STEP 2
#define BIRTHS_MAX       1024
#define REVOKED_MAX      256
#define CLOCK_ERROR_MS   500  /* of a frontend's idea of the time: half a round trip and more */
#define UNSENT_MS        5000 /* a put that was on its way when a daemon became suspect may arrive */

/* A key's dates when it was first seen anywhere: they may only move earlier. */
struct birth {
    uint8_t name[KEY_NAME_LEN];
    int64_t published_at;
    int64_t dropped_from;
};

/* As a client holds it. */
struct ticket {
    uint8_t name[KEY_NAME_LEN];
    unsigned int issuer;
    int64_t issued_at;
    int64_t expires_at;
};

struct revoked {
    uint8_t name[KEY_NAME_LEN];
    bool is_settled;
};

struct daemon_past {
    int64_t up_since;      /* another value: another process */
    int64_t suspect_since; /* boot; INT64_MAX while it is not */
    uint64_t puts;         /* accepted by then */
    uint8_t digest[DIGEST_LEN];
    struct keyring ring;
};

struct invariants {
    struct birth births[BIRTHS_MAX];
    size_t birth_count;
    struct ticket tickets[TICKETS_MAX];
    size_t ticket_count;
    size_t next_ticket;
    size_t next_check;
    int64_t next_issue_at; /* boot */
    struct daemon_past past[WORLD_DAEMONS];
    struct revoked revoked[REVOKED_MAX];
    size_t revoked_count;
};

/* What one frontend says now. */
struct stance {
    bool has_snapshot;
    bool is_synced;
    int64_t now; /* by its own clock */
    int64_t age;
    bool encrypts;
    uint8_t name[KEY_NAME_LEN]; /* of the key it encrypts with */
    int64_t ticket_life;
};

struct hex_name {
    char text[9];
};

static struct hex_name hex(const uint8_t name[KEY_NAME_LEN])
{
    struct hex_name hex;

    text_hex_encode(name, 4, hex.text);
    return hex;
}

struct invariants *invariants_new(void)
{
    struct invariants *invariants = calloc(1, sizeof(*invariants));

    if (invariants == NULL) {
        abort();
    }
    return invariants;
}

void invariants_free(struct invariants *invariants)
{
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        keyring_fini(&invariants->past[i].ring);
    }
    free(invariants);
}

/* --- daemons --- */

static const struct birth *find_birth(const struct invariants *invariants,
                                      const uint8_t name[KEY_NAME_LEN])
{
    for (size_t i = 0; i < invariants->birth_count; i++) {
        if (memcmp(invariants->births[i].name, name, KEY_NAME_LEN) == 0) {
            return &invariants->births[i];
        }
    }
    return NULL;
}

static void note_births(struct invariants *invariants, const struct keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        if (find_birth(invariants, key->name) != NULL) {
            continue;
        }
        if (invariants->birth_count == BIRTHS_MAX) {
            abort();
        }
        struct birth *birth = &invariants->births[invariants->birth_count++];
        memcpy(birth->name, key->name, KEY_NAME_LEN);
        birth->published_at = key->published_at;
        birth->dropped_from = key->dropped_from;
    }
}

static bool is_revoked(const struct invariants *invariants, const uint8_t name[KEY_NAME_LEN])
{
    for (size_t i = 0; i < invariants->revoked_count; i++) {
        if (memcmp(invariants->revoked[i].name, name, KEY_NAME_LEN) == 0) {
            return true;
        }
    }
    return false;
}

static bool brings_revocations(const struct keyring *ring, const struct keyring *past)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *before = keyring_find(past, ring->keys[i].name);
        if (ring->keys[i].revoked && (before == NULL || !before->revoked)) {
            return true;
        }
    }
    return false;
}

static void note_revoked(struct invariants *invariants, const struct keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (!ring->keys[i].revoked || is_revoked(invariants, ring->keys[i].name)) {
            continue;
        }
        if (invariants->revoked_count == REVOKED_MAX) {
            abort();
        }
        struct revoked *revoked = &invariants->revoked[invariants->revoked_count++];
        memcpy(revoked->name, ring->keys[i].name, KEY_NAME_LEN);
    }
}

static void check_i4(struct world *world, const struct sim_daemon *daemon)
{
    const struct keyring *ring = replica_ring(daemon->replica);
    struct errbuf why = {""};

    if (check_arrival(ring, world_now(world), &why) != ERR_OK) {
        world_violate(world, "I4 d%u: %s", daemon->id, why.text);
    }
    for (size_t i = 0; i < ring->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (ring->keys[i].has_bytes &&
                memcmp(ring->keys[i].bytes, ring->keys[j].bytes, KEY_LEN) == 0) {
                world_violate(world, "I4 d%u: two keys with the same bytes", daemon->id);
            }
        }
    }
}

static bool is_same_merge(const struct keyring *a, const struct keyring *b)
{
    struct keyring ab = {0};
    struct keyring ba = {0};

    if (keyring_init(&ab, a->realm) != ERR_OK || keyring_init(&ba, a->realm) != ERR_OK ||
        keyring_copy(&ab, a) != ERR_OK || keyring_copy(&ba, b) != ERR_OK ||
        keyring_merge(&ab, b, NULL) != ERR_OK || keyring_merge(&ba, a, NULL) != ERR_OK) {
        abort();
    }
    bool is_same = keyring_covers(&ab, &ba) && keyring_covers(&ba, &ab) && keyring_covers(&ab, a) &&
                   keyring_covers(&ab, b);
    keyring_fini(&ab);
    keyring_fini(&ba);
    return is_same;
}

/* Beside what ends about now, when its own clock may be ahead of ours or behind. */
static void check_growth(struct world *world, const struct sim_daemon *daemon,
                         struct daemon_past *past)
{
    int64_t soon = world_now(world) + WORLD_SKEW_MAX_MS;
    struct keyring ring = {0};

    if (keyring_init(&ring, WORLD_REALM) != ERR_OK ||
        keyring_copy(&ring, replica_ring(daemon->replica)) != ERR_OK) {
        abort();
    }
    (void)keyring_drop(&ring, soon);
    (void)keyring_forget(&ring, soon);
    (void)keyring_drop(&past->ring, soon);
    (void)keyring_forget(&past->ring, soon);
    if (!keyring_covers(&ring, &past->ring)) {
        world_violate(world, "I6 d%u: its ring has lost something", daemon->id);
    }
    keyring_fini(&ring);
}

static void check_i6(struct world *world, const struct sim_daemon *daemon, struct daemon_past *past)
{
    const struct keyring *ring = replica_ring(daemon->replica);
    const struct stored_record *stored = replica_last_stored(daemon->replica);

    if (past->up_since == daemon->up_since) {
        if (!keyring_covers(&past->ring, ring) && stored->present &&
            !keyring_covers(&stored->ring, ring)) {
            world_sometimes(world, SOMETIMES_MERGED_TWO);
        }
        check_growth(world, daemon, past);
    }
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        const struct sim_daemon *other = &world->daemons[i];
        if (other->is_up && i != daemon->id && !is_same_merge(ring, replica_ring(other->replica))) {
            world_violate(world, "I6 the merge of d%u and d%u depends on the order", daemon->id, i);
        }
    }
}

static void check_changed_ring(struct world *world, const struct sim_daemon *daemon,
                               struct daemon_past *past)
{
    const struct keyring *ring = replica_ring(daemon->replica);

    note_births(world->invariants, ring);
    note_revoked(world->invariants, ring);
    if (brings_revocations(ring, &past->ring)) {
        world->chaos.last_loss = world_boot(world); /* L1 counts from any command, and its merge */
    }
    check_i4(world, daemon);
    check_i6(world, daemon, past);
    if (past->ring.realm[0] == '\0' && keyring_init(&past->ring, WORLD_REALM) != ERR_OK) {
        abort();
    }
    if (keyring_copy(&past->ring, ring) != ERR_OK) {
        abort();
    }
    memcpy(past->digest, replica_digest(daemon->replica), DIGEST_LEN);
    past->up_since = daemon->up_since;
    world_note(world, "d%u holds %zu keys, digest %s", daemon->id, ring->count,
               hex(past->digest).text);
}

/* I5 and L4. Timers of the same millisecond may be still to come, hence "after". */
static void check_ends(struct world *world, const struct sim_daemon *daemon)
{
    const struct keyring *ring = replica_ring(daemon->replica);
    int64_t now = world_now(world) - (world->has_skews ? WORLD_SKEW_MAX_MS : 0);

    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        const struct birth *birth = find_birth(world->invariants, key->name);
        if (!key->has_bytes && !key->revoked &&
            world_now(world) + WORLD_SKEW_MAX_MS < key->dropped_from) {
            world_violate(world, "R10 d%u has dropped %s before its time", daemon->id,
                          hex(key->name).text);
        }
        if (daemon->sound_since == INT64_MAX) {
            continue; /* who does not know the time ends nothing */
        }
        if (key->has_bytes && (now > key->dropped_from || now > birth->dropped_from)) {
            world_violate(world, "I5 d%u holds the bytes of %s, which is dropped", daemon->id,
                          hex(key->name).text);
        }
        if (now > key->forgotten_from) {
            world_violate(world, "I5 d%u has not forgotten %s", daemon->id, hex(key->name).text);
        }
    }
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* R10: who is suspect puts nothing. */
static void check_suspect(struct world *world, struct sim_daemon *daemon, struct daemon_past *past)
{
    uint64_t puts = rotator_get_stats(daemon->rotator)->puts;
    int64_t boot = world_boot(world);

    if (!replica_is_suspect(daemon->replica)) {
        past->suspect_since = INT64_MAX;
        daemon->sound_since = daemon->sound_since == INT64_MAX ? boot : daemon->sound_since;
        return;
    }
    daemon->sound_since = INT64_MAX;
    world_sometimes(world, SOMETIMES_SUSPECT);
    if (past->suspect_since == INT64_MAX || boot - past->suspect_since < UNSENT_MS) {
        past->suspect_since = past->suspect_since == INT64_MAX ? boot : past->suspect_since;
        past->puts = puts;
    } else if (puts != past->puts) {
        world_violate(world, "R10 d%u is suspect and puts", daemon->id);
    }
}

static void check_l1(struct world *world, const struct sim_daemon *daemon)
{
    const struct policy *policy = &world->daemon_policy;
    const struct keyring *ring = replica_ring(daemon->replica);
    int64_t since = later(later(daemon->well_since, daemon->sound_since), world->chaos.last_loss);
    int64_t well = since == INT64_MAX ? 0 : world_boot(world) - since;
    int64_t now = world_now(world);
    int64_t sync = policy->sync_interval_ms;

    if (well > 2 * sync && schedule_first_hole(ring, now + policy_lead_ms(policy)) <
                               now + policy_horizon_ms(policy) - sync) {
        world_violate(world, "L1 d%u: R9's coverage does not hold", daemon->id);
    }
    if (well > 2 * policy_lead_ms(policy) + sync && keyring_pick(ring, now) == NULL) {
        world_violate(world, "L1 d%u: no key is active", daemon->id);
    }
}

static void check_daemons(struct world *world)
{
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        struct sim_daemon *daemon = &world->daemons[i];
        struct daemon_past *past = &world->invariants->past[i];
        if (!daemon->is_up) {
            past->suspect_since = INT64_MAX;
            continue;
        }
        if (past->up_since != daemon->up_since ||
            memcmp(past->digest, replica_digest(daemon->replica), DIGEST_LEN) != 0) {
            check_changed_ring(world, daemon, past);
        }
        check_suspect(world, daemon, past);
        check_ends(world, daemon);
        check_l1(world, daemon);
    }
}

/* --- frontends --- */

static struct stance take_stance(struct world *world, const struct sim_frontend *frontend)
{
    struct ringmap_info info;
    struct ringmap_key key;
    struct ringmap_reading reading;
    struct stance stance = {0};
    int64_t boot = world_boot(world);

    stance.now = ringmap_now(frontend->map, boot);
    if (!ringmap_info(frontend->map, 0, boot, &info) || !info.has_snapshot || stance.now == 0) {
        return stance;
    }
    stance.has_snapshot = true;
    stance.age = stance.now - info.as_of;
    stance.is_synced = stance.age <= world->policy.sync_interval_ms;
    if (ringmap_encrypting(frontend->map, frontend->context, boot, &key, &reading) ==
        RINGMAP_FOUND) {
        int64_t left = key.dropped_from - stance.now;
        stance.encrypts = true;
        memcpy(stance.name, key.name, KEY_NAME_LEN);
        stance.ticket_life = reading.ticket_lifetime_ms < left ? reading.ticket_lifetime_ms : left;
    } else {
        world_sometimes(world, SOMETIMES_NO_KEY);
    }
    secret_wipe(&key, sizeof(key));
    if (!stance.is_synced) {
        world_sometimes(world, SOMETIMES_STALE);
    }
    return stance;
}

static bool opens(const struct world *world, const struct sim_frontend *frontend,
                  const uint8_t name[KEY_NAME_LEN])
{
    struct ringmap_key key;
    struct ringmap_reading reading;
    enum ringmap_answer answer = ringmap_decrypting(frontend->map, frontend->context, name,
                                                    world_boot(world), &key, &reading);

    secret_wipe(&key, sizeof(key));
    return answer == RINGMAP_FOUND;
}

static bool is_beyond_offline(const struct world *world, const struct stance *stance)
{
    return world->policy.max_offline_ms != 0 && stance->age > world->policy.max_offline_ms;
}

static void check_i2(struct world *world, const struct sim_frontend *frontend,
                     const struct stance *stance)
{
    const struct model_key *key = model_find(&frontend->model, stance->name);
    const struct birth *birth = find_birth(world->invariants, stance->name);

    if (!stance->encrypts) {
        return;
    }
    if (key == NULL || birth == NULL || !model_may_encrypt(key, stance->now) ||
        is_beyond_offline(world, stance)) {
        world_violate(world, "I2 f%u encrypts with %s outside its window", frontend->id,
                      hex(stance->name).text);
    } else if (stance->now < birth->published_at + policy_lead_ms(&world->policy)) {
        world_violate(world, "I2 f%u encrypts with %s before its lead", frontend->id,
                      hex(stance->name).text);
    }
}

static void check_i3(struct world *world, const struct sim_frontend *frontend,
                     const struct stance *stance)
{
    if (is_beyond_offline(world, stance)) {
        world_sometimes(world, SOMETIMES_OFFLINE);
    }
    for (size_t i = 0; i < frontend->model.count; i++) {
        const struct model_key *key = &frontend->model.keys[i];
        bool may = model_may_decrypt(key, stance->now) && !is_beyond_offline(world, stance);
        bool does = opens(world, frontend, key->name);
        if (does && !may) {
            world_violate(world, "I3 f%u decrypts with %s after its time", frontend->id,
                          hex(key->name).text);
        }
        if (!does && may) {
            world_violate(world, "I9 f%u has forgotten %s, which it was given", frontend->id,
                          hex(key->name).text);
        }
        if (does && !key->is_scheduled) {
            world_sometimes(world, SOMETIMES_UNION);
        }
    }
}

static void check_clock(struct world *world, const struct sim_frontend *frontend,
                        const struct stance *stance)
{
    int64_t error = stance->now - world_now(world);
    int64_t limit = CLOCK_ERROR_MS + (world->has_skews ? WORLD_SKEW_MAX_MS : 0);

    if (error > limit || error < -limit) {
        world_violate(world, "R10 f%u: its clock is %lld ms off", frontend->id, (long long)error);
    }
}

/* --- I1 --- */

static void issue_tickets(struct world *world, const struct stance stances[WORLD_FRONTENDS])
{
    struct invariants *invariants = world->invariants;

    if (world_boot(world) < invariants->next_issue_at) {
        return;
    }
    invariants->next_issue_at = world_boot(world) + world->policy.sync_interval_ms / 2;
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        const struct stance *stance = &stances[i];
        if (!stance->is_synced || !stance->encrypts) {
            continue;
        }
        struct ticket *ticket = &invariants->tickets[invariants->next_ticket];
        invariants->next_ticket = (invariants->next_ticket + 1) % TICKETS_MAX;
        if (invariants->ticket_count < TICKETS_MAX) {
            invariants->ticket_count++;
        }
        ticket->issuer = i;
        ticket->issued_at = world_now(world);
        ticket->expires_at = world_now(world) + stance->ticket_life;
        memcpy(ticket->name, stance->name, KEY_NAME_LEN);
    }
}

static void offer(struct world *world, const struct ticket *ticket,
                  const struct stance stances[WORLD_FRONTENDS])
{
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        const struct sim_frontend *frontend = &world->frontends[i];
        if (!stances[i].is_synced || world_now(world) >= ticket->expires_at ||
            is_revoked(world->invariants, ticket->name)) {
            continue;
        }
        if (!opens(world, frontend, ticket->name)) {
            world_violate(world, "I1 a ticket f%u made %lld ms ago with %s does not open on f%u",
                          ticket->issuer, (long long)(world_now(world) - ticket->issued_at),
                          hex(ticket->name).text, i);
        } else if (i != ticket->issuer) {
            world_sometimes(world, SOMETIMES_CROSSED);
            const struct model_key *key = model_find(&frontend->model, ticket->name);
            if (key != NULL && stances[i].now >= key->retired_from) {
                world_sometimes(world, SOMETIMES_CROSSED_RETIRED);
            }
        }
    }
}

static void check_i1(struct world *world, const struct stance stances[WORLD_FRONTENDS])
{
    struct invariants *invariants = world->invariants;

    if (world_boot(world) < world->chaos.i1_void_until || world->broken == BREAK_TOMBSTONES) {
        invariants->ticket_count = 0;
        invariants->next_ticket = 0;
        return;
    }
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        const struct ticket fresh = {.issuer = i,
                                     .issued_at = world_now(world),
                                     .expires_at = world_now(world) + stances[i].ticket_life};
        struct ticket ticket = fresh;
        memcpy(ticket.name, stances[i].name, KEY_NAME_LEN);
        if (stances[i].is_synced && stances[i].encrypts) {
            offer(world, &ticket, stances);
        }
    }
    issue_tickets(world, stances);
    for (size_t i = 0; i < TICKETS_PER_STEP && invariants->ticket_count > 0; i++) {
        invariants->next_check = (invariants->next_check + 1) % invariants->ticket_count;
        offer(world, &invariants->tickets[invariants->next_check], stances);
    }
}

/* --- I5 for revocations --- */

void invariants_unsettle(struct world *world)
{
    for (size_t i = 0; i < world->invariants->revoked_count; i++) {
        world->invariants->revoked[i].is_settled = false;
    }
}

static bool holds_revoked(const struct keyring *ring, const uint8_t name[KEY_NAME_LEN])
{
    const struct key *key = keyring_find(ring, name);

    return key == NULL || key->revoked;
}

static bool is_held_everywhere(const struct world *world, const uint8_t name[KEY_NAME_LEN])
{
    bool any = false;

    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        const struct sim_daemon *daemon = &world->daemons[i];
        if (!daemon->is_up) {
            continue;
        }
        const struct stored_record *stored = replica_last_stored(daemon->replica);
        if (!replica_is_ready(daemon->replica) || !stored->present ||
            !holds_revoked(replica_ring(daemon->replica), name) ||
            !holds_revoked(&stored->ring, name)) {
            return false;
        }
        any = true;
    }
    return any;
}

static bool is_long_well(const struct world *world, const struct sim_daemon *daemon)
{
    return daemon->is_up && replica_is_ready(daemon->replica) &&
           world_boot(world) - later(daemon->well_since, daemon->up_since) >
               world->policy.sync_interval_ms;
}

/* A tombstone goes when the key itself would have, by each one's own clock. */
static bool is_about_over(const struct world *world, const uint8_t name[KEY_NAME_LEN])
{
    return world_now(world) + 2 * WORLD_SKEW_MAX_MS >=
           find_birth(world->invariants, name)->dropped_from;
}

static void check_revoked(struct world *world, struct revoked *revoked,
                          const struct stance stances[WORLD_FRONTENDS])
{
    if (world_boot(world) < world->chaos.loss_until ||
        world_boot(world) < world->chaos.i1_void_until || is_about_over(world, revoked->name)) {
        return;
    }
    if (!revoked->is_settled) {
        revoked->is_settled = is_held_everywhere(world, revoked->name);
        if (revoked->is_settled) {
            world_sometimes(world, SOMETIMES_REVOKED_SETTLED);
        }
        return;
    }
    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        const struct sim_daemon *daemon = &world->daemons[i];
        if (is_long_well(world, daemon) &&
            !holds_revoked(replica_ring(daemon->replica), revoked->name)) {
            world_violate(world, "I5 d%u knows the revoked %s as usable", i,
                          hex(revoked->name).text);
        }
    }
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        if (stances[i].is_synced && opens(world, &world->frontends[i], revoked->name)) {
            world_violate(world, "I5 f%u opens with the revoked %s", i, hex(revoked->name).text);
        }
    }
}

void invariants_check(struct world *world)
{
    struct stance stances[WORLD_FRONTENDS];

    check_daemons(world);
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        const struct sim_frontend *frontend = &world->frontends[i];
        stances[i] = take_stance(world, frontend);
        if (stances[i].has_snapshot) {
            check_i2(world, frontend, &stances[i]);
            check_i3(world, frontend, &stances[i]);
            check_clock(world, frontend, &stances[i]);
        }
    }
    check_i1(world, stances);
    for (size_t i = 0; i < world->invariants->revoked_count; i++) {
        check_revoked(world, &world->invariants->revoked[i], stances);
    }
}

/* --- when faults have stopped --- */

static bool store_holds(const struct world *world, const struct keyring *ring)
{
    struct wire_record record = {0};

    if (!fake_store_present(world->place) ||
        wire_decode_record(fake_store_record(world->place), &record, NULL) != ERR_OK) {
        return false;
    }
    bool holds = keyring_covers(&record.ring, ring);
    wire_record_fini(&record);
    return holds;
}

bool invariants_is_whole(struct world *world, const char **out_why)
{
    const struct sim_daemon *first = &world->daemons[0];
    struct ringmap_info info;

    for (unsigned int i = 0; i < WORLD_DAEMONS; i++) {
        const struct sim_daemon *daemon = &world->daemons[i];
        *out_why = "L1 a daemon is not ready";
        if (!daemon->is_up || !replica_is_ready(daemon->replica)) {
            return false;
        }
        *out_why = "L3 the daemons do not hold the same";
        if (memcmp(replica_digest(first->replica), replica_digest(daemon->replica), DIGEST_LEN) !=
            0) {
            return false;
        }
        *out_why = "L3 the store does not hold what the daemons hold";
        if (!store_holds(world, replica_ring(daemon->replica))) {
            return false;
        }
    }
    for (unsigned int i = 0; i < WORLD_FRONTENDS; i++) {
        struct stance stance = take_stance(world, &world->frontends[i]);
        *out_why = "L2 a frontend is not synced";
        if (!stance.is_synced) {
            return false;
        }
        *out_why = "L2 a frontend does not hold what the daemons hold";
        if (!ringmap_info(world->frontends[i].map, 0, world_boot(world), &info) ||
            memcmp(info.digest, replica_digest(first->replica), DIGEST_LEN) != 0) {
            return false;
        }
        *out_why = "L1 a frontend has nothing to encrypt with";
        if (!stance.encrypts && world_boot(world) >= world->chaos.i1_void_until) {
            return false;
        }
    }
    return true;
}
