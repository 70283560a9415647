/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyring in, keyring out: the one place where a realm's record becomes bytes and comes back, so
 * the one place where bytes of a record are looked at, and where they are sealed and opened.
 *
 * A load distinguishes "the store did not answer" from "the store answered with a record that
 * makes no sense": the first is retried, the second is shown and replaced by a daemon that is
 * ready (R4), unless a newer version wrote it or a key we do not have sealed it (ERR_UNSUPPORTED):
 * that one is never replaced.
 */
#ifndef STEKD_STORE_VAULT_H
#define STEKD_STORE_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/kdf.h"
#include "base/random.h"
#include "store/sealing.h"
#include "store/store.h"
#include "wire/messages.h"

struct vault_loaded {
    enum err code; /* not ERR_OK: no answer; only `why` and perhaps store_time_ms mean something */
    const char *why;
    int64_t store_time_ms;
    bool present;
    struct store_version version;
    bool is_known; /* it is sound, and its version the one known already: not handed over again */
    enum err unreadable; /* ERR_OK: `record` is there. Else why it is not, with `why` */
    uint8_t sealed_by[SEALING_KEY_ID_LEN]; /* zeros: not sealed, or it says nothing */
    struct wire_record *record; /* NULL when absent, known or unreadable. The callback may take the
                                 * ring (keyring_swap); the rest is borrowed during it */
};

typedef void (*vault_loaded_fn)(void *ctx, const struct vault_loaded *loaded);

/* Embedded by the caller, starts as {0}; `done`, `ctx` and `sealing` are the caller's. */
struct vault_load {
    vault_loaded_fn done;
    void *ctx;
    const struct sealing *sealing; /* borrowed; NULL: records are not sealed */
    const struct store *store;
    bool has_known;
    struct store_version known;
    bool has_opened;
    uint8_t opened[KDF_SHA256_LEN]; /* digest of the last record that was sound */
    struct store_op op;
};

/* `known` (NULL: none) is copied: a record under that version has been seen and, while it is still
 * sound, is not handed over again, for most loads find nothing new. (Nor is it opened again while
 * no byte of it has changed: damage leaves the version as it is.) */
void vault_load(struct store *store, struct vault_load *load, const char *realm,
                const struct store_version *known);
/* Its callback never fires. */
void vault_load_cancel(struct store *store, struct vault_load *load);

struct vault_putting {
    const struct keyring *ring;           /* also names the realm */
    const struct store_version *expected; /* NULL: only if there is no record */
    int64_t not_after_ms;                 /* by the store's clock */
    uint64_t revision;
    const struct policy *policy;
    const char *writer;
    const struct sealing *sealing; /* NULL: it is not sealed */
};

/* Puts `ring` under a new random version, which is `*out_version` at once. `op` completes as
 * store.h says (ERR_OK, ERR_CONFLICT, ...). When this fails nothing was started: ERR_NOMEM,
 * ERR_LIMIT (too large), ERR_CRYPTO, ERR_INVALID (`writer`). */
enum err vault_put(struct store *store, struct store_op *op, const struct vault_putting *putting,
                   const struct random_source *random, struct store_version *out_version) MUST_USE;

#endif
