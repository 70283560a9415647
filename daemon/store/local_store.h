/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stores in this process or on this machine have in common: operations are done one a turn
 * of the loop, in the order they were started, by a backend that answers at once; watchers hear
 * of this store's own puts. For implementations only.
 */
#ifndef STEKD_STORE_LOCAL_STORE_H
#define STEKD_STORE_LOCAL_STORE_H

#include "base/clock.h"
#include "host/timers.h"
#include "store/hint_list.h"
#include "store/store.h"

struct local_store;

/* `result` comes with code ERR_OK, why "" and the store's time. put() is not asked before the
 * operation is known to be sound and in time. */
struct local_backend {
    void (*load)(struct local_store *store, const struct store_op *op, struct store_result *result);
    void (*put)(struct local_store *store, struct store_op *op, struct store_result *result);
    /* Frees the whole store, after local_store_fini(). */
    void (*destroy)(struct local_store *store);
};

/* Embedded first in the implementation. */
struct local_store {
    struct store base;
    const struct local_backend *backend;
    const struct clock *clock;
    const struct timers *timers;
    struct timer *turn; /* owned: everything is done in its callback */
    struct hint_list watchers;
    struct store_op *first; /* borrowed operations, in the order they were started */
    struct store_op *last;
    bool is_in_turn;
    bool is_closed; /* closed inside a callback: destroyed when the turn ends */
};

/* `store->base.ops` and the backend are the caller's to set. ERR_NOMEM. */
enum err local_store_init(struct local_store *store, const struct clock *clock,
                          const struct timers *timers) MUST_USE;
/* Safe on a zeroed one. */
void local_store_fini(struct local_store *store);

/* A put of this realm has happened: its watcher is told in this turn. */
void local_store_hint(struct local_store *store, const char *realm);

/* What a put expects, against what is there (NULL: nothing). */
bool local_store_is_expected(const struct store_op *op, const struct store_version *held);

/* For the implementation's struct store_ops. */
void local_store_start(struct store *base, struct store_op *op);
void local_store_cancel(struct store *base, struct store_op *op);
enum err local_store_watch(struct store *base, const char *realm, store_changed_fn changed,
                           void *ctx) MUST_USE;
void local_store_close(struct store *base);

#endif
