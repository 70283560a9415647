/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R8 and R10 on arrival: what must be true of a ring from the store, an RPC or a peer before it
 * is merged. One bad key refuses the whole ring (its author is broken); what is held stays.
 */
#ifndef STEK_KEYRING_CHECK_H
#define STEK_KEYRING_CHECK_H

#include "base/err.h"
#include "keyring/keyring.h"

#define CHECK_ENTRIES_MAX 256 /* entries of one ring on the wire or in the store */
/* How far another sound daemon's clock may be ahead of ours: each is allowed 2 s from the store's
 * time (R10), so two of them 4 s from each other. With 2 s here, a daemon 1.9 s slow would refuse
 * the record that one 1.9 s fast has just put. */
#define CHECK_FUTURE_MAX_MS INT64_C(4000)

/* Bytes not all equal, and name == derive_name(bytes). A tombstone (no bytes) passes if its bytes
 * are zero and its name is not weak. `why` names the key by its hex name, never its bytes.
 * ERR_INVALID; ERR_NOMEM, ERR_CRYPTO: nothing is known, the key may be sound. */
enum err check_key(const struct key *key, const char *realm, struct errbuf *why) MUST_USE;

/* Every key sound: check_key, dates ordered, whole life <= 7 d, not published more than
 * CHECK_FUTURE_MAX_MS after `now`; at most CHECK_ENTRIES_MAX entries; names unique and sorted (as
 * struct keyring promises), and with them, since a name certifies its bytes, the bytes unique too.
 * An unrevoked key must have bytes unless its dropped_from is near enough that an author whose
 * clock is ahead may have wiped it. ERR_INVALID, or as check_key. Safe for any dates and any `now`.
 */
enum err check_arrival(const struct keyring *ring, int64_t now, struct errbuf *why) MUST_USE;

/* published_at and forgotten_from never change: ERR_INVALID when `arrived` disagrees with `held`
 * about an entry both have. */
enum err check_same_birth(const struct keyring *held, const struct keyring *arrived,
                          struct errbuf *why) MUST_USE;

#endif
