/* SPDX-License-Identifier: Apache-2.0 */
/* The reading half of the mapping: never waits, takes no lock, allocates nothing. */
#include <assert.h>

#include "base/clock.h"
#include "base/secret.h"
#include "src/ringmap_layout.h"

#define NOBODY SIZE_MAX

/* One look at a published slot: valid only if the generation is still the same afterwards. */
struct look {
    struct layout_realm *realm;
    struct layout_slot *slot;
    uint64_t generation;
    size_t live;
    size_t count;
    int64_t now;
    bool is_offline; /* as_of is older than max_offline allows */
};

/* False when nothing was ever published, or no time is known. */
static bool look_start(const struct ringmap *map, size_t realm, int64_t boot_ms, struct look *look)
{
    struct layout_realm *area = &map->realms[realm];
    look->realm = area;
    look->generation = layout_load(&area->generation);
    look->slot = &area->slots[look->generation & 1];
    look->now = ringmap_now(map, boot_ms);
    if (look->generation == 0 || look->now == 0) {
        return false;
    }
    /* The counts of a slot that is being refilled may be anything: never trust them as an index. */
    look->live = layout_load(&look->slot->live);
    look->count = layout_load(&look->slot->count);
    look->live = look->live > RINGMAP_LIVE_MAX ? RINGMAP_LIVE_MAX : look->live;
    look->count = look->count > RINGMAP_ENTRIES_MAX ? RINGMAP_ENTRIES_MAX : look->count;
    const int64_t max_offline = (int64_t)layout_load(&look->slot->max_offline_ms);
    const int64_t as_of = (int64_t)layout_load(&area->as_of);
    look->is_offline = max_offline > 0 && clock_between_ms(as_of, look->now) > max_offline;
    return true;
}

/* True when the slot was the published one during the whole look. */
static bool look_held(const struct look *look)
{
    return layout_load(&look->realm->generation) == look->generation;
}

/* keyring_pick() over the scheduled keys (R2). */
static size_t pick(const struct look *look)
{
    size_t best = NOBODY;
    int64_t best_from = 0;
    if (look->is_offline) {
        return NOBODY;
    }
    for (size_t i = 0; i < look->live; i++) {
        struct layout_entry *entry = &look->slot->entries[i];
        const int64_t from = (int64_t)layout_load(&entry->active_from);
        if ((layout_load(&entry->flags) & LAYOUT_SCHEDULED) == 0 || look->now < from ||
            look->now >= (int64_t)layout_load(&entry->retired_from)) {
            continue;
        }
        if (best == NOBODY || from > best_from) {
            best = i;
            best_from = from;
        }
    }
    return best;
}

static void copy_key(const struct ringmap *map, size_t context, const struct look *look,
                     size_t index, size_t encrypting, struct ringmap_key *out)
{
    struct layout_entry *entry = &look->slot->entries[index];
    _Static_assert(sizeof(out->subkeys) == LAYOUT_SUBKEYS * LAYOUT_WORD, "subkeys are whole words");
    layout_load_bytes(out->name, entry->name, LAYOUT_NAME);
    layout_load_bytes(&out->subkeys, map->contexts[context].subkeys[look->generation & 1][index],
                      LAYOUT_SUBKEYS);
    out->active_from = (int64_t)layout_load(&entry->active_from);
    out->retired_from = (int64_t)layout_load(&entry->retired_from);
    out->dropped_from = (int64_t)layout_load(&entry->dropped_from);
    out->encrypts = index == encrypting;
    out->renew = look->now >= out->retired_from && encrypting != NOBODY;
}

static void note_reading(const struct look *look, struct ringmap_reading *reading)
{
    reading->now = look->now;
    reading->ticket_lifetime_ms = (int64_t)layout_load(&look->slot->ticket_lifetime_ms);
    reading->max_session_age_ms = (int64_t)layout_load(&look->slot->max_session_age_ms);
}

