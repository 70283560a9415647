/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of the mapping: publishing, exporting, time, and cleaning up after the dead. */
#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "base/secret.h"
#include "src/ringmap_layout.h"

/* Wipes the slot `parity` of a realm and of its contexts. Holds the writer mutex. */
static void scrub(struct ringmap *map, size_t realm, size_t parity)
{
    struct layout_slot *slot = &map->realms[realm].slots[parity];
    const size_t contexts = layout_load(&map->shared->context_count);

    _Static_assert(sizeof(*slot) % LAYOUT_WORD == 0, "a slot is whole words");
    layout_zero(&slot->count, sizeof(*slot) / LAYOUT_WORD);
    for (size_t i = 0; i < contexts; i++) {
        if (layout_load(&map->contexts[i].realm) == realm) {
            layout_zero(&map->contexts[i].subkeys[parity][0][0], RINGMAP_LIVE_MAX * LAYOUT_SUBKEYS);
        }
    }
}

static size_t unpublished(const struct ringmap *map, size_t realm)
{
    return (layout_load(&map->realms[realm].generation) + 1) & 1;
}

/* What a dead writer left: a slot half filled or not yet scrubbed, a context not yet counted.
 * Nothing of it was published, so wiping it takes nothing from anybody. */
static void recover(struct ringmap *map)
{
    const size_t contexts = layout_load(&map->shared->context_count);
    for (size_t i = 0; i < map->realm_count; i++) {
        scrub(map, i, unpublished(map, i));
    }
    for (size_t i = contexts; i < map->contexts_max; i++) {
        layout_zero(&map->contexts[i].subkeys[0][0][0], 2 * RINGMAP_LIVE_MAX * LAYOUT_SUBKEYS);
    }
}

enum err ringmap_writer_lock(struct ringmap *map)
{
    const int rc = pthread_mutex_lock(&map->shared->writer);
    if (rc == EOWNERDEAD) {
        recover(map);
        return pthread_mutex_consistent(&map->shared->writer) == 0 ? ERR_OK : ERR_IO;
    }
    return rc == 0 ? ERR_OK : ERR_IO;
}

void ringmap_writer_unlock(struct ringmap *map)
{
    (void)pthread_mutex_unlock(&map->shared->writer);
}

/* --- publishing ------------------------------------------------------------------------------ */

static bool is_live(const struct key *key)
{
    return key->has_bytes && !key->revoked;
}

static void fill_entry(struct layout_entry *entry, const struct key *key, bool scheduled)
{
    uint64_t flags = scheduled ? LAYOUT_SCHEDULED : 0;
    flags |= key->revoked ? LAYOUT_REVOKED : 0;
    flags |= is_live(key) ? LAYOUT_HAS_BYTES : 0;
    layout_store_bytes(entry->name, key->name, LAYOUT_NAME);
    layout_store(&entry->published_at, (uint64_t)key->published_at);
    layout_store(&entry->active_from, (uint64_t)key->active_from);
    layout_store(&entry->retired_from, (uint64_t)key->retired_from);
    layout_store(&entry->dropped_from, (uint64_t)key->dropped_from);
    layout_store(&entry->forgotten_from, (uint64_t)key->forgotten_from);
    layout_store(&entry->flags, flags);
}

static void fill_header(struct layout_slot *slot, const struct ringmap_view *view)
{
    const struct policy *policy = &view->policy;
    layout_store(&slot->rotate_every_ms, (uint64_t)policy->rotate_every_ms);
    layout_store(&slot->ticket_lifetime_ms, (uint64_t)policy->ticket_lifetime_ms);
    layout_store(&slot->sync_interval_ms, (uint64_t)policy->sync_interval_ms);
    layout_store(&slot->max_offline_ms, (uint64_t)policy->max_offline_ms);
    layout_store(&slot->max_session_age_ms, (uint64_t)policy->max_session_age_ms);
    layout_store(&slot->keys_ahead, policy->keys_ahead);
    layout_store_bytes(slot->digest, view->digest, LAYOUT_DIGEST);
}

/* Live keys first, so that a reader that looks for one to encrypt with reads few lines; each part
 * keeps the ring's name order, which settles ties as keyring_pick() does. */
