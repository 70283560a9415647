/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret_pool.h"

#include <stdlib.h>

#include "base/secret.h"

struct secret_pool {
    size_t keep;
    size_t count;
    void *blocks[]; /* owned: `count` of them, wiped */
};

enum err secret_pool_new(size_t keep, struct secret_pool **out_pool)
{
    struct secret_pool *pool = NULL;

    pool = calloc(1, sizeof(*pool) + keep * sizeof(pool->blocks[0])); /* the list, not the blocks */
    if (pool == NULL) {
        return ERR_NOMEM;
    }
    pool->keep = keep;
    *out_pool = pool;
    return ERR_OK;
}

void secret_pool_free(struct secret_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    while (pool->count > 0) {
        secret_free(pool->blocks[--pool->count]);
    }
    free(pool);
}

void *secret_pool_take(struct secret_pool *pool)
{
    return pool->count > 0 ? pool->blocks[--pool->count] : secret_alloc(SECRET_POOL_BLOCK);
}

void secret_pool_give(struct secret_pool *pool, void *block)
{
    if (pool->count == pool->keep) {
        secret_free(block);
        return;
    }
    secret_wipe(block, SECRET_POOL_BLOCK);
    pool->blocks[pool->count++] = block;
}

size_t secret_pool_kept(const struct secret_pool *pool)
{
    return pool->count;
}
