/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R8 and R10 on arrival: what must be true of a ring from the store, an RPC or a peer before it
 * is merged. One bad key refuses the whole ring (its author is broken); what is held stays.
 */
#ifndef STEK_KEYRING_CHECK_H
#define STEK_KEYRING_CHECK_H

#include "base/err.h"
#include "keyring/keyring.h"

#define CHECK_ENTRIES_MAX   256           /* entries of one ring on the wire or in the store */
#define CHECK_FUTURE_MAX_MS INT64_C(2000) /* published this far ahead of `now` is a broken clock   \
                                           */

/* Bytes not all equal, and name == derive_name(bytes). A tombstone (no bytes) passes if its bytes
 * are zero and its name is not weak. `why` names the key by its hex name, never its bytes. */
enum err check_key(const struct key *key, const char *realm, struct errbuf *why) MUST_USE;

/* Every key sound: check_key, dates ordered, whole life <= 7 d, not published more than 2 s after
 * `now`; at most CHECK_ENTRIES_MAX entries; no two entries with the same bytes; names unique and
 * sorted (as struct keyring promises). Keys that decrypt at `now` must have bytes. ERR_INVALID. */
enum err check_arrival(const struct keyring *ring, int64_t now, struct errbuf *why) MUST_USE;

/* published_at and forgotten_from never change: ERR_INVALID when `arrived` disagrees with `held`
 * about an entry both have. */
enum err check_same_birth(const struct keyring *held, const struct keyring *arrived,
                          struct errbuf *why) MUST_USE;

#endif
