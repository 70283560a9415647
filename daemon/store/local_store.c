/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local_store.h"

#include <string.h>

void local_store_hint(struct local_store *store, const char *realm)
{
    hint_list_mark(&store->watchers, realm);
}

bool local_store_is_expected(const struct store_op *op, const struct store_version *held)
{
    if (held == NULL || !op->has_expected) {
        return (held != NULL) == op->has_expected;
    }
    return memcmp(held->bytes, op->expected.bytes, STORE_VERSION_LEN) == 0;
}

static void unlink_op(struct local_store *store, struct store_op *op)
{
    struct store_op *before = NULL;

    for (struct store_op *at = store->first; at != op; at = at->next) {
        before = at;
    }
    if (before == NULL) {
        store->first = op->next;
    } else {
        before->next = op->next;
    }
    if (store->last == op) {
        store->last = before;
    }
    op->next = NULL;
}

static void do_put(struct local_store *store, struct store_op *op, struct store_result *result)
{
    result->code = op->failure;
    if (result->code != ERR_OK) {
        result->why = result->code == ERR_LIMIT ? "the record is too large" : "out of memory";
    } else if (result->store_time_ms > op->not_after_ms) {
        result->code = ERR_TIMEOUT;
        result->why = "the put came too late";
    } else {
        store->backend->put(store, op, result);
    }
}

static void do_op(struct local_store *store, struct store_op *op)
{
    struct store_result result = {.code = ERR_OK, .why = ""};

    result.store_time_ms = clock_wall_ms(store->clock);
    if (op->kind == STORE_OP_LOAD) {
        store->backend->load(store, op, &result);
    } else {
        do_put(store, op, &result);
    }
    store_op_finish(op, &result);
}

/* One operation a turn, so that what callbacks start waits for a later one. */
static void on_turn(void *arg)
{
    struct local_store *store = arg;
    struct store_op *op = store->first;

    store->is_in_turn = true;
    if (op != NULL) {
        unlink_op(store, op);
        do_op(store, op);
    }
    if (!store->is_closed) {
        hint_list_give(&store->watchers, &store->is_closed);
    }
    store->is_in_turn = false;
    if (store->is_closed) {
        store->backend->destroy(store);
    } else if (store->first != NULL) {
        timer_arm(store->timers, store->turn, 0);
    }
}

void local_store_start(struct store *base, struct store_op *op)
{
    struct local_store *store = (struct local_store *)base;

    if (store->last == NULL) {
        store->first = op;
    } else {
        store->last->next = op;
    }
    store->last = op;
    timer_arm(store->timers, store->turn, 0);
}

void local_store_cancel(struct store *base, struct store_op *op)
{
    unlink_op((struct local_store *)base, op);
}

enum err local_store_watch(struct store *base, const char *realm, store_changed_fn changed,
                           void *ctx)
{
    return hint_list_watch(&((struct local_store *)base)->watchers, realm, changed, ctx);
}

void local_store_close(struct store *base)
{
    struct local_store *store = (struct local_store *)base;

    while (store->first != NULL) {
        store_cancel(base, store->first);
    }
    timer_disarm(store->timers, store->turn);
    store->is_closed = true;
    if (!store->is_in_turn) {
        store->backend->destroy(store);
    }
}

enum err local_store_init(struct local_store *store, const struct clock *clock,
                          const struct timers *timers)
{
    store->clock = clock;
    store->timers = timers;
    store->turn = timer_new(timers, on_turn, store);
    return store->turn == NULL ? ERR_NOMEM : ERR_OK;
}

void local_store_fini(struct local_store *store)
{
    hint_list_fini(&store->watchers);
    if (store->turn != NULL) {
        timer_free(store->timers, store->turn);
        store->turn = NULL;
    }
}
