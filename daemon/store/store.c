/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <assert.h>

static void op_begin(struct store_op *op, enum store_op_kind kind, const char *realm)
{
    assert(op->kind == STORE_OP_IDLE && op->done != NULL);
    enum err rc = text_copy(op->realm, sizeof(op->realm), realm);
    assert(rc == ERR_OK);
    (void)rc;
    op->kind = kind;
    op->failure = ERR_OK;
    op->next = NULL;
}

void store_load(struct store *store, struct store_op *op, const char *realm)
{
    op_begin(op, STORE_OP_LOAD, realm);
    store->ops->load(store, op);
}

void store_put(struct store *store, struct store_op *op, const struct store_put_request *request)
{
    op_begin(op, STORE_OP_PUT, request->realm);
    op->has_expected = request->expected != NULL;
    if (op->has_expected) {
        op->expected = *request->expected;
    }
    op->next_version = request->next;
    op->not_after_ms = request->not_after_ms;
    op->expires_at_ms = request->expires_at_ms;
    op->failure = request->record.len > STORE_RECORD_MAX
                      ? ERR_LIMIT
                      : secret_buf_append(&op->record, request->record.at, request->record.len);
    store->ops->put(store, op);
}

static void op_reset(struct store_op *op)
{
    secret_buf_fini(&op->record);
    op->kind = STORE_OP_IDLE;
    op->next = NULL;
}

void store_cancel(struct store *store, struct store_op *op)
{
    if (op->kind == STORE_OP_IDLE) {
        return;
    }
    store->ops->cancel(store, op);
    op_reset(op);
}

enum err store_watch(struct store *store, const char *realm, store_changed_fn changed, void *ctx)
{
    return store->ops->watch(store, realm, changed, ctx);
}

void store_place(const struct store *store, const char *realm, struct errbuf *out)
{
    out->text[0] = '\0';
    if (store->ops->place != NULL) {
        store->ops->place(store, realm, out);
    }
}

void store_close(struct store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

void store_op_finish(struct store_op *op, const struct store_result *result)
{
    op_reset(op);
    op->done(op->ctx, result);
}
