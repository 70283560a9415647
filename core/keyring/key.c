/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring/key.h"

#include <assert.h>

#include "base/clock.h"
#include "base/secret.h"

enum key_state key_state_at(const struct key *key, int64_t now)
{
    if (now >= key->forgotten_from) {
        return KEY_FORGOTTEN;
    }
    if (key->revoked) {
        return KEY_REVOKED;
    }
    if (now >= key->dropped_from) {
        return KEY_DROPPED;
    }
    if (now >= key->retired_from) {
        return KEY_RETIRED;
    }
    return now >= key->active_from ? KEY_ACTIVE : KEY_NEXT;
}

const char *key_state_text(enum key_state state)
{
    switch (state) {
    case KEY_NEXT:
        return "next";
    case KEY_ACTIVE:
        return "active";
    case KEY_RETIRED:
        return "retired";
    case KEY_DROPPED:
        return "dropped";
    case KEY_FORGOTTEN:
        return "forgotten";
    case KEY_REVOKED:
        return "revoked";
    }
    return "unknown";
}

bool key_encrypts_at(const struct key *key, int64_t now)
{
    return !key->revoked && key->has_bytes && now >= key->active_from && now < key->retired_from;
}

bool key_decrypts_at(const struct key *key, int64_t now)
{
    return !key->revoked && key->has_bytes && now < key->dropped_from;
}

bool key_dates_are_sound(const struct key *key)
{
    return key->published_at <= key->active_from && key->active_from < key->retired_from &&
           key->retired_from < key->dropped_from && key->dropped_from <= key->forgotten_from;
}

bool key_start_at(struct key *key, int64_t start)
{
    assert(start >= key->published_at);
    if (start >= key->active_from) {
        return false;
    }
    const int64_t distance = clock_between_ms(start, key->active_from);
    key->active_from = start;
    key->retired_from = clock_add_ms(key->retired_from, -distance);
    key->dropped_from = clock_add_ms(key->dropped_from, -distance);
    return true;
}

void key_wipe(struct key *key)
{
    secret_wipe(key->bytes, sizeof(key->bytes));
    key->has_bytes = false;
}
