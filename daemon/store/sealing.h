/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a record is made unreadable to the store that keeps it: an interface, so that another way
 * can take the place of seal.h. A store that never leaves this process needs none.
 */
#ifndef STEKD_STORE_SEALING_H
#define STEKD_STORE_SEALING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "store/store.h"

#define SEALING_KEY_ID_LEN 8

/* Where a record stands. What was sealed for one place does not open in another. */
struct sealing_place {
    const char *realm;
    struct store_version version;
};

struct sealing {
    /* Appends the sealed record to `out`. ERR_NOMEM, ERR_CRYPTO, ERR_LIMIT. */
    enum err (*seal)(void *ctx, const struct sealing_place *place, uint64_t revision,
                     struct slice record, struct secret_buf *out);
    /* Appends the opened record to `out`.
     *   ERR_UNSUPPORTED  a later version sealed it, or a key this daemon was not given: it may be
     *                    perfectly good, so it must not be overwritten
     *   ERR_INVALID      it is damaged, forged or moved here from another place
     *   ERR_NOMEM, ERR_CRYPTO  of our own, and pass */
    enum err (*open)(void *ctx, const struct sealing_place *place, struct slice sealed,
                     struct secret_buf *out, uint64_t *out_revision, struct errbuf *why);
    /* The id of the key that sealed `sealed`, as it says itself; false: it says none. */
    bool (*sealed_by)(void *ctx, struct slice sealed, uint8_t out_id[SEALING_KEY_ID_LEN]);
    /* The id of the key that seals now. */
    void (*seals_by)(void *ctx, uint8_t out_id[SEALING_KEY_ID_LEN]);
    void *ctx; /* borrowed: must outlive the users */
};

#endif
