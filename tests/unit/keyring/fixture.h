/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, rings and seeded randomness for the keyring's tests. Everything here aborts the test when
 * it cannot do its work. */
#ifndef STEK_TESTS_UNIT_KEYRING_FIXTURE_H
#define STEK_TESTS_UNIT_KEYRING_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"

#define T0     INT64_C(1700000000000) /* a time of day in 2023 */
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* How much random testing is done: less under a sanitizer, which is many times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIXTURE_HISTORIES(n) ((n) / 10)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIXTURE_HISTORIES(n) ((n) / 10)
#endif
#endif
#ifndef FIXTURE_HISTORIES
#define FIXTURE_HISTORIES(n) (n)
#endif

struct rng {
    uint64_t state;
};

uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound);
bool rng_chance(struct rng *rng, unsigned percent);

/* Draws from `rng`, which must outlive it. */
struct random_source fixture_random(struct rng *rng);
/* Always fails. */
struct random_source fixture_broken_random(void);
/* Always the byte at `*value`. */
struct random_source fixture_constant_random(uint8_t *value);

/* A certified key of realm "web" whose bytes follow from `seed`, with the dates that
 * schedule_birth() gives. */
struct key fixture_key(uint64_t seed, const struct policy *policy, int64_t published_at,
                       int64_t active_from);
/* An empty ring of realm "web". */
struct keyring fixture_ring(void);
void fixture_add(struct keyring *ring, const struct key *key);
bool fixture_rings_are_equal(const struct keyring *a, const struct keyring *b);

/* Independent of schedule.c: tries every moment at which anything begins or ends in [from, until).
 * Returns the first uncovered one, or INT64_MAX. */
int64_t fixture_first_uncovered(const struct keyring *ring, int64_t from, int64_t until);

#endif
