/* SPDX-License-Identifier: Apache-2.0 */
/* R3 and I6: the merge is a least upper bound, against an independent reference. The same laws are
 * then held against merges that are known to be wrong, so that a law which lets one pass is seen.
 */
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

/* As keyring_merge(). */
typedef enum err merge_fn(struct keyring *into, const struct keyring *from, bool *changed);

/* What the laws are held against, and rings to work with (it saves a thousand mappings). */
struct bench {
    merge_fn *merge;
    struct keyring rings[RINGS];
    struct keyring work[4];
};

/* into = a v b. Returns what the merge says about change. */
static bool join(const struct bench *bench, struct keyring *into, const struct keyring *a,
                 const struct keyring *b)
{
    bool changed = false;
    assert_int_equal(keyring_copy(into, a), ERR_OK);
    assert_int_equal(bench->merge(into, b, &changed), ERR_OK);
    return changed;
}

/* NULL, or the law that is broken. */
static const char *broken_law(struct bench *bench)
{
    struct keyring *work = bench->work;
    const struct keyring *rings = bench->rings;
    const struct keyring *a = &rings[0];
    const struct keyring *b = &rings[1];
    const struct keyring *c = &rings[2];
    struct reference heap = {.count = 0};

    const bool changed = join(bench, &work[0], a, b);
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
    (void)join(bench, &work[1], b, a);
    if (!fixture_rings_are_equal(&work[0], &work[1])) {
        return "it commutes";
    }
    (void)join(bench, &work[1], &work[0], c); /* (a v b) v c */
    (void)join(bench, &work[2], b, c);
    (void)join(bench, &work[3], a, &work[2]); /* a v (b v c) */
    if (!fixture_rings_are_equal(&work[1], &work[3])) {
        return "it associates";
    }
    if (join(bench, &work[2], &work[0], &work[0]) || join(bench, &work[2], &work[0], a) ||
        join(bench, &work[2], &work[0], b)) {
        return "it is idempotent";
    }
    return NULL;
}

/* NULL, or the first law that a history breaks; `*out_seed` is then its seed. */
static const char *law_broken_within(merge_fn *merge, uint64_t histories, uint64_t *out_seed)
{
    struct bench bench = {.merge = merge};
    const char *law = NULL;
    for (size_t i = 0; i < RINGS; i++) {
        bench.rings[i] = fixture_ring();
    }
    for (size_t i = 0; i < 4; i++) {
        bench.work[i] = fixture_ring();
    }
    for (uint64_t seed = 0; seed < histories && law == NULL; seed++) {
        struct rng rng = {seed};
        one_history(&rng, bench.rings);
        law = broken_law(&bench);
        *out_seed = seed;
    }
    for (size_t i = 0; i < RINGS; i++) {
        keyring_fini(&bench.rings[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        keyring_fini(&bench.work[i]);
    }
    return law;
}

static void merge_is_the_least_upper_bound_whatever_the_history(void **unused)
{
    uint64_t seed = 0;
    (void)unused;
    const char *law = law_broken_within(keyring_merge, FIXTURE_HISTORIES(HISTORIES), &seed);
    if (law != NULL) {
        fail_msg("seed %llu: not true that %s", (unsigned long long)seed, law);
    }
}

/* --- merges that are wrong ------------------------------------------------------------------- */

/* Merges, then spoils each entry that both sides had: `was` is what `into` said of it before. */
static enum err merge_and_spoil(struct keyring *into, const struct keyring *from, bool *changed,
                                void (*spoil)(struct key *merged, const struct key *was,
                                              const struct key *theirs))
{
    struct keyring before = fixture_ring();
    enum err rc = keyring_copy(&before, into);
    if (rc == ERR_OK) {
        rc = keyring_merge(into, from, changed);
    }
    for (size_t i = 0; i < before.count && rc == ERR_OK; i++) {
        const struct key *was = &before.keys[i];
        const struct key *theirs = keyring_find(from, was->name);
        if (theirs != NULL) {
            spoil(keyring_find(into, was->name), was, theirs);
        }
    }
    keyring_fini(&before);
    return rc;
}

static void keep_was(struct key *merged, const struct key *was, const struct key *theirs)
{
    (void)theirs;
    *merged = *was;
}

static enum err first_author_wins(struct keyring *into, const struct keyring *from, bool *changed)
{
    return merge_and_spoil(into, from, changed, keep_was);
}

static void take_later_drop(struct key *merged, const struct key *was, const struct key *theirs)
{
    merged->dropped_from =
        was->dropped_from > theirs->dropped_from ? was->dropped_from : theirs->dropped_from;
}

/* A lattice too, only not ours: it would undo what an operator has shortened. */
static enum err later_date_wins(struct keyring *into, const struct keyring *from, bool *changed)
{
    return merge_and_spoil(into, from, changed, take_later_drop);
}

static void give_bytes_back(struct key *merged, const struct key *was, const struct key *theirs)
{
    const struct key *holder = was->has_bytes ? was : theirs;
    memcpy(merged->bytes, holder->bytes, KEY_LEN);
    merged->has_bytes = holder->has_bytes;
}

static enum err bytes_return(struct keyring *into, const struct keyring *from, bool *changed)
{
    return merge_and_spoil(into, from, changed, give_bytes_back);
}

static void revoke_only_by_both(struct key *merged, const struct key *was, const struct key *theirs)
{
    merged->revoked = was->revoked && theirs->revoked;
}

static enum err revocation_does_not_latch(struct keyring *into, const struct keyring *from,
                                          bool *changed)
{
    return merge_and_spoil(into, from, changed, revoke_only_by_both);
}

/* With a clock: what one has forgotten another brings back, and the order of meeting matters. */
static enum err forgets_on_the_way(struct keyring *into, const struct keyring *from, bool *changed)
{
    const enum err rc = keyring_merge(into, from, changed);
    (void)keyring_forget(into, 450);
    return rc;
}

static enum err always_says_changed(struct keyring *into, const struct keyring *from, bool *changed)
{
    const enum err rc = keyring_merge(into, from, changed);
    *changed = true;
    return rc;
}

static void every_wrong_merge_is_found_out(void **unused)
{
    static const struct {
        const char *what;
        merge_fn *merge;
    } wrong[] = {
        {"the first author wins", first_author_wins},
        {"the later date wins", later_date_wins},
        {"bytes return", bytes_return},
        {"a revocation does not latch", revocation_does_not_latch},
        {"it forgets on the way", forgets_on_the_way},
        {"it always says that something changed", always_says_changed},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t seed = 0;
        if (law_broken_within(wrong[i].merge, 1000, &seed) == NULL) {
            fail_msg("no law objects to a merge of which it is true that %s", wrong[i].what);
        }
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
        cmocka_unit_test(every_wrong_merge_is_found_out),
        cmocka_unit_test(rings_of_different_realms_do_not_merge),
        cmocka_unit_test(a_merge_grows_far_past_the_first_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
