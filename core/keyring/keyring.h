/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyring: all keys of one realm, sorted by name, in one block of secret memory.
 *
 * Not safe for concurrent use; every holder has its own copy. Pointers to keys are borrowed and
 * valid until the ring changes.
 */
#ifndef STEK_KEYRING_KEYRING_H
#define STEK_KEYRING_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "keyring/key.h"

#define DIGEST_LEN 32

struct keyring {
    char realm[REALM_NAME_MAX + 1];
    struct key *keys; /* owned; one secret_alloc block; sorted by name, names unique */
    size_t count;
    size_t capacity;
};

/* An empty ring. ERR_INVALID for a bad realm name. Needs no memory yet. */
enum err keyring_init(struct keyring *ring, const char *realm) MUST_USE;
/* Wipes everything. Safe on {0} and twice. */
void keyring_fini(struct keyring *ring);

/* `to` must be initialised (any realm); its content is replaced. Untouched on ERR_NOMEM. */
enum err keyring_copy(struct keyring *to, const struct keyring *from) MUST_USE;
/* Never fails. */
void keyring_swap(struct keyring *a, struct keyring *b);

/* Adds a copy of `key`. ERR_CONFLICT when the name is there already, ERR_NOMEM. Checks nothing
 * else: outside input goes through check.h first. */
enum err keyring_add(struct keyring *ring, const struct key *key) MUST_USE;
void keyring_remove_at(struct keyring *ring, size_t index);

/* NULL when there is none. */
struct key *keyring_find(const struct keyring *ring, const uint8_t name[KEY_NAME_LEN]);

/* The encrypting key at `now`: of those that encrypt, the one with the greatest active_from,
 * ties by smallest name. NULL when nothing is active. The one rule, used by daemon and library. */
const struct key *keyring_pick(const struct keyring *ring, int64_t now);

/* R3: least upper bound. Union by name; each movable date the earlier one; `revoked` latches;
 * bytes are gone if either side has lost them. Takes no clock, has no cap. Commutative,
 * associative, idempotent (I6). (Immutable dates that differ come from a broken author and are
 * refused by check_same_birth() on arrival; so that merge stays a lattice all the same, the
 * earlier published_at and the later forgotten_from win. Likewise bytes that differ, which no
 * two certified keys of one name have, are gone.) Different realms: ERR_INVALID.
 * Untouched on failure. `changed` may be NULL: set when `into` is not what it was. */
enum err keyring_merge(struct keyring *into, const struct keyring *from, bool *changed) MUST_USE;

/* True when merging `other` into `ring` would change nothing: ring >= other in merge order. */
bool keyring_covers(const struct keyring *ring, const struct keyring *other);

/* Wipes the bytes of every key that is revoked or dropped at `now`. Returns how many. */
size_t keyring_drop(struct keyring *ring, int64_t now);
/* Removes entries whose forgotten_from has come. Returns how many. */
size_t keyring_forget(struct keyring *ring, int64_t now);

/* SHA-256 over realm and sorted (name, dates, revoked): no key byte, no revision; equal wherever
 * the same ring is held. Layout in docs/PROTOCOL.md. */
enum err keyring_digest(const struct keyring *ring, uint8_t out[DIGEST_LEN]) MUST_USE;

#endif
