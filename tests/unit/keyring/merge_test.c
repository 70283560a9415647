/* SPDX-License-Identifier: Apache-2.0 */
/* R3 and I6: the merge is a least upper bound, against an independent reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "keyring/keyring.h"
#include "merge_reference.h"

#define HISTORIES 100000
#define NAMES     10
#define RINGS     3

/* Merge judges nothing, so these keys need no certified names. */
static struct key key_number(uint64_t n)
{
    struct key key = {.published_at = (int64_t)(n * 10),
                      .active_from = (int64_t)(n * 10 + 100),
                      .retired_from = (int64_t)(n * 10 + 200),
                      .dropped_from = (int64_t)(n * 10 + 300),
                      .forgotten_from = (int64_t)(n * 10 + 400),
                      .has_bytes = true};
    memset(key.name, (int)(n * 37 % 251), KEY_NAME_LEN);
    memset(key.bytes, (int)(n + 1), KEY_LEN);
    return key;
}

static int64_t earlier_by_chance(struct rng *rng, int64_t date)
{
    return date - (int64_t)rng_below(rng, 3) * 20;
}

/* One thing that may happen to a key, the last two only at the hands of a broken author. */
static void change_key(struct rng *rng, struct key *key)
{
    switch (rng_below(rng, 9)) {
    case 0:
        key->active_from = earlier_by_chance(rng, key->active_from);
        break;
    case 1:
        key->retired_from = earlier_by_chance(rng, key->retired_from);
        break;
    case 2:
        key->dropped_from = earlier_by_chance(rng, key->dropped_from);
        break;
    case 3:
        key->revoked = true;
        key_wipe(key);
        break;
    case 4:
        key_wipe(key);
        break;
    case 5:
        key->revoked = true;
        break;
    case 6:
        key->published_at -= (int64_t)rng_below(rng, 2);
        key->forgotten_from += (int64_t)rng_below(rng, 2);
        break;
    case 7:
        if (key->has_bytes) {
            key->bytes[5] = (uint8_t)rng_below(rng, 2);
        }
        break;
    default:
        break;
    }
}

static void one_history(struct rng *rng, struct keyring rings[RINGS])
{
    for (size_t i = 0; i < RINGS; i++) {
        while (rings[i].count > 0) {
            keyring_remove_at(&rings[i], rings[i].count - 1);
        }
    }
    const size_t steps = rng_below(rng, 25);
    for (size_t step = 0; step < steps; step++) {
        struct keyring *ring = &rings[rng_below(rng, RINGS)];
        const struct key key = key_number(rng_below(rng, NAMES));
        if (rng_chance(rng, 40) && keyring_find(ring, key.name) == NULL) {
            fixture_add(ring, &key);
        } else if (rng_chance(rng, 10)) {
            const size_t from = rng_below(rng, RINGS);
            assert_int_equal(keyring_merge(ring, &rings[from], NULL), ERR_OK);
        } else if (ring->count > 0) {
            change_key(rng, &ring->keys[rng_below(rng, ring->count)]);
        }
    }
}

/* into = a v b. Returns what keyring_merge says about change. */
static bool join(struct keyring *into, const struct keyring *a, const struct keyring *b)
{
    bool changed = false;
    assert_int_equal(keyring_copy(into, a), ERR_OK);
    assert_int_equal(keyring_merge(into, b, &changed), ERR_OK);
    return changed;
}

/* NULL, or the law that is broken. `work` saves a thousand mappings. */
static const char *broken_law(const struct keyring rings[RINGS], struct keyring work[4])
{
    const struct keyring *a = &rings[0];
    const struct keyring *b = &rings[1];
    const struct keyring *c = &rings[2];
    struct reference heap = {.count = 0};

    const bool changed = join(&work[0], a, b);
    if (changed == fixture_rings_are_equal(&work[0], a)) {
        return "the change is told truly";
    }
    if (keyring_covers(a, b) == changed) {
        return "covers means that a merge changes nothing";
    }
    if (!keyring_covers(&work[0], a) || !keyring_covers(&work[0], b)) {
        return "it is an upper bound";
    }
    reference_pile(&heap, a);
    reference_pile(&heap, b);
    if (!reference_agrees(&heap, &work[0])) {
        return "it is what the reference says";
    }
    (void)join(&work[1], b, a);
    if (!fixture_rings_are_equal(&work[0], &work[1])) {
        return "it commutes";
    }
    (void)join(&work[1], &work[0], c); /* (a v b) v c */
    (void)join(&work[2], b, c);
    (void)join(&work[3], a, &work[2]); /* a v (b v c) */
    if (!fixture_rings_are_equal(&work[1], &work[3])) {
        return "it associates";
    }
    if (join(&work[2], &work[0], &work[0]) || join(&work[2], &work[0], a) ||
        join(&work[2], &work[0], b)) {
        return "it is idempotent";
    }
    return NULL;
}

static void merge_is_the_least_upper_bound_whatever_the_history(void **unused)
{
    struct keyring rings[RINGS];
    struct keyring work[4];
    (void)unused;
    for (size_t i = 0; i < RINGS; i++) {
        rings[i] = fixture_ring();
    }
    for (size_t i = 0; i < 4; i++) {
        work[i] = fixture_ring();
    }
    for (uint64_t seed = 0; seed < FIXTURE_HISTORIES(HISTORIES); seed++) {
        struct rng rng = {seed};
        one_history(&rng, rings);
        const char *law = broken_law(rings, work);
        if (law != NULL) {
            fail_msg("seed %llu: not true that %s", (unsigned long long)seed, law);
        }
    }
    for (size_t i = 0; i < RINGS; i++) {
        keyring_fini(&rings[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        keyring_fini(&work[i]);
    }
}

static void rings_of_different_realms_do_not_merge(void **unused)
{
    struct keyring web = fixture_ring();
    struct keyring mail = {0};
    bool changed = true;
    (void)unused;
    assert_int_equal(keyring_init(&mail, "mail"), ERR_OK);
    const struct key key = key_number(1);
    fixture_add(&mail, &key);
    assert_int_equal(keyring_merge(&web, &mail, &changed), ERR_INVALID);
    assert_int_equal(web.count, 0);
    assert_true(changed); /* untouched */
    keyring_fini(&web);
    keyring_fini(&mail);
}

static void a_merge_grows_far_past_the_first_block(void **unused)
{
    struct keyring even = fixture_ring();
    struct keyring odd = fixture_ring();
    const struct policy policy = policy_default(12 * HOUR);
    (void)unused;
    for (uint64_t seed = 0; seed < 500; seed++) {
        const struct key key = fixture_key(seed, &policy, T0, T0 + HOUR);
        fixture_add(seed % 2 == 0 ? &even : &odd, &key);
    }
    assert_int_equal(keyring_merge(&even, &odd, NULL), ERR_OK);
    assert_int_equal(even.count, 500);
    for (size_t i = 1; i < even.count; i++) {
        assert_true(memcmp(even.keys[i - 1].name, even.keys[i].name, KEY_NAME_LEN) < 0);
    }
    bool changed = true;
    assert_int_equal(keyring_merge(&even, &even, &changed), ERR_OK);
    assert_false(changed);
    keyring_fini(&even);
    keyring_fini(&odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_is_the_least_upper_bound_whatever_the_history),
        cmocka_unit_test(rings_of_different_realms_do_not_merge),
        cmocka_unit_test(a_merge_grows_far_past_the_first_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
