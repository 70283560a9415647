/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that allocates memory for key bytes.
 *
 * Every block is a private mapping of its own: locked into RAM (mlock), left out of core dumps
 * (MADV_DONTDUMP), zeroed in a forked child (MADV_WIPEONFORK), wiped before it is returned.
 * A block costs at least a page, so callers hold whole keyrings in one block, not single keys.
 */
#ifndef STEK_BASE_SECRET_H
#define STEK_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Zero-filled. NULL with errno when memory cannot be had or cannot be locked (RLIMIT_MEMLOCK):
 * unlocked memory is never given instead. The caller owns it and gives it to secret_free(). */
void *secret_alloc(size_t size) MUST_USE;

/* The same, but a forked child keeps the bytes: for what it could not get again, such as a file
 * that only root may read. mlock() is not inherited: the child calls secret_lock_here(). */
void *secret_alloc_for_children(size_t size) MUST_USE;
/* Locks an inherited block in this process too. ERR_LIMIT when the system refuses. */
enum err secret_lock_here(void *block) MUST_USE;

/* Wipes and unmaps. NULL is allowed. */
void secret_free(void *block);

/* Wipes `len` bytes in a way the compiler does not remove, and the registers that have moved them
 * (base/registers.h): who handles key bytes ends with this. */
void secret_wipe(void *bytes, size_t len);

/* memcpy() that leaves nothing in registers. For key bytes instead of an assignment, which a
 * compiler makes through registers that the next call may spill. */
void secret_copy(void *to, const void *from, size_t len);

/* Constant time in the contents. */
bool secret_equal(const void *a, const void *b, size_t len) MUST_USE;

/* True when all bytes are the same: the zeroed or never-filled key of GnuTLS CVE-2020-13777 and
 * AWS-2021-002 (R8). Constant time in the contents. */
bool secret_is_weak(const uint8_t *bytes, size_t len) MUST_USE;

struct secret_pool;

/* A growable byte buffer in secret memory. Starts as {0}, or with a pool alone. */
struct secret_buf {
    uint8_t *at; /* owned */
    size_t len;
    size_t cap;
    struct secret_pool *pool; /* borrowed: where small blocks come from and go to; NULL: nowhere */
};

/* Makes room for `more` bytes beyond len; the old block is wiped when it moves. */
enum err secret_buf_reserve(struct secret_buf *buf, size_t more) MUST_USE;
enum err secret_buf_append(struct secret_buf *buf, const void *bytes, size_t len) MUST_USE;
/* Removes `len` bytes (at most buf->len) from the front and wipes what they leave. */
void secret_buf_consume(struct secret_buf *buf, size_t len);
/* Wipes, frees, and leaves it as it started. */
void secret_buf_fini(struct secret_buf *buf);

#endif
