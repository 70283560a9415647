/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies in the shared mapping. Only for ringmap*.c.
 *
 *   | shared | realm 0 | realm 1 | ... | context 0 | context 1 | ... |
 *
 * Everything that a reader in another process may look at while it changes is an _Atomic word:
 * slot words are stored with release and loaded with acquire, so a reader that sees one word of a
 * later filling also sees the generation that was published before it, and throws its copy away.
 *
 * An unpublished slot is all zero except while a writer that holds the mutex fills it: publishing,
 * failing and taking over from a dead writer all end in a scrub.
 */
#ifndef STEK_SRC_RINGMAP_LAYOUT_H
#define STEK_SRC_RINGMAP_LAYOUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "src/ringmap.h"

#define LAYOUT_LINE    64 /* bytes of a cache line */
#define LAYOUT_WORD    ((size_t)8)
#define LAYOUT_NAME    (KEY_NAME_LEN / LAYOUT_WORD)
#define LAYOUT_BYTES   (KEY_LEN / LAYOUT_WORD)
#define LAYOUT_SUBKEYS (sizeof(struct subkeys) / LAYOUT_WORD)
#define LAYOUT_DIGEST  (DIGEST_LEN / LAYOUT_WORD)
#define LAYOUT_ERROR   ((size_t)32) /* words of a realm's last error: 255 bytes and a NUL */
#define LAYOUT_COUNTERS                                                                            \
    ((size_t)16) /* words of a stripe: COUNT_KINDS, max_tries, to a full line                      \
                  */
#define LAYOUT_MAX_TRIES ((size_t)COUNT_KINDS) /* index of max_tries in a stripe */
#define LAYOUT_NO_TIME   ((uint64_t)INT64_MIN) /* offset before the first contact */

#define LAYOUT_REVOKED   UINT64_C(1)
#define LAYOUT_HAS_BYTES UINT64_C(2)
#define LAYOUT_SCHEDULED UINT64_C(4)

/* Elsewhere the compiler's library guards them by locks of the *process*: readers in another one
 * would see torn words, and a fork might inherit such a lock held. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2 &&
                   sizeof(_Atomic uint64_t) == LAYOUT_WORD,
               "the mapping needs 64-bit atomics without locks");

struct layout_entry {
    _Atomic uint64_t name[LAYOUT_NAME];
    _Atomic uint64_t published_at;
    _Atomic uint64_t active_from;
    _Atomic uint64_t retired_from;
    _Atomic uint64_t dropped_from;
    _Atomic uint64_t forgotten_from;
    _Atomic uint64_t flags;
};

struct layout_slot {
    _Atomic uint64_t count;
    _Atomic uint64_t live; /* the first `live` entries have bytes; both parts are in name order */
    _Atomic uint64_t rotate_every_ms;
    _Atomic uint64_t ticket_lifetime_ms;
    _Atomic uint64_t sync_interval_ms;
    _Atomic uint64_t max_offline_ms;
    _Atomic uint64_t max_session_age_ms;
    _Atomic uint64_t keys_ahead;
    _Atomic uint64_t digest[LAYOUT_DIGEST];
    struct layout_entry entries[RINGMAP_ENTRIES_MAX];
    _Atomic uint64_t bytes[RINGMAP_LIVE_MAX][LAYOUT_BYTES];
};

struct layout_realm {
    /* 0: nothing was ever published; else slot generation & 1 is the published one. */
    _Alignas(LAYOUT_LINE) _Atomic uint64_t generation;
    _Atomic uint64_t as_of;
    struct layout_slot slots[2];
    char name[REALM_NAME_MAX + 1]; /* constant after ringmap_new() */
    _Atomic uint64_t error[LAYOUT_ERROR];
    _Alignas(LAYOUT_LINE) _Atomic uint64_t stripes[RINGMAP_STRIPES][LAYOUT_COUNTERS];
};

struct layout_context {
    _Alignas(LAYOUT_LINE) _Atomic uint64_t realm;
    char text[CONTEXT_MAX + 1]; /* written under the writer mutex; constant once counted */
    _Atomic uint64_t subkeys[2][RINGMAP_LIVE_MAX][LAYOUT_SUBKEYS];
};

struct layout_shared {
    pthread_mutex_t writer;
    pthread_mutex_t driver;
    _Alignas(LAYOUT_LINE) _Atomic uint64_t offset_ms; /* fleet time - boot clock */
    _Atomic uint64_t floor_ms;
    _Atomic uint64_t context_count;
    _Atomic uint64_t skew_ms;
    _Atomic uint64_t driver_pid;
};

/* The process's own view of the mapping. Constant after ringmap_new(). */
struct ringmap {
    struct layout_shared *shared;
    struct layout_realm *realms;
    struct layout_context *contexts;
    size_t realm_count;
    size_t contexts_max;
    size_t size; /* bytes mapped */
};

static inline uint64_t layout_load(_Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static inline void layout_store(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* Without optimisation a word's copies stay in the frames below the caller's: both loops end with a
 * word of nothing, which takes the place of the last secret one. */
static inline void layout_load_bytes(void *to, _Atomic uint64_t *from, size_t words)
{
    _Atomic uint64_t nothing = 0;
    uint64_t word = 0;

    for (size_t i = 0; i < words; i++) {
        word = layout_load(&from[i]);
        memcpy((uint8_t *)to + i * LAYOUT_WORD, &word, LAYOUT_WORD);
    }
    word = layout_load(&nothing);
    (void)word;
}

static inline void layout_store_bytes(_Atomic uint64_t *to, const void *from, size_t words)
{
    _Atomic uint64_t nothing = 0;
    uint64_t word = 0;

    for (size_t i = 0; i < words; i++) {
        memcpy(&word, (const uint8_t *)from + i * LAYOUT_WORD, LAYOUT_WORD);
        layout_store(&to[i], word);
    }
    word = 0;
    layout_store(&nothing, word);
}

static inline void layout_zero(_Atomic uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        layout_store(&words[i], 0);
    }
}

/* ringmap_write.c. Takes the writer mutex; cleans up first after a writer that died with it. */
enum err ringmap_writer_lock(struct ringmap *map) MUST_USE;
void ringmap_writer_unlock(struct ringmap *map);

#endif
