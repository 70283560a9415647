/* SPDX-License-Identifier: Apache-2.0 */
/* What the store held when it was last read: what the rotator compares with and puts upon. */
#ifndef STEKD_REPLICA_STORED_RECORD_H
#define STEKD_REPLICA_STORED_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "keyring/keyring.h"
#include "store/sealing.h"
#include "store/store.h"
#include "store/vault.h"

struct stored_record {
    bool present;
    struct store_version version;
    enum err unreadable; /* not ERR_OK: there is a record, but it did not pass the checks.
                          * ERR_UNSUPPORTED: a newer stekd wrote it, so hands off */
    bool has_dead_bytes; /* it still holds bytes that stored_record_tidy() has wiped here */
    uint8_t sealed_by[SEALING_KEY_ID_LEN]; /* id of the key-encryption key; zeros: none is known */
    struct keyring ring;                   /* owned; empty when absent or unreadable */
    uint64_t refused;                      /* loads so far whose record was unreadable */
};

enum err stored_record_init(struct stored_record *stored, const char *realm) MUST_USE;
void stored_record_fini(struct stored_record *stored);

/* What a load has found, when it was read well or is `unreadable`. Takes the record's ring. */
void stored_record_note(struct stored_record *stored, const struct vault_loaded *loaded,
                        enum err unreadable);
/* Takes the ring: *ring is what was held here before. */
void stored_record_take(struct stored_record *stored, const struct store_version *version,
                        struct keyring *ring);
/* The version that need not be looked at again, for it has been merged; NULL when there is none. */
const struct store_version *stored_record_known(const struct stored_record *stored);
/* Wipes what must not be kept at `now`. */
void stored_record_tidy(struct stored_record *stored, int64_t now);

#endif