static size_t realm_of(const struct ringmap *map, size_t context)
{
    assert(context < map->contexts_max);
    const size_t realm = layout_load(&map->contexts[context].realm);
    assert(realm < map->realm_count);
    return realm;
}

enum ringmap_answer ringmap_encrypting(const struct ringmap *map, size_t context, int64_t boot_ms,
                                       struct ringmap_key *out, struct ringmap_reading *reading)
{
    const size_t realm = realm_of(map, context);
    *reading = (struct ringmap_reading){0};
    while (reading->tries < RINGMAP_TRIES_MAX) {
        struct look look;
        reading->tries++;
        if (!look_start(map, realm, boot_ms, &look)) {
            secret_wipe(out, sizeof(*out));
            return RINGMAP_NONE;
        }
        note_reading(&look, reading);
        const size_t index = pick(&look);
        if (index != NOBODY) {
            copy_key(map, context, &look, index, index, out);
        }
        if (look_held(&look)) {
            if (index == NOBODY) {
                secret_wipe(out, sizeof(*out));
            }
            return index == NOBODY ? RINGMAP_NONE : RINGMAP_FOUND;
        }
    }
    secret_wipe(out, sizeof(*out));
    return RINGMAP_BUSY;
}

static size_t find_name(const struct look *look, const uint8_t name[KEY_NAME_LEN])
{
    uint64_t wanted[LAYOUT_NAME];
    memcpy(wanted, name, sizeof(wanted));
    for (size_t i = 0; i < look->count; i++) {
        struct layout_entry *entry = &look->slot->entries[i];
        if (layout_load(&entry->name[0]) == wanted[0] &&
            layout_load(&entry->name[1]) == wanted[1]) {
            return i;
        }
    }
    return NOBODY;
}

static enum ringmap_answer decrypt_look(const struct ringmap *map, size_t context,
                                        const struct look *look, const uint8_t name[KEY_NAME_LEN],
                                        struct ringmap_key *out)
{
    const size_t index = find_name(look, name);
    if (index == NOBODY) {
        return RINGMAP_UNKNOWN;
    }
    /* Entries after the live ones are tombstones: revoked, or wiped when they were dropped. */
    if (index >= look->live || look->is_offline ||
        look->now >= (int64_t)layout_load(&look->slot->entries[index].dropped_from)) {
        return RINGMAP_OLD;
    }
    copy_key(map, context, look, index, pick(look), out);
    return RINGMAP_FOUND;
}

enum ringmap_answer ringmap_decrypting(const struct ringmap *map, size_t context,
                                       const uint8_t name[KEY_NAME_LEN], int64_t boot_ms,
                                       struct ringmap_key *out, struct ringmap_reading *reading)
{
    const size_t realm = realm_of(map, context);
    *reading = (struct ringmap_reading){0};
    while (reading->tries < RINGMAP_TRIES_MAX) {
        struct look look;
        reading->tries++;
        if (!look_start(map, realm, boot_ms, &look)) {
            secret_wipe(out, sizeof(*out));
            return RINGMAP_UNKNOWN;
        }
        note_reading(&look, reading);
        const enum ringmap_answer answer = decrypt_look(map, context, &look, name, out);
        if (look_held(&look)) {
            if (answer != RINGMAP_FOUND) {
                secret_wipe(out, sizeof(*out));
            }
            return answer;
        }
    }
    secret_wipe(out, sizeof(*out));
    return RINGMAP_BUSY;
}

/* --- all of them ----------------------------------------------------------------------------- */

