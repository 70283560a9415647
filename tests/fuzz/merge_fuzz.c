/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three rings out of any bytes, and what R3 and I6 say of their merges: the ring that the reference
 * reads off the heap of all that was said; the same in any order and grouping; nothing new the
 * second time; and dropping and forgetting keep their word. Dates may be anything at all.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "keyring/check.h"
#include "unit/keyring/fixture.h"
#include "unit/keyring/merge_reference.h"

#define RINGS    3
#define KEYS_MAX 16 /* of one ring */
#define NAMES    6  /* few, so that rings speak of the same keys */

/* Near one another, with the ends of time among them. */
static int64_t read_date(struct reader *r)
{
    const uint8_t byte = reader_u8(r);

    switch (byte) {
    case 0xFF:
        return INT64_MAX;
    case 0xFE:
        return INT64_MIN;
    case 0xFD:
        return (int64_t)reader_u64be(r);
    default:
        return FUZZ_NOW + (int64_t)byte - 0x80;
    }
}

static struct key read_key(struct reader *r)
{
    struct key key = {.has_bytes = true};
    const uint8_t name = reader_u8(r);
    const uint8_t flags = reader_u8(r);

    memset(key.name, 1 + name % NAMES, sizeof(key.name));
    key.published_at = read_date(r);
    key.active_from = read_date(r);
    key.retired_from = read_date(r);
    key.dropped_from = read_date(r);
    key.forgotten_from = read_date(r);
    key.revoked = (flags & 1) != 0;
    key.has_bytes = (flags & 2) == 0;
    if (key.has_bytes) {
        memset(key.bytes, (flags & 4) != 0 ? 0x44 : 0x33, sizeof(key.bytes));
    }
    return key;
}

static void read_ring(struct reader *r, struct keyring *out)
{
    const size_t count = reader_u8(r) % (KEYS_MAX + 1);

    *out = fixture_ring();
    for (size_t i = 0; i < count && !r->failed; i++) {
        const struct key key = read_key(r);
        (void)!keyring_add(out, &key);
    }
}

/* `out` = a merged with b. */
static void unite(const struct keyring *a, const struct keyring *b, struct keyring *out)
{
    bool changed = false;

    *out = fixture_ring();
    assert(keyring_copy(out, a) == ERR_OK);
    assert(keyring_merge(out, b, &changed) == ERR_OK);
    assert(changed == !fixture_rings_are_equal(out, a));
    assert(keyring_covers(a, b) == !changed);
    assert(keyring_covers(out, a) && keyring_covers(out, b));
    assert(keyring_merge(out, b, &changed) == ERR_OK && !changed);
    assert(keyring_merge(out, a, &changed) == ERR_OK && !changed);
}

static void assert_same(const struct keyring *a, const struct keyring *b)
{
    uint8_t digest_a[DIGEST_LEN];
    uint8_t digest_b[DIGEST_LEN];

    assert(fixture_rings_are_equal(a, b));
    assert(keyring_digest(a, digest_a) == ERR_OK && keyring_digest(b, digest_b) == ERR_OK);
    assert(memcmp(digest_a, digest_b, DIGEST_LEN) == 0);
}

static void check_pair(const struct keyring *a, const struct keyring *b)
{
    struct reference heap = {.count = 0};
    struct keyring ab = {0};
    struct keyring ba = {0};

    unite(a, b, &ab);
    unite(b, a, &ba);
    assert_same(&ab, &ba);
    reference_pile(&heap, a);
    reference_pile(&heap, b);
    assert(reference_agrees(&heap, &ab));
    keyring_fini(&ab);
    keyring_fini(&ba);
}

static void check_three(const struct keyring rings[RINGS])
{
    struct reference heap = {.count = 0};
    struct keyring part = {0};
    struct keyring left = {0};
    struct keyring right = {0};

    unite(&rings[0], &rings[1], &part);
    unite(&part, &rings[2], &left);
    keyring_fini(&part);
    unite(&rings[1], &rings[2], &part);
    unite(&rings[0], &part, &right);
    keyring_fini(&part);
    assert_same(&left, &right);
    for (size_t i = 0; i < RINGS; i++) {
        reference_pile(&heap, &rings[i]);
    }
    assert(reference_agrees(&heap, &left));
    keyring_fini(&left);
    keyring_fini(&right);
}

/* What time does to a ring, after which nothing brings a key's bytes back (I5). */
static void check_end(struct keyring *ring, const struct keyring *before, int64_t now)
{
    struct keyring again = {0};
    size_t over = 0;

    (void)keyring_drop(ring, now);
    assert(keyring_drop(ring, now) == 0);
    unite(ring, before, &again);
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        const struct key *back = keyring_find(&again, key->name);
        assert(!key->has_bytes || (!key->revoked && now < key->dropped_from));
        assert(key->has_bytes || (back != NULL && !back->has_bytes));
        over += now >= key->forgotten_from;
    }
    assert(keyring_pick(ring, now) == NULL || key_encrypts_at(keyring_pick(ring, now), now));
    assert(keyring_forget(ring, now) == over);
    assert(keyring_forget(ring, now) == 0);
    keyring_fini(&again);
}

/* Whatever the dates, the checks on arrival end with a verdict, and a refusal has a sentence. */
static void check_checks(const struct keyring *a, const struct keyring *b, int64_t now)
{
    struct errbuf why = {""};

    assert(check_arrival(a, now, &why) == ERR_OK || why.text[0] != '\0');
    why.text[0] = '\0';
    assert(check_same_birth(a, b, &why) == ERR_OK || why.text[0] != '\0');
    assert(check_same_birth(a, a, &why) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keyring rings[RINGS];
    struct keyring before = fixture_ring();
    struct reader r;

    reader_init(&r, data, size);
    const int64_t now = read_date(&r);
    for (size_t i = 0; i < RINGS; i++) {
        read_ring(&r, &rings[i]);
    }
    check_pair(&rings[0], &rings[1]);
    check_three(rings);
    check_checks(&rings[0], &rings[1], now);
    assert(keyring_copy(&before, &rings[0]) == ERR_OK);
    check_end(&rings[0], &before, now);
    keyring_fini(&before);
    for (size_t i = 0; i < RINGS; i++) {
        keyring_fini(&rings[i]);
    }
    return 0;
}
