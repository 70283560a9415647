/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wiped blocks of secret memory kept for whoever needs one next. Making and unmaking a block takes
 * six system calls, which is most of what a short RPC would cost. One thread.
 */
#ifndef STEK_BASE_SECRET_POOL_H
#define STEK_BASE_SECRET_POOL_H

#include <stddef.h>

#include "base/err.h"

struct secret_pool;

#define SECRET_POOL_BLOCK ((size_t)4096) /* bytes of each */

/* At most `keep` blocks are kept, and locked; none at first. ERR_NOMEM. */
enum err secret_pool_new(size_t keep, struct secret_pool **out_pool) MUST_USE;
/* Frees what is kept. Everybody must have given theirs back. NULL allowed. */
void secret_pool_free(struct secret_pool *pool);

/* Zero-filled; as secret_alloc(SECRET_POOL_BLOCK), and its like: secret_free() may be called on
 * it instead of secret_pool_give(). */
void *secret_pool_take(struct secret_pool *pool) MUST_USE;
/* Wipes it; keeps or frees it. */
void secret_pool_give(struct secret_pool *pool, void *block);

size_t secret_pool_kept(const struct secret_pool *pool);

#endif