/* Indexes of the keys that decrypt now: the encrypting one first, then newest first. */
static size_t order_keys(const struct look *look, size_t encrypting, size_t *order)
{
    int64_t from[RINGMAP_LIVE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < look->live && !look->is_offline; i++) {
        struct layout_entry *entry = &look->slot->entries[i];
        if (look->now >= (int64_t)layout_load(&entry->dropped_from)) {
            continue;
        }
        /* INT64_MAX for the encrypting one puts it in front. */
        const int64_t mine =
            i == encrypting ? INT64_MAX : (int64_t)layout_load(&entry->active_from);
        size_t at = count++;
        for (; at > 0 && from[at - 1] < mine; at--) {
            from[at] = from[at - 1];
            order[at] = order[at - 1];
        }
        from[at] = mine;
        order[at] = i;
    }
    return count;
}

size_t ringmap_read_all(const struct ringmap *map, size_t context, int64_t boot_ms,
                        struct ringmap_key *out, size_t capacity, enum ringmap_answer *out_answer)
{
    const size_t realm = realm_of(map, context);
    size_t order[RINGMAP_LIVE_MAX];
    for (unsigned int tries = 0; tries < RINGMAP_TRIES_MAX; tries++) {
        struct look look;
        if (!look_start(map, realm, boot_ms, &look)) {
            *out_answer = RINGMAP_NONE;
            return 0;
        }
        const size_t encrypting = pick(&look);
        const size_t count = order_keys(&look, encrypting, order);
        const size_t filled = count < capacity ? count : capacity;
        for (size_t i = 0; i < filled; i++) {
            copy_key(map, context, &look, order[i], encrypting, &out[i]);
        }
        if (look_held(&look)) {
            *out_answer = count > 0 ? RINGMAP_FOUND : RINGMAP_NONE;
            return count;
        }
        secret_wipe(out, filled * sizeof(*out));
    }
    *out_answer = RINGMAP_BUSY;
    return 0;
}

/* --- for status ------------------------------------------------------------------------------ */

/* The earliest active_from still to come, -1 when there is none; 0 when a key encrypts now. */
static int64_t first_active(const struct look *look)
{
    int64_t first = -1;
    if (pick(look) != NOBODY) {
        return 0;
    }
    for (size_t i = 0; i < look->live; i++) {
        struct layout_entry *entry = &look->slot->entries[i];
        const int64_t from = (int64_t)layout_load(&entry->active_from);
        if ((layout_load(&entry->flags) & LAYOUT_SCHEDULED) != 0 && from > look->now &&
            (first < 0 || from < first)) {
            first = from;
        }
    }
    return first;
}

static void fill_info(const struct look *look, struct ringmap_info *info)
{
    struct layout_slot *slot = look->slot;
    size_t order[RINGMAP_LIVE_MAX];
    info->has_snapshot = true;
    info->policy = (struct policy){
        .rotate_every_ms = (int64_t)layout_load(&slot->rotate_every_ms),
        .ticket_lifetime_ms = (int64_t)layout_load(&slot->ticket_lifetime_ms),
        .sync_interval_ms = (int64_t)layout_load(&slot->sync_interval_ms),
        .max_offline_ms = (int64_t)layout_load(&slot->max_offline_ms),
        .max_session_age_ms = (int64_t)layout_load(&slot->max_session_age_ms),
        .keys_ahead = (uint32_t)layout_load(&slot->keys_ahead),
    };
    layout_load_bytes(info->digest, slot->digest, LAYOUT_DIGEST);
    info->live_keys = order_keys(look, NOBODY, order);
    info->first_active_at = first_active(look);
}

bool ringmap_info(const struct ringmap *map, size_t realm, int64_t boot_ms,
                  struct ringmap_info *out)
{
    assert(realm < map->realm_count);
    for (unsigned int tries = 0; tries < RINGMAP_TRIES_MAX; tries++) {
        struct ringmap_info info = {.first_active_at = -1};
        struct look look;
        info.as_of = (int64_t)layout_load(&map->realms[realm].as_of);
        const bool has_snapshot = look_start(map, realm, boot_ms, &look);
        if (has_snapshot) {
            fill_info(&look, &info);
        }
        if (!has_snapshot || look_held(&look)) {
            *out = info;
            return true;
        }
    }
    return false;
}
