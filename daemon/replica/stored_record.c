/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/stored_record.h"

#include <string.h>

enum err stored_record_init(struct stored_record *stored, const char *realm)
{
    *stored = (struct stored_record){0};
    return keyring_init(&stored->ring, realm);
}

void stored_record_fini(struct stored_record *stored)
{
    keyring_fini(&stored->ring);
}

static void empty_ring(struct stored_record *stored)
{
    while (stored->ring.count > 0) {
        keyring_remove_at(&stored->ring, stored->ring.count - 1);
    }
    stored->has_dead_bytes = false;
}

static void set_absent(struct stored_record *stored)
{
    empty_ring(stored);
    stored->present = false;
    stored->unreadable = ERR_OK;
}

static void set_unreadable(struct stored_record *stored, const struct store_version *version,
                           enum err code)
{
    empty_ring(stored);
    stored->present = true;
    stored->version = *version;
    stored->unreadable = code;
    stored->refused++;
}

void stored_record_take(struct stored_record *stored, const struct store_version *version,
                        struct keyring *ring)
{
    keyring_swap(&stored->ring, ring);
    stored->has_dead_bytes = false;
    stored->present = true;
    stored->version = *version;
    stored->unreadable = ERR_OK;
}

void stored_record_note(struct stored_record *stored, const struct vault_loaded *loaded,
                        enum err unreadable)
{
    memcpy(stored->sealed_by, loaded->sealed_by, SEALING_KEY_ID_LEN);
    if (!loaded->present) {
        set_absent(stored);
    } else if (unreadable != ERR_OK) {
        set_unreadable(stored, &loaded->version, unreadable);
    } else {
        stored_record_take(stored, &loaded->version, &loaded->record->ring);
    }
}

const struct store_version *stored_record_known(const struct stored_record *stored)
{
    return stored->present && stored->unreadable == ERR_OK ? &stored->version : NULL;
}

void stored_record_tidy(struct stored_record *stored, int64_t now)
{
    if (keyring_drop(&stored->ring, now) > 0) {
        stored->has_dead_bytes = true;
    }
}
