/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared keyring mapping: MAP_SHARED|MAP_ANONYMOUS, mlocked in each process, MADV_DONTDUMP.
 *
 * For each realm two slots and a generation. generation g publishes slot g & 1. A writer fills the
 * unpublished slot, publishes with one release store of g + 1, then scrubs the other slot with
 * release stores. A reader loads g (acquire), copies the words it wants from slot g & 1 by
 * 64-bit acquire loads, re-reads g, and takes the copy only if g is unchanged; after
 * RINGMAP_TRIES_MAX tries it answers "no key". So readers never wait, and a writer killed
 * anywhere harms nobody: half-filled slots are never published, and the next writer refills from
 * the published one.
 *
 * Writers hold `writer` (a short robust process-shared mutex in the mapping). The driver's role is
 * another robust mutex, held for as long as a process drives.
 *
 * Subkeys of registered contexts lie beside the slots, published by the same generation. No
 * key-bearing object outside this mapping outlives a call.
 */
#ifndef STEK_SRC_RINGMAP_H
#define STEK_SRC_RINGMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "keyring/derive.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"

#define RINGMAP_REALMS_MAX   64
#define RINGMAP_CONTEXTS_MAX 1024
#define RINGMAP_ENTRIES_MAX  256 /* entries of one realm, tombstones included */
#define RINGMAP_LIVE_MAX     64  /* of them with bytes */
#define RINGMAP_TRIES_MAX    8
#define RINGMAP_STRIPES      64 /* counter stripes, a cache line set each */

struct ringmap;

/* `realms`: `realm_count` names. ERR_NOMEM when it cannot be mapped, ERR_LIMIT when it cannot be
 * locked (RLIMIT_MEMLOCK), ERR_IO when a mutex cannot be made. */
enum err ringmap_new(const char *const *realms, size_t realm_count, size_t contexts_max,
                     struct ringmap **out_map, struct errbuf *why) MUST_USE;
/* Unmaps in this process only. NULL allowed. */
void ringmap_free(struct ringmap *map);
/* After fork: locks the inherited pages in this process too. ERR_LIMIT. */
enum err ringmap_lock_here(struct ringmap *map) MUST_USE;

size_t ringmap_realm_count(const struct ringmap *map);
/* -1 when unknown. */
int ringmap_find_realm(const struct ringmap *map, const char *realm);
const char *ringmap_realm_name(const struct ringmap *map, size_t realm);

/* --- the fleet's time ---------------------------------------------------------------------- */

#define RINGMAP_WAIT_OUT_MS INT64_C(60000)

/* fleet time = boot clock + offset, never less than a floor that the writer keeps, so that
 * nobody's now decreases when the offset is corrected by up to RINGMAP_WAIT_OUT_MS. A larger
 * correction (the first contact was with a clock wrong by years) steps: waiting it out would stop
 * this frontend for as long. With a step back every as_of comes back too: max_offline counts from
 * no time to come. Set by the driver. */
void ringmap_set_time(struct ringmap *map, int64_t boot_ms, int64_t fleet_ms);
/* 0 before the first contact. */
int64_t ringmap_now(const struct ringmap *map, int64_t boot_ms);

/* --- writing --------------------------------------------------------------------------------- */

/* What a realm's follower wants published. `scheduled[i]` tells whether ring->keys[i] is in the
 * newest snapshot: only those may encrypt (R2). */
struct ringmap_view {
    const struct keyring *ring;
    const bool *scheduled;
    struct policy policy;
    uint8_t digest[DIGEST_LEN]; /* of the newest snapshot */
    int64_t as_of;              /* fleet ms */
};

/* Publishes, with subkeys for every registered context of the realm. Takes the writer mutex (may
 * wait for another writer's microseconds; recovers it from a dead one). ERR_LIMIT: more entries
 * than fit. ERR_CRYPTO: a derivation failed; what was published before stays. */
enum err ringmap_publish(struct ringmap *map, size_t realm,
                         const struct ringmap_view *view) MUST_USE;
/* A heartbeat: only as_of moves (never back). */
void ringmap_set_as_of(struct ringmap *map, size_t realm, int64_t as_of);

/* The published ring, for a process that takes over driving. `out_scheduled` takes
 * RINGMAP_ENTRIES_MAX. ERR_NOT_FOUND: nothing published yet. ERR_NOMEM. */
enum err ringmap_export(struct ringmap *map, size_t realm, struct keyring *out_ring,
                        bool *out_scheduled, struct policy *out_policy,
                        uint8_t out_digest[DIGEST_LEN], int64_t *out_as_of) MUST_USE;

