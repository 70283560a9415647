/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/keyring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/kdf.h"
#include "base/secret.h"

#define CAPACITY_MIN ((size_t)32) /* fits one page of secret memory */
#define CAPACITY_MAX (SIZE_MAX / 8 / sizeof(struct key))

#define DIGEST_LABEL "stek v1 digest"

enum err keyring_init(struct keyring *ring, const char *realm)
{
    struct keyring empty = {0};
    if (!text_is_realm_name(realm)) {
        return ERR_INVALID;
    }
    const enum err rc = text_copy(empty.realm, sizeof(empty.realm), realm);
    if (rc == ERR_OK) {
        *ring = empty;
    }
    return rc;
}

void keyring_fini(struct keyring *ring)
{
    secret_free(ring->keys);
    *ring = (struct keyring){0};
}

/* Makes room for `count` keys; the old block is wiped when it moves. */
static enum err reserve(struct keyring *ring, size_t count)
{
    if (count <= ring->capacity) {
        return ERR_OK;
    }
    if (count > CAPACITY_MAX) {
        return ERR_NOMEM;
    }
    size_t capacity = ring->capacity < CAPACITY_MIN ? CAPACITY_MIN : ring->capacity;
    while (capacity < count) {
        capacity *= 2;
    }
    struct key *keys = secret_alloc(capacity * sizeof(*keys));
    if (keys == NULL) {
        return ERR_NOMEM;
    }
    if (ring->count > 0) {
        memcpy(keys, ring->keys, ring->count * sizeof(*keys));
    }
    secret_free(ring->keys);
    ring->keys = keys;
    ring->capacity = capacity;
    return ERR_OK;
}

enum err keyring_copy(struct keyring *to, const struct keyring *from)
{
    if (to == from) {
        return ERR_OK;
    }
    const enum err rc = reserve(to, from->count);
    if (rc != ERR_OK) {
        return rc;
    }
    if (from->count > 0) {
        memcpy(to->keys, from->keys, from->count * sizeof(*to->keys));
    }
    if (to->count > from->count) {
        secret_wipe(&to->keys[from->count], (to->count - from->count) * sizeof(*to->keys));
    }
    to->count = from->count;
    memcpy(to->realm, from->realm, sizeof(to->realm));
    return ERR_OK;
}

void keyring_swap(struct keyring *a, struct keyring *b)
{
    const struct keyring held = *a;
    *a = *b;
    *b = held;
}

/* Names are public: they travel in every ticket, so an ordinary comparison tells nobody more. */
static int compare_names(const uint8_t a[KEY_NAME_LEN], const uint8_t b[KEY_NAME_LEN])
{
    return memcmp(a, b, KEY_NAME_LEN);
}