static enum err fill_ring(struct layout_slot *slot, const struct ringmap_view *view)
{
    const struct keyring *ring = view->ring;
    size_t live = 0;
    for (size_t i = 0; i < ring->count; i++) {
        live += is_live(&ring->keys[i]);
    }
    if (ring->count > RINGMAP_ENTRIES_MAX || live > RINGMAP_LIVE_MAX) {
        return ERR_LIMIT;
    }
    size_t next_live = 0;
    size_t next_dead = live;
    for (size_t i = 0; i < ring->count; i++) {
        const struct key *key = &ring->keys[i];
        const size_t at = is_live(key) ? next_live++ : next_dead++;
        fill_entry(&slot->entries[at], key, view->scheduled[i]);
        if (is_live(key)) {
            layout_store_bytes(slot->bytes[at], key->bytes, LAYOUT_BYTES);
        }
    }
    layout_store(&slot->count, ring->count);
    layout_store(&slot->live, live);
    return ERR_OK;
}

static bool same_name(struct layout_entry *a, struct layout_entry *b)
{
    return layout_load(&a->name[0]) == layout_load(&b->name[0]) &&
           layout_load(&a->name[1]) == layout_load(&b->name[1]);
}

/* Where entry `of` lives in the slot published before; RINGMAP_LIVE_MAX when it did not. */
static size_t find_before(struct layout_slot *before, struct layout_entry *of)
{
    const size_t live = layout_load(&before->live);
    for (size_t i = 0; i < live; i++) {
        if (same_name(&before->entries[i], of)) {
            return i;
        }
    }
    return RINGMAP_LIVE_MAX;
}

/* Subkeys depend on key, realm and context only, for ever: those of a key that was published
 * before are copied, and a heartbeat-quick publish costs no derivation. */
static enum err fill_subkeys(struct layout_realm *realm, struct layout_context *context,
                             size_t parity, size_t index, size_t index_before)
{
    struct subkeys subkeys;
    enum err rc = ERR_OK;
    if (index_before < RINGMAP_LIVE_MAX) {
        layout_load_bytes(&subkeys, context->subkeys[parity ^ 1][index_before], LAYOUT_SUBKEYS);
    } else {
        uint8_t bytes[KEY_LEN];
        layout_load_bytes(bytes, realm->slots[parity].bytes[index], LAYOUT_BYTES);
        rc = derive_subkeys(bytes, realm->name, context->text, &subkeys);
        secret_wipe(bytes, sizeof(bytes));
    }
    if (rc == ERR_OK) {
        layout_store_bytes(context->subkeys[parity][index], &subkeys, LAYOUT_SUBKEYS);
    }
    secret_wipe(&subkeys, sizeof(subkeys));
    return rc == ERR_OK ? ERR_OK : ERR_CRYPTO;
}

static enum err fill_contexts(struct ringmap *map, size_t realm, size_t parity)
{
    struct layout_realm *area = &map->realms[realm];
    struct layout_slot *slot = &area->slots[parity];
    const size_t contexts = layout_load(&map->shared->context_count);
    const size_t live = layout_load(&slot->live);
    enum err rc = ERR_OK;
    for (size_t i = 0; i < live; i++) {
        const size_t before = find_before(&area->slots[parity ^ 1], &slot->entries[i]);
        for (size_t j = 0; j < contexts && rc == ERR_OK; j++) {
            if (layout_load(&map->contexts[j].realm) == realm) {
                rc = fill_subkeys(area, &map->contexts[j], parity, i, before);
            }
        }
    }
    return rc;
}

enum err ringmap_publish(struct ringmap *map, size_t realm, const struct ringmap_view *view)
{
    assert(realm < map->realm_count);
    enum err rc = ringmap_writer_lock(map);
    if (rc != ERR_OK) {
        return rc;
    }
    struct layout_realm *area = &map->realms[realm];
    const size_t parity = unpublished(map, realm);
    rc = fill_ring(&area->slots[parity], view);
    if (rc == ERR_OK) {
        fill_header(&area->slots[parity], view);
        rc = fill_contexts(map, realm, parity);
    }
    if (rc == ERR_OK) {
        layout_store(&area->generation, layout_load(&area->generation) + 1);
        /* Last: killed in between, the ring is newer than it says, not older. */
        ringmap_set_as_of(map, realm, view->as_of);
    }
    /* Whichever is unpublished now: what was replaced, or what could not be finished. */
    scrub(map, realm, unpublished(map, realm));
    ringmap_writer_unlock(map);
    return rc;
}