/* Registers (realm, context) or finds it; subkeys are in place when this returns. Takes the writer
 * mutex for what is not registered yet, and only then. ERR_LIMIT: no room. ERR_IO: the mutex is
 * beyond repair. ERR_CRYPTO. */
enum err ringmap_register(struct ringmap *map, size_t realm, const char *context,
                          size_t *out_context) MUST_USE;

/* --- reading: never waits, any thread, any process ------------------------------------------- */

/* A key as a ticket callback needs it. Holds key material: wipe it (secret_wipe) after use. */
struct ringmap_key {
    uint8_t name[KEY_NAME_LEN];
    struct subkeys subkeys;
    int64_t active_from;
    int64_t retired_from;
    int64_t dropped_from;
    bool encrypts; /* it is the encrypting key now */
    bool renew;    /* retired, while another key encrypts */
};

enum ringmap_answer {
    RINGMAP_FOUND,
    RINGMAP_NONE,    /* encrypt: nothing is active (or no snapshot, or too long offline) */
    RINGMAP_UNKNOWN, /* decrypt: no such name */
    RINGMAP_OLD,     /* decrypt: revoked, or past dropped_from, or too long offline */
    RINGMAP_BUSY,    /* gave up after RINGMAP_TRIES_MAX tries */
};

struct ringmap_reading {
    int64_t now; /* fleet ms */
    int64_t ticket_lifetime_ms;
    int64_t max_session_age_ms;
    unsigned int tries;
};

/* R2, keyring_pick() and max_offline in one look. `out` is only written when FOUND (else wiped). */
enum ringmap_answer ringmap_encrypting(const struct ringmap *map, size_t context, int64_t boot_ms,
                                       struct ringmap_key *out, struct ringmap_reading *reading);
enum ringmap_answer ringmap_decrypting(const struct ringmap *map, size_t context,
                                       const uint8_t name[KEY_NAME_LEN], int64_t boot_ms,
                                       struct ringmap_key *out, struct ringmap_reading *reading);
/* All keys that decrypt now, encrypting first, then newest first. Returns how many there are; fills
 * at most `capacity`. RINGMAP_LIVE_MAX always suffices. `out_answer` may be BUSY. */
size_t ringmap_read_all(const struct ringmap *map, size_t context, int64_t boot_ms,
                        struct ringmap_key *out, size_t capacity, enum ringmap_answer *out_answer);

struct ringmap_info {
    bool has_snapshot;
    int64_t as_of;
    struct policy policy;
    uint8_t digest[DIGEST_LEN];
    size_t live_keys;        /* that decrypt now */
    int64_t first_active_at; /* fleet ms; 0: active now; -1: none scheduled */
};
/* False when BUSY. */
bool ringmap_info(const struct ringmap *map, size_t realm, int64_t boot_ms,
                  struct ringmap_info *out);

/* --- counters, in the mapping, striped by thread --------------------------------------------- */

enum ringmap_counter {
    COUNT_ISSUED,
    COUNT_DECRYPTED,
    COUNT_RENEWED,
    COUNT_UNKNOWN_KEY,
    COUNT_REFUSED_OLD,
    COUNT_NO_KEY,
    COUNT_POLICY_MISMATCH,
    COUNT_CRYPTO_FAILURES,
    COUNT_BUSY,
    COUNT_KINDS
};

/* `stripe` any number: taken modulo RINGMAP_STRIPES. Relaxed; never waits. */
void ringmap_count(struct ringmap *map, size_t realm, unsigned int stripe,
                   enum ringmap_counter counter);
void ringmap_note_tries(struct ringmap *map, size_t realm, unsigned int stripe, unsigned int tries);
uint64_t ringmap_total(const struct ringmap *map, size_t realm, enum ringmap_counter counter);
uint64_t ringmap_max_tries(const struct ringmap *map, size_t realm);

/* --- the driver's role and its reports ---------------------------------------------------------
 */

/* Waits up to `wait_ms` for the role. True: this thread drives until ringmap_resign() (same
 * thread) or its death, upon which a waiter elsewhere gets it at once. */
bool ringmap_campaign(struct ringmap *map, int wait_ms);
void ringmap_resign(struct ringmap *map);
int64_t ringmap_driver_pid(const struct ringmap *map);
void ringmap_set_skew(struct ringmap *map, int64_t skew_ms);
int64_t ringmap_skew(const struct ringmap *map);
/* One line for status; truncated at 255 bytes; "" clears. Readers may see it change under them but
 * always get a terminated string. */
void ringmap_set_error(struct ringmap *map, size_t realm, const char *text);
void ringmap_get_error(const struct ringmap *map, size_t realm, char *out, size_t cap);

#endif
