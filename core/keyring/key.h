/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One session ticket encryption key: its name, its dates, and what it may be used for at a
 * given moment.
 *
 *      NEXT ---> ACTIVE ---> RETIRED ---> DROPPED ---> FORGOTTEN
 *        |          |           |                          ^
 *        +----------+-----------+--> REVOKED --------------+
 *
 * NEXT       every frontend holds it and decrypts with it; nobody encrypts with it yet.
 * ACTIVE     [active_from, retired_from)   new tickets may be encrypted with it.
 * RETIRED    [retired_from, dropped_from)  decrypts until the last ticket made with it expires.
 * DROPPED    [dropped_from, forgotten_from) the bytes are gone; the entry stays as a tombstone.
 * FORGOTTEN  from forgotten_from on: the entry itself may leave the ring.
 * REVOKED    good for nothing; a tombstone until forgotten_from.
 *
 * The state is computed from the dates and now, never stored, so that everybody who holds the
 * same dates agrees without talking. All times are Unix milliseconds; all intervals half open.
 */
#ifndef STEK_KEYRING_KEY_H
#define STEK_KEYRING_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define KEY_LEN      32 /* secret bytes everything else derives from */
#define KEY_NAME_LEN 16 /* the name that travels in the ticket (RFC 5077 section 4) */

enum key_state {
    KEY_NEXT,
    KEY_ACTIVE,
    KEY_RETIRED,
    KEY_DROPPED,
    KEY_FORGOTTEN,
    KEY_REVOKED,
};

/* Invariant (key_dates_are_sound): published_at <= active_from < retired_from < dropped_from
 * <= forgotten_from. published_at and forgotten_from never change; the middle three only ever
 * move earlier; `revoked` latches; bytes once gone stay gone. */
struct key {
    uint8_t name[KEY_NAME_LEN];
    int64_t published_at;
    int64_t active_from;
    int64_t retired_from;
    int64_t dropped_from;
    int64_t forgotten_from;
    bool revoked;
    bool has_bytes;         /* false: tombstone, and `bytes` is all zero */
    uint8_t bytes[KEY_LEN]; /* only ever in secret memory: see keyring.h */
};

/* A revoked key is KEY_REVOKED until forgotten_from, then KEY_FORGOTTEN. */
enum key_state key_state_at(const struct key *key, int64_t now);

/* "next", "active", ...: the word operators see. */
const char *key_state_text(enum key_state state);

/* Unrevoked, has bytes and now in [active_from, retired_from). */
bool key_encrypts_at(const struct key *key, int64_t now);

/* Unrevoked, has bytes and now < dropped_from. True before active_from too: with unequal clocks
 * a ticket may arrive from a node that is a little ahead (section 3 of the design). */
bool key_decrypts_at(const struct key *key, int64_t now);

bool key_dates_are_sound(const struct key *key);

/* Moves the start to `start` (earlier only; otherwise nothing happens). retired_from and
 * dropped_from move by the same distance, so the key keeps its length; both stay ordered because
 * all three move together. Returns whether anything changed. */
bool key_start_at(struct key *key, int64_t start);

/* Wipes the bytes and leaves a tombstone. */
void key_wipe(struct key *key);

#endif
