/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/change.h"

#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "keyring/schedule.h"

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When a next key may begin: not before `floor`, nor before a lead after its publication (R1);
 * but its own date may come sooner, if it was born under a shorter lead. */
static int64_t earliest_start(const struct key *key, int64_t lead, int64_t floor)
{
    return earlier_of(key->active_from, later_of(floor, clock_add_ms(key->published_at, lead)));
}

/* The next key that can begin first; of several, the one that was to begin first, then the one of
 * smallest name. NULL when there is none. */
static struct key *find_successor(const struct keyring *ring, const struct policy *policy,
                                  int64_t now, int64_t floor)
{
    const int64_t lead = policy_lead_ms(policy);
    struct key *best = NULL;
    for (size_t i = 0; i < ring->count; i++) {
        struct key *key = &ring->keys[i];
        if (key->revoked || !key->has_bytes || key->active_from <= now) {
            continue;
        }
        const int64_t start = earliest_start(key, lead, floor);
        const int64_t best_start = best == NULL ? INT64_MAX : earliest_start(best, lead, floor);
        if (best == NULL || start < best_start ||
            (start == best_start && key->active_from < best->active_from)) {
            best = key;
        }
    }
    return best;
}

static void promote(struct key *key, const struct policy *policy, int64_t floor,
                    struct change_result *result)
{
    (void)key_start_at(key, earliest_start(key, policy_lead_ms(policy), floor));
    result->at = key->active_from;
    memcpy(result->promoted, key->name, KEY_NAME_LEN);
}

/* A successor for a ring that has none: it begins a lead from now (R1). */
static enum err publish_successor(struct keyring *ring, const struct policy *policy, int64_t now,
                                  const struct random_source *random)
{
    struct key *key = secret_alloc(sizeof(*key));
    if (key == NULL) {
        return ERR_NOMEM;
    }
    const int64_t start = clock_add_ms(now, policy_lead_ms(policy));
    enum err rc = schedule_birth(ring, policy, now, start, random, key);
    if (rc == ERR_OK) {
        rc = keyring_add(ring, key);
    }
    secret_free(key);
    return rc;
}

static void retire_at(struct key *key, const struct policy *policy, int64_t at)
{
    const int64_t birth = clock_between_ms(key->retired_from, key->dropped_from);
    const int64_t needed = clock_add_ms(policy->ticket_lifetime_ms, policy_lead_ms(policy));
    key->retired_from = earlier_of(key->retired_from, at);
    key->dropped_from =
        earlier_of(key->dropped_from, clock_add_ms(key->retired_from, later_of(birth, needed)));
}

/* Why `retire` cannot be rotated away from, as far as its state tells. */
static enum err refuse_next(const struct keyring *ring, int64_t now, struct errbuf *why)
{
    const int64_t first = schedule_first_active(ring, now);
    if (first != SCHEDULE_NEVER && first > now) {
        const int64_t wait_ms = clock_between_ms(now, first);
        const int64_t wait_s = wait_ms / 1000 + (wait_ms % 1000 != 0);
        errbuf_set(why, "realm '%s': nothing to rotate yet: first key active in %s", ring->realm,
                   text_span_of(wait_s * 1000).text);
    } else {
        errbuf_set(why, "realm '%s': that key is not active yet: name the one that encrypts",
                   ring->realm);
    }
    return ERR_REFUSED;
}

static size_t rotate_limit(const struct policy *policy)
{
    const size_t needed = policy_ring_size(policy) + CHANGE_ROTATE_SPARE;
    return needed > CHANGE_ROTATE_ENTRIES_MAX ? needed : CHANGE_ROTATE_ENTRIES_MAX;
}

/* `work` is a copy that may be left half changed. */
static enum err rotate_copy(struct keyring *work, const struct policy *policy,
                            const uint8_t retire[KEY_NAME_LEN], int64_t now,
                            const struct random_source *random, struct change_result *result)
{
    const struct key *picked = keyring_pick(work, now);
    const bool encrypts = picked == NULL || memcmp(picked->name, retire, KEY_NAME_LEN) == 0;
    /* Not in the very millisecond in which it began: its dates must stay ordered. */
    const int64_t begun = keyring_find(work, retire)->active_from;
    const int64_t floor = later_of(now, clock_add_ms(begun, 1));

    result->at = floor;
    if (encrypts) {
        if (find_successor(work, policy, now, floor) == NULL) {
            const enum err rc = publish_successor(work, policy, now, random);
            if (rc != ERR_OK) {
                return rc;
            }
        }
        promote(find_successor(work, policy, now, floor), policy, floor, result);
    }
    retire_at(keyring_find(work, retire), policy, result->at);
    return ERR_OK;
}

