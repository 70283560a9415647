/* SPDX-License-Identifier: Apache-2.0 */
#include "merge_reference.h"

#include <stdlib.h>
#include <string.h>

void reference_pile(struct reference *heap, const struct keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (heap->count == REFERENCE_HEAP_MAX) {
            abort();
        }
        heap->said[heap->count++] = ring->keys[i];
    }
}

static bool has_name(const struct key *key, const struct key *like)
{
    return memcmp(key->name, like->name, KEY_NAME_LEN) == 0;
}

/* Every date of `merged` is reached by some statement about it and undercut by none. */
static bool dates_agree(const struct reference *heap, const struct key *merged)
{
    unsigned reached = 0;
    for (size_t i = 0; i < heap->count; i++) {
        const struct key *said = &heap->said[i];
        if (!has_name(said, merged)) {
            continue;
        }
        if (said->published_at < merged->published_at || said->active_from < merged->active_from ||
            said->retired_from < merged->retired_from ||
            said->dropped_from < merged->dropped_from ||
            said->forgotten_from > merged->forgotten_from) {
            return false;
        }
        reached |= (said->published_at == merged->published_at ? 1U : 0U) |
                   (said->active_from == merged->active_from ? 2U : 0U) |
                   (said->retired_from == merged->retired_from ? 4U : 0U) |
                   (said->dropped_from == merged->dropped_from ? 8U : 0U) |
                   (said->forgotten_from == merged->forgotten_from ? 16U : 0U);
    }
    return reached == 31U;
}

static bool latches_agree(const struct reference *heap, const struct key *merged)
{
    static const uint8_t zero[KEY_LEN];
    bool revoked = false;
    const uint8_t *bytes = NULL;
    bool lost = false;
    for (size_t i = 0; i < heap->count; i++) {
        const struct key *said = &heap->said[i];
        if (has_name(said, merged)) {
            revoked = revoked || said->revoked;
            lost = lost || !said->has_bytes ||
                   (bytes != NULL && memcmp(bytes, said->bytes, KEY_LEN) != 0);
            bytes = said->bytes;
        }
    }
    return merged->revoked == revoked && merged->has_bytes == !lost && bytes != NULL &&
           memcmp(merged->bytes, lost ? zero : bytes, KEY_LEN) == 0;
}

bool reference_agrees(const struct reference *heap, const struct keyring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (memcmp(ring->keys[j].name, ring->keys[i].name, KEY_NAME_LEN) >= 0) {
                return false;
            }
        }
        if (!dates_agree(heap, &ring->keys[i]) || !latches_agree(heap, &ring->keys[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < heap->count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < ring->count; j++) {
            is_there = is_there || has_name(&ring->keys[j], &heap->said[i]);
        }
        if (!is_there) {
            return false;
        }
    }
    return true;
}
