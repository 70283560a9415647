/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fleet keeps its one record a realm: a lossy bulletin board, never the truth (R4).
 *
 * Every implementation promises (tests/support/store_contract.c holds each of them to it):
 *   - put() replaces the record only while its version still equals `expected` (or while there is
 *     none, for a NULL `expected`); otherwise nothing changes and it completes with ERR_CONFLICT.
 *   - load() and put() complete exactly once, from the loop, never from inside the call that
 *     started them, with ERR_OK, ERR_CONFLICT (put only), ERR_UNAVAILABLE, ERR_TIMEOUT or another
 *     code and a sentence. After ERR_TIMEOUT or ERR_UNAVAILABLE a put may have happened or not.
 *   - On ERR_OK and ERR_CONFLICT store_time_ms is the store's own clock (R10).
 *   - `changed` is a hint that a newer record may exist, never data: it may be late, repeated or
 *     lost, so callers also load on a timer.
 *   - Once close() returns no callback fires: what was under way is dropped.
 *   - Record bytes are opaque. Implementations that keep them in this process keep them in
 *     secret memory.
 */
#ifndef STEKD_STORE_STORE_H
#define STEKD_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define STORE_VERSION_LEN 16
#define STORE_RECORD_MAX  262144 /* bytes; a larger put is ERR_LIMIT */

struct store_version {
    uint8_t bytes[STORE_VERSION_LEN];
};

struct store_result {
    enum err code;
    const char *why;       /* never NULL; borrowed during the callback */
    int64_t store_time_ms; /* 0 when the store did not answer */
    /* load only: */
    bool present;
    struct store_version version;
    struct slice record; /* borrowed during the callback */
};

typedef void (*store_done_fn)(void *ctx, const struct store_result *result);
typedef void (*store_changed_fn)(void *ctx, const char *realm);

struct store;

struct store_ops {
    const char *type; /* "memory", ...: what status shows */
    void (*load)(struct store *store, const char *realm, store_done_fn done, void *ctx);
    /* `expected` NULL: only if there is no record. `next` is the new record's version;
     * `expires_at_ms`: the store may forget the record from then on. Everything is copied. */
    void (*put)(struct store *store, const char *realm, const struct store_version *expected,
                const struct store_version *next, struct slice record, int64_t expires_at_ms,
                store_done_fn done, void *ctx);
    /* One watcher a realm; NULL stops it. */
    void (*watch)(struct store *store, const char *realm, store_changed_fn changed, void *ctx);
    void (*close)(struct store *store);
};

/* Implementations embed this first. */
struct store {
    const struct store_ops *ops;
};

static inline void store_load(struct store *store, const char *realm, store_done_fn done, void *ctx)
{
    store->ops->load(store, realm, done, ctx);
}

static inline void store_put(struct store *store, const char *realm,
                             const struct store_version *expected, const struct store_version *next,
                             struct slice record, int64_t expires_at_ms, store_done_fn done,
                             void *ctx)
{
    store->ops->put(store, realm, expected, next, record, expires_at_ms, done, ctx);
}

static inline void store_watch(struct store *store, const char *realm, store_changed_fn changed,
                               void *ctx)
{
    store->ops->watch(store, realm, changed, ctx);
}

static inline void store_close(struct store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

#endif