/* The first index whose name is not smaller than `name`. */
static size_t lower_bound(const struct keyring *ring, const uint8_t name[KEY_NAME_LEN])
{
    size_t low = 0;
    size_t high = ring->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_names(ring->keys[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct key *keyring_find(const struct keyring *ring, const uint8_t name[KEY_NAME_LEN])
{
    const size_t at = lower_bound(ring, name);
    if (at < ring->count && compare_names(ring->keys[at].name, name) == 0) {
        return &ring->keys[at];
    }
    return NULL;
}

enum err keyring_add(struct keyring *ring, const struct key *key)
{
    if (keyring_find(ring, key->name) != NULL) {
        return ERR_CONFLICT;
    }
    const enum err rc = reserve(ring, ring->count + 1);
    if (rc != ERR_OK) {
        return rc;
    }
    const size_t at = lower_bound(ring, key->name);
    memmove(&ring->keys[at + 1], &ring->keys[at], (ring->count - at) * sizeof(*key));
    ring->keys[at] = *key;
    ring->count++;
    return ERR_OK;
}

void keyring_remove_at(struct keyring *ring, size_t index)
{
    assert(index < ring->count);
    memmove(&ring->keys[index], &ring->keys[index + 1],
            (ring->count - index - 1) * sizeof(*ring->keys));
    ring->count--;
    secret_wipe(&ring->keys[ring->count], sizeof(*ring->keys));
}

const struct key *keyring_pick(const struct keyring *ring, int64_t now)
{
    const struct key *best = NULL;
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        /* In name order, so "greater" alone leaves ties with the smallest name. */
        if (key_encrypts_at(key, now) && (best == NULL || key->active_from > best->active_from)) {
            best = key;
        }
    }
    return best;
}

static bool move_earlier(int64_t *into, int64_t from)
{
    if (from >= *into) {
        return false;
    }
    *into = from;
    return true;
}

/* Two keys of one name agree on their bytes as far as both still have them. */
static bool have_same_bytes(const struct key *a, const struct key *b)
{
    return a->has_bytes && b->has_bytes && secret_equal(a->bytes, b->bytes, KEY_LEN);
}

/* The least upper bound of one entry. Returns whether `into` changed. */
static bool merge_key(struct key *into, const struct key *from)
{
    bool changed = move_earlier(&into->published_at, from->published_at);
    changed |= move_earlier(&into->active_from, from->active_from);
    changed |= move_earlier(&into->retired_from, from->retired_from);
    changed |= move_earlier(&into->dropped_from, from->dropped_from);
    if (from->forgotten_from > into->forgotten_from) {
        into->forgotten_from = from->forgotten_from;
        changed = true;
    }
    if (from->revoked && !into->revoked) {
        into->revoked = true;
        changed = true;
    }
    if (into->has_bytes && !have_same_bytes(into, from)) {
        key_wipe(into);
        changed = true;
    }
    return changed;
}

/* True when merge_key(a, b) would change nothing. */
static bool key_covers(const struct key *a, const struct key *b)
{
    return a->published_at <= b->published_at && a->active_from <= b->active_from &&
           a->retired_from <= b->retired_from && a->dropped_from <= b->dropped_from &&
           a->forgotten_from >= b->forgotten_from && a->revoked >= b->revoked &&
           (!a->has_bytes || have_same_bytes(a, b));
}

static size_t count_missing(const struct keyring *ring, const struct keyring *other)
{
    size_t missing = 0;
    size_t i = 0;
    for (size_t j = 0; j < other->count; j++) {
        while (i < ring->count && compare_names(ring->keys[i].name, other->keys[j].name) < 0) {
            i++;
        }
        missing += i == ring->count || compare_names(ring->keys[i].name, other->keys[j].name) != 0;
    }
    return missing;
}

enum err keyring_merge(struct keyring *into, const struct keyring *from, bool *changed)
{
    if (strcmp(into->realm, from->realm) != 0) {
        return ERR_INVALID;
    }
    const size_t missing = count_missing(into, from);
    const enum err rc = reserve(into, into->count + missing);
    if (rc != ERR_OK) {
        return rc;
    }
    /* From the back, so that both sorted rows merge within the one block: the write position
     * stays ahead of the keys still to be moved until nothing is missing any more. */
    bool any = missing > 0;
    size_t i = into->count;
    size_t j = from->count;
    size_t to = into->count + missing;
    into->count = to;
    while (j > 0) {
        const struct key *theirs = &from->keys[j - 1];
        const int order = i == 0 ? -1 : compare_names(into->keys[i - 1].name, theirs->name);
        if (order == 0) {
            any |= merge_key(&into->keys[i - 1], theirs);
        }
        into->keys[--to] = order >= 0 ? into->keys[i - 1] : *theirs;
        i -= order >= 0;
        j -= order <= 0;
    }
    if (changed != NULL) {
        *changed = any;
    }
    return ERR_OK;
}

bool keyring_covers(const struct keyring *ring, const struct keyring *other)
{
    for (size_t i = 0; i < other->count; i++) {
        const struct key *mine = keyring_find(ring, other->keys[i].name);
        if (mine == NULL || !key_covers(mine, &other->keys[i])) {
            return false;
        }
    }
    return true;
}

size_t keyring_drop(struct keyring *ring, int64_t now)
{
    size_t dropped = 0;
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].has_bytes && !key_decrypts_at(&ring->keys[i], now)) {
            key_wipe(&ring->keys[i]);
            dropped++;
        }
    }
    return dropped;
}

size_t keyring_forget(struct keyring *ring, int64_t now)
{
    size_t forgotten = 0;
    for (size_t i = ring->count; i > 0; i--) {
        if (key_state_at(&ring->keys[i - 1], now) == KEY_FORGOTTEN) {
            keyring_remove_at(ring, i - 1);
            forgotten++;
        }
    }
    return forgotten;
}

/*
 * DIGEST_LABEL 0x00 | u8 length of realm, realm | u32be number of keys | for each key in the order
 * of names: name (16), published_at, active_from, retired_from, dropped_from, forgotten_from
 * (u64be each, two's complement), u8 revoked (0 or 1).
 */
static void write_digest_input(struct writer *w, const struct keyring *ring)
{
    const size_t realm_len = strlen(ring->realm);
    writer_bytes(w, DIGEST_LABEL, sizeof(DIGEST_LABEL));
    writer_u8(w, (uint8_t)realm_len);
    writer_bytes(w, ring->realm, realm_len);
    writer_u32be(w, (uint32_t)ring->count);
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        writer_bytes(w, key->name, KEY_NAME_LEN);
        writer_u64be(w, (uint64_t)key->published_at);
        writer_u64be(w, (uint64_t)key->active_from);
        writer_u64be(w, (uint64_t)key->retired_from);
        writer_u64be(w, (uint64_t)key->dropped_from);
        writer_u64be(w, (uint64_t)key->forgotten_from);
        writer_u8(w, key->revoked ? 1 : 0);
    }
}

enum err keyring_digest(const struct keyring *ring, uint8_t out[DIGEST_LEN])
{
    const size_t per_key = KEY_NAME_LEN + 5 * sizeof(uint64_t) + 1;
    const size_t cap = sizeof(DIGEST_LABEL) + 1 + sizeof(ring->realm) + 4 + ring->count * per_key;
    uint8_t *input = malloc(cap); /* no key byte goes in: ordinary memory */
    if (input == NULL) {
        return ERR_NOMEM;
    }
    struct writer w;
    writer_init(&w, input, cap);
    write_digest_input(&w, ring);
    assert(!w.failed);
    const enum err rc = kdf_sha256((struct slice){input, w.len}, out);
    free(input);
    return rc;
}
