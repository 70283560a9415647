/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/ring_changes.h"

#include <string.h>

static struct ring_change *place_of(struct ring_changes *changes, uint64_t number)
{
    return &changes->recent[number % RING_CHANGES_KEPT];
}

bool ring_changes_note(struct ring_changes *changes, const uint8_t digest[DIGEST_LEN],
                       uint64_t revocations)
{
    if (changes->count > 0 &&
        memcmp(place_of(changes, changes->count)->digest, digest, DIGEST_LEN) == 0) {
        return false;
    }
    changes->count++;
    struct ring_change *change = place_of(changes, changes->count);
    change->number = changes->count;
    memcpy(change->digest, digest, DIGEST_LEN);
    if (revocations != changes->revocations) {
        changes->revocations = revocations;
        changes->revoked = changes->count;
    }
    return true;
}

uint64_t ring_changes_find(const struct ring_changes *changes, const uint8_t digest[DIGEST_LEN])
{
    uint64_t found = 0;

    for (size_t i = 0; i < RING_CHANGES_KEPT; i++) {
        const struct ring_change *change = &changes->recent[i];
        if (change->number > found && memcmp(change->digest, digest, DIGEST_LEN) == 0) {
            found = change->number;
        }
    }
    return found;
}
