/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fleet keeps its one record a realm: a lossy bulletin board, never the truth (R4).
 *
 * Every implementation promises (tests/support/store_contract.c holds each of them to it):
 *   - put() replaces the record only while its version still equals `expected` (or while there is
 *     none, for a NULL `expected`); otherwise nothing changes and it completes with ERR_CONFLICT.
 *   - load() and put() complete exactly once, from the loop, never from inside the call that
 *     started them, with ERR_OK, ERR_CONFLICT (put only), ERR_UNAVAILABLE, ERR_TIMEOUT or another
 *     code and a sentence. After those a put may have happened or not.
 *   - put() changes nothing once the store's own clock has passed `not_after_ms`, and completes
 *     with ERR_TIMEOUT: a key's lead counts from the decision, so a put must not happen late.
 *   - On ERR_OK and ERR_CONFLICT store_time_ms is the store's own clock (R10).
 *   - After cancel() the operation's callback never fires; a cancelled put may happen or not.
 *   - `changed` is a hint that a newer record may exist, never data: it may be late, repeated or
 *     lost, so callers also load on a timer. Like every callback it comes from the loop.
 *   - Once close() returns no callback fires: what was under way is dropped. close() may be called
 *     from inside a callback.
 *   - Record bytes are opaque. Implementations that keep them in this process keep them in
 *     secret memory.
 *
 * An operation lives in a struct store_op that the caller embeds in an object of its own, so that
 * starting one never needs memory and whoever is freed can take its operations back.
 */
#ifndef STEKD_STORE_STORE_H
#define STEKD_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

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

enum store_op_kind { STORE_OP_IDLE, STORE_OP_LOAD, STORE_OP_PUT };

/* Starts as {0}. `done` and `ctx` are the caller's, set before the operation is started; the rest
 * is the store's. It must stay where it is until it has completed or was cancelled; in its own
 * callback it may be started anew. */
struct store_op {
    store_done_fn done;
    void *ctx;
    enum store_op_kind kind; /* STORE_OP_IDLE: not under way */
    char realm[REALM_NAME_MAX + 1];
    bool has_expected;
    struct store_version expected;
    struct store_version next_version;
    int64_t not_after_ms;
    int64_t expires_at_ms;
    struct secret_buf record; /* put: a copy of what was given */
    enum err failure;         /* put: it could not be prepared, which the loop reports */
    struct store_op *next;
};

struct store;

struct store_ops {
    const char *type; /* "memory", ...: what status shows */
    void (*load)(struct store *store, struct store_op *op);
    void (*put)(struct store *store, struct store_op *op);
    void (*cancel)(struct store *store, struct store_op *op);
    /* One watcher a realm; NULL stops it. */
    enum err (*watch)(struct store *store, const char *realm, store_changed_fn changed, void *ctx);
    void (*close)(struct store *store);
    /* How an operator calls the place of a realm's record, for sentences that ask to delete it.
     * NULL: it has none. */
    void (*place)(const struct store *store, const char *realm, struct errbuf *out);
};

/* Implementations embed this first. */
struct store {
    const struct store_ops *ops;
};

/* What a put asks for. Everything is copied during the call. */
struct store_put_request {
    const char *realm;
    const struct store_version *expected; /* NULL: only if there is no record */
    struct store_version next;            /* the new record's version */
    struct slice record;
    int64_t not_after_ms;  /* by the store's clock; INT64_MAX: whenever */
    int64_t expires_at_ms; /* the store may forget the record from then on */
};

/* `op` must not be under way. `realm` (a sound realm name) is copied. */
void store_load(struct store *store, struct store_op *op, const char *realm);
void store_put(struct store *store, struct store_op *op, const struct store_put_request *request);
/* Nothing happens when `op` is not under way. */
void store_cancel(struct store *store, struct store_op *op);
/* ERR_NOMEM; stopping (NULL) never fails. */
enum err store_watch(struct store *store, const char *realm, store_changed_fn changed,
                     void *ctx) MUST_USE;
/* "Redis key stek:{web}", ...; "" where there is none. */
void store_place(const struct store *store, const char *realm, struct errbuf *out);
/* NULL allowed. */
void store_close(struct store *store);

/* For implementations: makes `op` idle, then calls its callback, which may start it anew. */
void store_op_finish(struct store_op *op, const struct store_result *result);

#endif
