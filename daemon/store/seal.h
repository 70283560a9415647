/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing under key-encryption keys: AES-256-GCM under a one-time key.
 *
 *   "STKS" | format 1 | KEK id 8 | revision 8 | salt 32 | commitment 16 | ciphertext | tag 16
 *
 *   one-time key 32 | commitment 16 = HKDF-SHA256(KEK, salt, "stek seal v1")
 *
 * Every seal has a fresh random salt and so a key of its own: the nonce is constant, and neither a
 * cloned machine nor many daemons under one KEK can repeat one. GCM by itself can be made to open
 * under two keys; the commitment ties the record to one. The KEK is chosen by its id, never by
 * trial. Additional data are the format, deployment, realm, version, revision and KEK id: a record
 * copied to another place, or an older one under a newer version, does not open. That a whole old
 * record comes back under its own version nobody can see from here: merging is what makes it
 * harmless (R3, R4).
 */
#ifndef STEKD_STORE_SEAL_H
#define STEKD_STORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "store/kek.h"
#include "store/sealing.h"

#define SEAL_KEKS_MAX       8
#define SEAL_DEPLOYMENT_MAX 63
#define SEAL_OVERHEAD       85 /* bytes a sealed record has more than the record */

struct seal;

struct seal_options {
    const char *deployment;             /* copied */
    const char *const *keks;            /* paths; the first seals, all open */
    size_t kek_count;                   /* 1 .. SEAL_KEKS_MAX */
    const struct random_source *random; /* borrowed until seal_free() */
};

struct seal_stats {
    uint64_t sealed;
    uint64_t opened;
    uint64_t refused;     /* known KEK, but damaged or out of place */
    uint64_t unknown_kek; /* or a later format */
};

/* ERR_INVALID, ERR_IO, ERR_NOMEM, ERR_CRYPTO, ERR_LIMIT, with a sentence that names the file. */
enum err seal_new(const struct seal_options *options, struct seal **out_seal,
                  struct errbuf *why) MUST_USE;
/* Exchanges the two's key-encryption keys: what seals and opens from now on is what `other` was
 * made with. For a list that has changed; both must be of one deployment. Cannot fail. */
void seal_swap_keys(struct seal *seal, struct seal *other);
/* Wipes. NULL allowed. */
void seal_free(struct seal *seal);

/* Borrowed until seal_free(). */
const struct sealing *seal_sealing(struct seal *seal);
const struct seal_stats *seal_get_stats(const struct seal *seal);
/* The id of the KEK that seals, KEK_ID_LEN bytes. */
const uint8_t *seal_kek_id(const struct seal *seal);

#endif
