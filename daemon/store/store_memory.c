/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_memory.h"

#include <stdlib.h>
#include <string.h>

#include "store/local_store.h"

/* A realm's record. */
struct shelf {
    struct shelf *next;
    char realm[REALM_NAME_MAX + 1];
    bool present;
    struct store_version version;
    struct secret_buf record;
    int64_t expires_at_ms;
};

struct store_memory {
    struct local_store local;
    struct shelf *shelves;
};

/* What has expired by `now` is gone. NULL: there never was a record. */
static struct shelf *find_shelf(struct store_memory *store, const char *realm, int64_t now)
{
    struct shelf *shelf = store->shelves;

    while (shelf != NULL && strcmp(shelf->realm, realm) != 0) {
        shelf = shelf->next;
    }
    if (shelf != NULL && shelf->present && now >= shelf->expires_at_ms) {
        secret_buf_fini(&shelf->record);
        shelf->present = false;
    }
    return shelf;
}

static struct shelf *make_shelf(struct store_memory *store, const char *realm)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));

    if (shelf == NULL || text_copy(shelf->realm, sizeof(shelf->realm), realm) != ERR_OK) {
        free(shelf);
        return NULL;
    }
    shelf->next = store->shelves;
    store->shelves = shelf;
    return shelf;
}

static void memory_load(struct local_store *local, const struct store_op *op,
                        struct store_result *result)
{
    struct store_memory *store = (struct store_memory *)local;
    struct shelf *shelf = find_shelf(store, op->realm, result->store_time_ms);

    if (shelf != NULL && shelf->present) {
        result->present = true;
        result->version = shelf->version;
        result->record = (struct slice){shelf->record.at, shelf->record.len};
    }
}

static void memory_put(struct local_store *local, struct store_op *op, struct store_result *result)
{
    struct store_memory *store = (struct store_memory *)local;
    struct shelf *shelf = find_shelf(store, op->realm, result->store_time_ms);

    if (shelf == NULL) {
        shelf = make_shelf(store, op->realm);
    }
    if (shelf == NULL) {
        result->code = ERR_NOMEM;
        result->why = "out of memory";
        return;
    }
    if (!local_store_is_expected(op, shelf->present ? &shelf->version : NULL)) {
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
    local_store_hint(local, op->realm);
}

static void memory_destroy(struct local_store *local)
{
    struct store_memory *store = (struct store_memory *)local;

    while (store->shelves != NULL) {
        struct shelf *shelf = store->shelves;
        store->shelves = shelf->next;
        secret_buf_fini(&shelf->record);
        free(shelf);
    }
    local_store_fini(local);
    free(store);
}

static const struct local_backend backend = {
    .load = memory_load, .put = memory_put, .destroy = memory_destroy};

static const struct store_ops memory_ops = {
    .type = "memory",
    .load = local_store_start,
    .put = local_store_start,
    .cancel = local_store_cancel,
    .watch = local_store_watch,
    .close = local_store_close,
};

enum err store_memory_new(const struct clock *clock, const struct timers *timers,
                          struct store **out_store)
{
    struct store_memory *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return ERR_NOMEM;
    }
    store->local.base.ops = &memory_ops;
    store->local.backend = &backend;
    enum err rc = local_store_init(&store->local, clock, timers);
    if (rc != ERR_OK) {
        memory_destroy(&store->local);
        return rc;
    }
    *out_store = &store->local.base; /* moves to the caller */
    return ERR_OK;
}
