/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "keyring/derive.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* splitmix64 */
uint64_t rng_next(struct rng *rng)
{
    rng->state += 0x9e3779b97f4a7c15U;
    uint64_t z = rng->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    return rng_next(rng) % bound;
}

bool rng_chance(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

static enum err fill_seeded(void *ctx, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)rng_next(ctx);
    }
    return ERR_OK;
}

struct random_source fixture_random(struct rng *rng)
{
    return (struct random_source){.fill = fill_seeded, .ctx = rng};
}

static enum err fill_nothing(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
    return ERR_IO;
}

struct random_source fixture_broken_random(void)
{
    return (struct random_source){.fill = fill_nothing};
}

static enum err fill_constant(void *ctx, uint8_t *out, size_t len)
{
    memset(out, *(uint8_t *)ctx, len);
    return ERR_OK;
}

struct random_source fixture_constant_random(uint8_t *value)
{
    return (struct random_source){.fill = fill_constant, .ctx = value};
}

struct key fixture_key(uint64_t seed, const struct policy *policy, int64_t published_at,
                       int64_t active_from)
{
    struct rng rng = {seed};
    struct key key = {.published_at = published_at, .active_from = active_from, .has_bytes = true};
    key.retired_from = active_from + policy->rotate_every_ms;
    key.dropped_from = key.retired_from + policy->ticket_lifetime_ms + 2 * policy->sync_interval_ms;
    key.forgotten_from = key.dropped_from;
    must(fill_seeded(&rng, key.bytes, KEY_LEN) == ERR_OK);
    must(derive_name(key.bytes, "web", key.name) == ERR_OK);
    return key;
}

struct keyring fixture_ring(void)
{
    struct keyring ring = {0};
    must(keyring_init(&ring, "web") == ERR_OK);
    return ring;
}

void fixture_add(struct keyring *ring, const struct key *key)
{
    must(keyring_add(ring, key) == ERR_OK);
}

static bool keys_are_equal(const struct key *a, const struct key *b)
{
    return memcmp(a->name, b->name, KEY_NAME_LEN) == 0 && a->published_at == b->published_at &&
           a->active_from == b->active_from && a->retired_from == b->retired_from &&
           a->dropped_from == b->dropped_from && a->forgotten_from == b->forgotten_from &&
           a->revoked == b->revoked && a->has_bytes == b->has_bytes &&
           memcmp(a->bytes, b->bytes, KEY_LEN) == 0;
}

bool fixture_rings_are_equal(const struct keyring *a, const struct keyring *b)
{
    if (strcmp(a->realm, b->realm) != 0 || a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!keys_are_equal(&a->keys[i], &b->keys[i])) {
            return false;
        }
    }
    return true;
}

static bool is_covered(const struct keyring *ring, int64_t at)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        if (!key->revoked && key->has_bytes && key->active_from <= at && at < key->retired_from) {
            return true;
        }
    }
    return false;
}

int64_t fixture_first_uncovered(const struct keyring *ring, int64_t from, int64_t until)
{
    int64_t first = is_covered(ring, from) || from >= until ? INT64_MAX : from;
    for (size_t i = 0; i < ring->count; i++) {
        /* A hole begins where a key ends. */
        const int64_t at = ring->keys[i].retired_from;
        if (at >= from && at < until && at < first && !is_covered(ring, at)) {
            first = at;
        }
    }
    return first;
}
