/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_memory.h"

#include <stdlib.h>
#include <string.h>

/* A realm's record, and who wants to hear of it. */
struct shelf {
    struct shelf *next;
    char realm[REALM_NAME_MAX + 1];
    bool present;
    struct store_version version;
    struct secret_buf record;
    int64_t expires_at_ms;
    store_changed_fn changed; /* NULL: nobody watches */
    void *changed_ctx;
    bool hint_due;
};

struct store_memory {
    struct store base;
    const struct clock *clock;
    const struct timers *timers;
    struct timer *turn; /* owned: everything is done in its callback */
    struct shelf *shelves;
    struct store_op *first; /* borrowed operations, in the order they were started */
    struct store_op *last;
    bool is_in_turn;
    bool is_closed; /* closed inside a callback: freed when the turn ends */
};

static struct shelf *find_shelf(struct store_memory *store, const char *realm)
{
    for (struct shelf *shelf = store->shelves; shelf != NULL; shelf = shelf->next) {
        if (strcmp(shelf->realm, realm) == 0) {
            return shelf;
        }
    }
    return NULL;
}

static struct shelf *make_shelf(struct store_memory *store, const char *realm)
{
    struct shelf *shelf = find_shelf(store, realm);

    if (shelf == NULL) {
        shelf = calloc(1, sizeof(*shelf));
        if (shelf == NULL || text_copy(shelf->realm, sizeof(shelf->realm), realm) != ERR_OK) {
            free(shelf);
            return NULL;
        }
        shelf->next = store->shelves;
        store->shelves = shelf;
    }
    return shelf;
}

static void forget_expired(struct shelf *shelf, int64_t now)
{
    if (shelf->present && now >= shelf->expires_at_ms) {
        secret_buf_fini(&shelf->record);
        shelf->present = false;
    }
}

static void do_load(struct store_memory *store, const struct store_op *op,
                    struct store_result *result)
{
    struct shelf *shelf = find_shelf(store, op->realm);

    if (shelf == NULL) {
        return;
    }
    forget_expired(shelf, result->store_time_ms);
    if (shelf->present) {
        result->present = true;
        result->version = shelf->version;
        result->record = (struct slice){shelf->record.at, shelf->record.len};
    }
}

static bool is_expected(const struct shelf *shelf, const struct store_op *op)
{
    if (!shelf->present || !op->has_expected) {
        return shelf->present == op->has_expected;
    }
    return memcmp(shelf->version.bytes, op->expected.bytes, STORE_VERSION_LEN) == 0;
}

static void do_put(struct store_memory *store, struct store_op *op, struct store_result *result)
{
    struct shelf *shelf = NULL;

    result->code = op->failure;
    if (result->code == ERR_OK && result->store_time_ms > op->not_after_ms) {
        result->code = ERR_TIMEOUT;
        result->why = "the put came too late";
        return;
    }
    if (result->code == ERR_OK) {
        shelf = make_shelf(store, op->realm);
        result->code = shelf == NULL ? ERR_NOMEM : ERR_OK;
    }
    if (result->code != ERR_OK) {
        result->why = result->code == ERR_LIMIT ? "the record is too large" : "out of memory";
        return;
    }
    forget_expired(shelf, result->store_time_ms);
    if (!is_expected(shelf, op)) {
        result->code = ERR_CONFLICT;
        result->why = "the record was changed by somebody else first";
        return;
    }
    secret_buf_fini(&shelf->record);
    shelf->record = op->record; /* moves to the shelf */
    op->record = (struct secret_buf){0};
    shelf->version = op->next_version;
    shelf->expires_at_ms = op->expires_at_ms;
    shelf->present = true;
    shelf->hint_due = shelf->changed != NULL;
}

static void memory_unlink(struct store_memory *store, struct store_op *op)
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

static void do_op(struct store_memory *store, struct store_op *op)
{
    struct store_result result = {.code = ERR_OK, .why = ""};

    result.store_time_ms = clock_wall_ms(store->clock);
    if (op->kind == STORE_OP_LOAD) {
        do_load(store, op, &result);
    } else {
        do_put(store, op, &result);
    }
    store_op_finish(op, &result);
}

static void give_hints(struct store_memory *store)
{
    for (struct shelf *shelf = store->shelves; shelf != NULL; shelf = shelf->next) {
        if (!shelf->hint_due) {
            continue;
        }
        shelf->hint_due = false;
        shelf->changed(shelf->changed_ctx, shelf->realm);
        if (store->is_closed) {
            return;
        }
    }
}

static void destroy(struct store_memory *store)
{
    while (store->shelves != NULL) {
        struct shelf *shelf = store->shelves;
        store->shelves = shelf->next;
        secret_buf_fini(&shelf->record);
        free(shelf);
    }
    timer_free(store->timers, store->turn);
    free(store);
}

/* One operation a turn, so that what callbacks start waits for a later one. */
static void on_turn(void *arg)
{
    struct store_memory *store = arg;
    struct store_op *op = store->first;

    store->is_in_turn = true;
    if (op != NULL) {
        memory_unlink(store, op);
        do_op(store, op);
    }
    if (!store->is_closed) {
        give_hints(store);
    }
    store->is_in_turn = false;
    if (store->is_closed) {
        destroy(store);
    } else if (store->first != NULL) {
        timer_arm(store->timers, store->turn, 0);
    }
}

static void memory_start(struct store *base, struct store_op *op)
{
    struct store_memory *store = (struct store_memory *)base;

    if (store->last == NULL) {
        store->first = op;
    } else {
        store->last->next = op;
    }
    store->last = op;
    timer_arm(store->timers, store->turn, 0);
}

static void memory_cancel(struct store *base, struct store_op *op)
{
    memory_unlink((struct store_memory *)base, op);
}

static enum err memory_watch(struct store *base, const char *realm, store_changed_fn changed,
                             void *ctx)
{
    struct store_memory *store = (struct store_memory *)base;
    struct shelf *shelf = changed == NULL ? find_shelf(store, realm) : make_shelf(store, realm);

    if (shelf == NULL) {
        return changed == NULL ? ERR_OK : ERR_NOMEM;
    }
    shelf->changed = changed;
    shelf->changed_ctx = ctx;
    shelf->hint_due = false;
    return ERR_OK;
}

static void memory_close(struct store *base)
{
    struct store_memory *store = (struct store_memory *)base;

    while (store->first != NULL) {
        store_cancel(base, store->first);
    }
    timer_disarm(store->timers, store->turn);
    store->is_closed = true;
    if (!store->is_in_turn) {
        destroy(store);
    }
}

static const struct store_ops memory_ops = {
    .type = "memory",
    .load = memory_start,
    .put = memory_start,
    .cancel = memory_cancel,
    .watch = memory_watch,
    .close = memory_close,
};

enum err store_memory_new(const struct clock *clock, const struct timers *timers,
                          struct store **out_store)
{
    struct store_memory *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return ERR_NOMEM;
    }
    store->base.ops = &memory_ops;
    store->clock = clock;
    store->timers = timers;
    store->turn = timer_new(timers, on_turn, store);
    if (store->turn == NULL) {
        free(store);
        return ERR_NOMEM;
    }
    *out_store = &store->base; /* moves to the caller */
    return ERR_OK;
}
