/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/held_ring.h"

#include <string.h>

enum err held_ring_init(struct held_ring *held, const char *realm)
{
    struct held_ring fresh = {0};

    enum err rc = keyring_init(&fresh.ring, realm);
    if (rc == ERR_OK) {
        rc = keyring_digest(&fresh.ring, fresh.digest);
    }
    if (rc == ERR_OK) {
        *held = fresh;
    }
    return rc;
}

void held_ring_fini(struct held_ring *held)
{
    keyring_fini(&held->ring);
}

static bool revokes_more(const struct keyring *next, const struct keyring *held)
{
    for (size_t i = 0; i < next->count; i++) {
        const struct key *before = keyring_find(held, next->keys[i].name);
        if (next->keys[i].revoked && (before == NULL || !before->revoked)) {
            return true;
        }
    }
    return false;
}

static enum err commit(struct held_ring *held, struct keyring *next)
{
    uint8_t digest[DIGEST_LEN];

    enum err rc = keyring_digest(next, digest);
    if (rc == ERR_OK) {
        held->revocations += revokes_more(next, &held->ring) ? 1 : 0;
        keyring_swap(&held->ring, next);
        memcpy(held->digest, digest, DIGEST_LEN);
    }
    return rc;
}

enum err held_ring_merge(struct held_ring *held, const struct keyring *from, bool *changed)
{
    struct keyring next = {0};
    bool is_new = false;

    enum err rc = keyring_init(&next, held->ring.realm);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = keyring_copy(&next, &held->ring);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = keyring_merge(&next, from, &is_new);
    if (rc != ERR_OK || !is_new) {
        goto out;
    }
    rc = commit(held, &next);
    if (rc == ERR_OK) {
        *changed = true;
    }

out:
    keyring_fini(&next);
    return rc;
}

enum err held_ring_merge_live(struct held_ring *held, const struct keyring *from, int64_t now,
                              bool *changed)
{
    struct keyring live = {0};

    enum err rc = keyring_init(&live, from->realm);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = keyring_copy(&live, from);
    if (rc != ERR_OK) {
        goto out;
    }
    (void)keyring_drop(&live, now);
    (void)keyring_forget(&live, now);
    rc = held_ring_merge(held, &live, changed);

out:
    keyring_fini(&live);
    return rc;
}

static bool has_forgotten(const struct keyring *ring, int64_t now)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (key_state_at(&ring->keys[i], now) == KEY_FORGOTTEN) {
            return true;
        }
    }
    return false;
}

enum err held_ring_tidy(struct held_ring *held, int64_t now, bool *changed)
{
    struct keyring next = {0};
    enum err rc = ERR_OK;

    (void)keyring_drop(&held->ring, now);
    if (!has_forgotten(&held->ring, now)) {
        goto out;
    }
    rc = keyring_init(&next, held->ring.realm);
    if (rc != ERR_OK) {
        goto out;
    }
    rc = keyring_copy(&next, &held->ring);
    if (rc != ERR_OK) {
        goto out;
    }
    (void)keyring_forget(&next, now);
    rc = commit(held, &next);
    if (rc == ERR_OK) {
        *changed = true;
    }

out:
    keyring_fini(&next);
    return rc;
}

int64_t held_ring_next_tidy(const struct held_ring *held, int64_t now)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < held->ring.count; i++) {
        const struct key *key = &held->ring.keys[i];
        if (key->has_bytes && key->dropped_from > now && key->dropped_from < next) {
            next = key->dropped_from;
        }
        if (key->forgotten_from > now && key->forgotten_from < next) {
            next = key->forgotten_from;
        }
    }
    return next;
}