void ringmap_set_as_of(struct ringmap *map, size_t realm, int64_t as_of)
{
    assert(realm < map->realm_count);
    _Atomic uint64_t *word = &map->realms[realm].as_of;
    if (as_of > (int64_t)layout_load(word)) {
        layout_store(word, (uint64_t)as_of);
    }
}

/* --- taking over ----------------------------------------------------------------------------- */

static enum err export_entry(struct layout_slot *slot, size_t index, struct keyring *ring,
                             struct key *key)
{
    struct layout_entry *entry = &slot->entries[index];
    const uint64_t flags = layout_load(&entry->flags);
    layout_load_bytes(key->name, entry->name, LAYOUT_NAME);
    key->published_at = (int64_t)layout_load(&entry->published_at);
    key->active_from = (int64_t)layout_load(&entry->active_from);
    key->retired_from = (int64_t)layout_load(&entry->retired_from);
    key->dropped_from = (int64_t)layout_load(&entry->dropped_from);
    key->forgotten_from = (int64_t)layout_load(&entry->forgotten_from);
    key->revoked = (flags & LAYOUT_REVOKED) != 0;
    key->has_bytes = (flags & LAYOUT_HAS_BYTES) != 0;
    secret_wipe(key->bytes, sizeof(key->bytes));
    if (key->has_bytes) {
        layout_load_bytes(key->bytes, slot->bytes[index], LAYOUT_BYTES);
    }
    return keyring_add(ring, key);
}

static enum err export_ring(struct layout_slot *slot, struct keyring *ring, bool *out_scheduled)
{
    const size_t count = layout_load(&slot->count);
    struct key *key = secret_alloc(sizeof(*key));
    enum err rc = key == NULL ? ERR_NOMEM : ERR_OK;
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        rc = export_entry(slot, i, ring, key);
    }
    secret_free(key);
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        uint8_t name[KEY_NAME_LEN];
        layout_load_bytes(name, slot->entries[i].name, LAYOUT_NAME);
        const size_t at = (size_t)(keyring_find(ring, name) - ring->keys);
        out_scheduled[at] = (layout_load(&slot->entries[i].flags) & LAYOUT_SCHEDULED) != 0;
    }
    return rc;
}

static struct policy export_policy(struct layout_slot *slot)
{
    return (struct policy){
        .rotate_every_ms = (int64_t)layout_load(&slot->rotate_every_ms),
        .ticket_lifetime_ms = (int64_t)layout_load(&slot->ticket_lifetime_ms),
        .sync_interval_ms = (int64_t)layout_load(&slot->sync_interval_ms),
        .max_offline_ms = (int64_t)layout_load(&slot->max_offline_ms),
        .max_session_age_ms = (int64_t)layout_load(&slot->max_session_age_ms),
        .keys_ahead = (uint32_t)layout_load(&slot->keys_ahead),
    };
}

/* Holds the writer mutex, so the published slot stands still. */
static enum err export_locked(struct ringmap *map, size_t realm, struct keyring *ring,
                              bool *out_scheduled, struct layout_slot **out_slot)
{
    struct layout_realm *area = &map->realms[realm];
    const uint64_t generation = layout_load(&area->generation);
    if (generation == 0) {
        return ERR_NOT_FOUND;
    }
    *out_slot = &area->slots[generation & 1];
    return export_ring(*out_slot, ring, out_scheduled);
}

enum err ringmap_export(struct ringmap *map, size_t realm, struct keyring *out_ring,
                        bool *out_scheduled, struct policy *out_policy,
                        uint8_t out_digest[DIGEST_LEN], int64_t *out_as_of)
{
    struct keyring ring = {0};
    struct layout_slot *slot = NULL;
    enum err rc = keyring_init(&ring, ringmap_realm_name(map, realm));
    if (rc == ERR_OK) {
        rc = ringmap_writer_lock(map);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    rc = export_locked(map, realm, &ring, out_scheduled, &slot);
    if (rc == ERR_OK) {
        *out_policy = export_policy(slot);
        layout_load_bytes(out_digest, slot->digest, LAYOUT_DIGEST);
        *out_as_of = (int64_t)layout_load(&map->realms[realm].as_of);
        keyring_swap(out_ring, &ring);
    }
    ringmap_writer_unlock(map);
    keyring_fini(&ring);
    return rc;
}
