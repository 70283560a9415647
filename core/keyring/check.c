/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/check.h"

#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "keyring/derive.h"
#include "keyring/policy.h"

struct hex_name {
    char text[2 * KEY_NAME_LEN + 1];
};

static struct hex_name hex_of(const struct key *key)
{
    struct hex_name hex;
    text_hex_encode(key->name, KEY_NAME_LEN, hex.text);
    return hex;
}

/* Not reached through a copy: the bytes of a tombstone are known to be zero or it is refused. */
static bool is_zero(const uint8_t bytes[KEY_LEN])
{
    return bytes[0] == 0 && secret_is_weak(bytes, KEY_LEN);
}

enum err check_key(const struct key *key, const char *realm, struct errbuf *why)
{
    if (secret_is_weak(key->name, KEY_NAME_LEN)) {
        errbuf_set(why, "key %s: a name of one repeated byte names no key", hex_of(key).text);
        return ERR_INVALID;
    }
    if (!key->has_bytes) {
        if (!is_zero(key->bytes)) {
            errbuf_set(why, "key %s: said to be wiped, but it carries bytes", hex_of(key).text);
            return ERR_INVALID;
        }
        return ERR_OK;
    }
    if (secret_is_weak(key->bytes, KEY_LEN)) {
        errbuf_set(why, "key %s: its bytes are all the same: zeroed or never filled",
                   hex_of(key).text);
        return ERR_INVALID;
    }
    enum err rc = derive_check_name(key, realm);
    if (rc == ERR_INVALID) {
        errbuf_set(why, "key %s: its name does not follow from its bytes in realm '%s'",
                   hex_of(key).text, realm);
    } else if (rc != ERR_OK) {
        errbuf_set(why, "key %s: its name could not be checked: %s", hex_of(key).text,
                   err_text(rc));
    }
    return rc;
}

static enum err check_dates(const struct key *key, int64_t now, struct errbuf *why)
{
    if (!key_dates_are_sound(key)) {
        errbuf_set(why, "key %s: its dates are out of order", hex_of(key).text);
        return ERR_INVALID;
    }
    if (clock_between_ms(key->published_at, key->forgotten_from) > POLICY_LIFE_MAX_MS) {
        errbuf_set(why, "key %s: would live for more than 7d", hex_of(key).text);
        return ERR_INVALID;
    }
    const int64_t horizon = clock_add_ms(now, CHECK_FUTURE_MAX_MS);
    if (key->published_at > horizon) {
        errbuf_set(why,
                   "key %s: published in the future: the clock of its author is fast, or ours is "
                   "slow",
                   hex_of(key).text);
        return ERR_INVALID;
    }
    if (!key->has_bytes && !key->revoked && key->dropped_from > horizon) {
        errbuf_set(why, "key %s: its bytes are missing before its time", hex_of(key).text);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err check_arrival(const struct keyring *ring, int64_t now, struct errbuf *why)
{
    if (!text_is_realm_name(ring->realm)) {
        errbuf_set(why, "a keyring without a valid realm name");
        return ERR_INVALID;
    }
    if (ring->count > CHECK_ENTRIES_MAX) {
        errbuf_set(why, "realm '%s': %zu keys, but %d is the most", ring->realm, ring->count,
                   CHECK_ENTRIES_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        if (i > 0 && memcmp(ring->keys[i - 1].name, key->name, KEY_NAME_LEN) >= 0) {
            errbuf_set(why, "key %s: listed twice or out of order", hex_of(key).text);
            return ERR_INVALID;
        }
        enum err rc = check_dates(key, now, why);
        if (rc == ERR_OK) {
            rc = check_key(key, ring->realm, why);
        }
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

enum err check_same_birth(const struct keyring *held, const struct keyring *arrived,
                          struct errbuf *why)
{
    for (size_t i = 0; i < arrived->count; i++) {
        const struct key *theirs = &arrived->keys[i];
        const struct key *ours = keyring_find(held, theirs->name);
        if (ours != NULL && (ours->published_at != theirs->published_at ||
                             ours->forgotten_from != theirs->forgotten_from)) {
            errbuf_set(why, "key %s: its dates of birth differ from those we hold",
                       hex_of(theirs).text);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}
