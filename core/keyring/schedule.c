/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/schedule.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "keyring/check.h"
#include "keyring/derive.h"

/* Enough to find the last free first byte of 256 all but surely ((255/256)^4096 < 2^-23). */
#define DRAWS_MAX 4096
/* A weak or repeated draw never happens with a sound source: a few prove it broken. */
#define BAD_DRAWS_MAX 4

int64_t schedule_first_hole(const struct keyring *ring, int64_t from)
{
    int64_t hole = from;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < ring->count; i++) {
            if (key_encrypts_at(&ring->keys[i], hole)) {
                hole = ring->keys[i].retired_from;
                moved = true;
            }
        }
    }
    return hole;
}

static int64_t first_hole_that_matters(const struct keyring *ring, const struct policy *policy,
                                       int64_t now)
{
    return schedule_first_hole(ring, clock_add_ms(now, policy_lead_ms(policy)));
}

bool schedule_needs_cover(const struct keyring *ring, const struct policy *policy, int64_t now)
{
    return first_hole_that_matters(ring, policy, now) <
           clock_add_ms(now, policy_horizon_ms(policy));
}

/* Whether the first byte of a name is taken: some servers find a key by it alone. */
struct first_bytes {
    bool taken[256];
    size_t free;
};

static struct first_bytes first_bytes_of(const struct keyring *ring)
{
    struct first_bytes bytes = {.free = 256};
    for (size_t i = 0; i < ring->count; i++) {
        bool *taken = &bytes.taken[ring->keys[i].name[0]];
        bytes.free -= !*taken;
        *taken = true;
    }
    return bytes;
}

/* One draw. `bad` counts what a sound source never gives. Returns true for a usable key. */
static bool try_draw(const struct keyring *ring, const struct first_bytes *first, struct key *key,
                     size_t *bad, enum err *rc)
{
    *rc = ERR_OK;
    if (secret_is_weak(key->bytes, KEY_LEN)) {
        ++*bad;
        return false;
    }
    *rc = derive_name(key->bytes, ring->realm, key->name);
    if (*rc != ERR_OK) {
        return false;
    }
    if (secret_is_weak(key->name, KEY_NAME_LEN) || keyring_find(ring, key->name) != NULL) {
        ++*bad;
        return false;
    }
    return first->free == 0 || !first->taken[key->name[0]];
}

/* Bytes and name (R8). */
static enum err draw_key(const struct keyring *ring, const struct random_source *random,
                         struct key *key)
{
    const struct first_bytes first = first_bytes_of(ring);
    size_t bad = 0;
    for (size_t draws = 0; draws < DRAWS_MAX && bad < BAD_DRAWS_MAX; draws++) {
        enum err rc = random_fill(random, key->bytes, KEY_LEN);
        if (rc != ERR_OK) {
            return rc;
        }
        if (try_draw(ring, &first, key, &bad, &rc)) {
            key->has_bytes = true;
            return ERR_OK;
        }
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_CRYPTO;
}

enum err schedule_birth(const struct keyring *ring, const struct policy *policy, int64_t now,
                        int64_t active_from, const struct random_source *random, struct key *key)
{
    memset(key, 0, sizeof(*key));
    key->published_at = now;
    key->active_from = active_from;
    key->retired_from = clock_add_ms(active_from, policy->rotate_every_ms);
    key->dropped_from = clock_add_ms(clock_add_ms(key->retired_from, policy->ticket_lifetime_ms),
                                     policy_lead_ms(policy));
    key->forgotten_from = key->dropped_from;
    const enum err rc = key_dates_are_sound(key) ? draw_key(ring, random, key) : ERR_INVALID;
    if (rc != ERR_OK) {
        secret_wipe(key, sizeof(*key));
    }
    return rc;
}

/* The earliest key that begins after `hole` and was published a lead before it. */
static struct key *find_movable(const struct keyring *ring, int64_t hole, int64_t lead)
{
    struct key *best = NULL;
    for (size_t i = 0; i < ring->count; i++) {
        struct key *key = &ring->keys[i];
        if (key->revoked || !key->has_bytes || key->active_from <= hole ||
            clock_add_ms(key->published_at, lead) > hole) {
            continue;
        }
        if (best == NULL || key->active_from < best->active_from) {
            best = key;
        }
    }
    return best;
}

static enum err publish(struct keyring *ring, const struct policy *policy, int64_t now,
                        int64_t active_from, const struct random_source *random)
{
    if (ring->count >= CHECK_ENTRIES_MAX) {
        return ERR_LIMIT;
    }
    struct key *key = secret_alloc(sizeof(*key));
    if (key == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = schedule_birth(ring, policy, now, active_from, random, key);
    if (rc == ERR_OK) {
        rc = keyring_add(ring, key);
    }
    secret_free(key);
    return rc;
}

/* Terminates: `hole` only grows; a key moves at most once (then it begins at a hole, not after a
 * later one); and each new key moves the hole on by rotate_every towards a fixed end. */
static enum err fill_holes(struct keyring *ring, const struct policy *policy, int64_t now,
                           const struct random_source *random)
{
    const int64_t lead = policy_lead_ms(policy);
    const int64_t end = clock_add_ms(now, policy_horizon_ms(policy));
    int64_t hole = first_hole_that_matters(ring, policy, now);
    while (hole < end) {
        struct key *key = find_movable(ring, hole, lead);
        if (key != NULL) {
            (void)key_start_at(key, hole);
        } else {
            const enum err rc = publish(ring, policy, now, hole, random);
            if (rc != ERR_OK) {
                return rc;
            }
        }
        hole = schedule_first_hole(ring, hole);
    }
    return ERR_OK;
}

enum err schedule_cover(struct keyring *ring, const struct policy *policy, int64_t now,
                        const struct random_source *random, bool *changed, struct errbuf *why)
{
    assert(policy->rotate_every_ms > 0 && policy->sync_interval_ms > 0);
    const bool is_needed = schedule_needs_cover(ring, policy, now);
    if (is_needed) {
        struct keyring work = {0};
        enum err rc = keyring_copy(&work, ring);
        if (rc == ERR_OK) {
            rc = fill_holes(&work, policy, now, random);
        }
        if (rc == ERR_OK) {
            keyring_swap(ring, &work);
        } else {
            errbuf_set(why, "realm '%s': cannot publish a new key: %s", ring->realm, err_text(rc));
        }
        keyring_fini(&work);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    if (changed != NULL) {
        *changed = is_needed;
    }
    return ERR_OK;
}

static int64_t sooner(int64_t due, int64_t at, int64_t now)
{
    const int64_t next = at > now ? at : clock_add_ms(now, 1);
    return next < due ? next : due;
}

int64_t schedule_next_due(const struct keyring *ring, const struct policy *policy, int64_t now)
{
    /* The hole stays where it is while the horizon comes nearer: R9 acts when it is inside. */
    const int64_t hole = first_hole_that_matters(ring, policy, now);
    const int64_t inside = clock_add_ms(hole, -policy_horizon_ms(policy));
    int64_t due = sooner(SCHEDULE_NEVER, clock_add_ms(inside, 1), now);
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        if (key->has_bytes) {
            due = sooner(due, key->revoked ? now : key->dropped_from, now);
        }
        due = sooner(due, key->forgotten_from, now);
    }
    return due;
}

int64_t schedule_first_active(const struct keyring *ring, int64_t now)
{
    int64_t first = SCHEDULE_NEVER;
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        const int64_t from = key->active_from > now ? key->active_from : now;
        if (key_encrypts_at(key, from) && from < first) {
            first = from;
        }
    }
    return first;
}