enum err change_rotate(struct keyring *ring, const struct policy *policy,
                       const uint8_t retire[KEY_NAME_LEN], int64_t now,
                       const struct random_source *random, struct change_result *out,
                       struct errbuf *why)
{
    struct change_result result = {0};
    struct keyring work = {0};
    const struct key *key = keyring_find(ring, retire);
    if (key == NULL) {
        errbuf_set(why, "realm '%s': no such key", ring->realm);
        return ERR_NOT_FOUND;
    }
    const enum key_state state = key_state_at(key, now);
    if (state == KEY_NEXT) {
        return refuse_next(ring, now, why);
    }
    if (state != KEY_ACTIVE) {
        result.at = key->retired_from;
        *out = result;
        return ERR_OK;
    }

    enum err rc = keyring_copy(&work, ring);
    if (rc == ERR_OK) {
        rc = rotate_copy(&work, policy, retire, now, random, &result);
    }
    if (rc != ERR_OK) {
        errbuf_set(why, "realm '%s': cannot publish a new key: %s", ring->realm, err_text(rc));
        goto out;
    }
    rc = schedule_cover(&work, policy, now, random, NULL, why);
    if (rc != ERR_OK) {
        goto out;
    }
    result.changed = !keyring_covers(ring, &work);
    if (result.changed && ring->count >= rotate_limit(policy)) {
        rc = ERR_REFUSED;
        errbuf_set(why,
                   "realm '%s': %zu keys are kept already, from many rotations: wait until some "
                   "are forgotten",
                   ring->realm, ring->count);
        goto out;
    }
    keyring_swap(ring, &work);
    *out = result;

out:
    keyring_fini(&work);
    return rc;
}

static void revoke_key(struct key *key)
{
    key->revoked = true;
    key_wipe(key);
}

/* Revocation stands whether or not a new key can be made: see the header. */
static void cover_if_possible(struct keyring *ring, const struct policy *policy, int64_t now,
                              const struct random_source *random)
{
    if (random != NULL) {
        (void)!schedule_cover(ring, policy, now, random, NULL, NULL);
    }
}

enum err change_revoke(struct keyring *ring, const struct policy *policy,
                       const uint8_t name[KEY_NAME_LEN], int64_t now,
                       const struct random_source *random, struct change_result *out,
                       struct errbuf *why)
{
    struct change_result result = {0};
    struct key *key = keyring_find(ring, name);
    if (key == NULL) {
        errbuf_set(why, "realm '%s': no such key", ring->realm);
        return ERR_NOT_FOUND;
    }
    if (!key->revoked) {
        const bool was_active = key_encrypts_at(key, now);
        revoke_key(key);
        result.changed = true;
        if (policy != NULL && was_active && keyring_pick(ring, now) == NULL) {
            struct key *successor = find_successor(ring, policy, now, now);
            if (successor != NULL) {
                promote(successor, policy, now, &result);
            }
        }
        cover_if_possible(ring, policy, now, random);
    }
    *out = result;
    return ERR_OK;
}

enum err change_revoke_all(struct keyring *ring, const struct policy *policy, int64_t now,
                           const struct random_source *random, struct change_result *out,
                           struct errbuf *why)
{
    struct change_result result = {.changed = true};
    (void)why;
    for (size_t i = 0; i < ring->count; i++) {
        revoke_key(&ring->keys[i]);
    }
    cover_if_possible(ring, policy, now, random);
    const int64_t first = schedule_first_active(ring, now);
    result.at = first == SCHEDULE_NEVER ? 0 : first;
    const struct key *key = keyring_pick(ring, first);
    if (key != NULL) {
        memcpy(result.promoted, key->name, KEY_NAME_LEN);
    }
    *out = result;
    return ERR_OK;
}
