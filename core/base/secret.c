/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block is a mapping of its own:
 *
 *   | header page: size of the mapping | data pages, block at their end | guard page |
 *
 * The header has a page to itself because MADV_WIPEONFORK zeroes whole pages in a forked child,
 * and the child must still be able to give the block back. The block ends (to within 15 bytes)
 * at the guard page, so running past it faults instead of reaching somebody else's memory.
 */
#include "base/secret.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/registers.h"
#include "base/secret_pool.h"

#define BLOCK_ALIGN ((size_t)16)
#define BUF_MIN     SECRET_POOL_BLOCK /* first capacity of a secret_buf: a page is spent anyway */
#define SIZE_LIMIT  (SIZE_MAX / 4)

struct header {
    size_t mapped;
};

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t n, size_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Gives the data pages the properties every block promises; errno says what is missing. */
static int protect(uint8_t *data, size_t data_len, size_t page, bool is_for_children)
{
    if (mprotect(data + data_len, page, PROT_NONE) != 0 || mlock(data, data_len) != 0 ||
        madvise(data, data_len, MADV_DONTDUMP) != 0) {
        return -1;
    }
    return is_for_children ? 0 : madvise(data, data_len, MADV_WIPEONFORK);
}

static void *make_block(size_t size, bool is_for_children)
{
    if (size > SIZE_LIMIT) {
        errno = ENOMEM;
        return NULL;
    }
    const size_t page = page_size();
    const size_t block_len = round_up(size == 0 ? 1 : size, BLOCK_ALIGN);
    const size_t data_len = round_up(block_len, page);
    const size_t mapped = page + data_len + page;

    uint8_t *map = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
    uint8_t *data = map + page;
    if (protect(data, data_len, page, is_for_children) != 0) {
        const int saved = errno;
        (void)munmap(map, mapped);
        errno = saved;
        return NULL;
    }
    const struct header header = {.mapped = mapped};
    memcpy(map, &header, sizeof(header));
    return data + data_len - block_len;
}

void *secret_alloc(size_t size)
{
    return make_block(size, false);
}

void *secret_alloc_for_children(size_t size)
{
    return make_block(size, true);
}

/* The data pages of a block, and how many bytes they are. */
static uint8_t *pages_of(void *block, size_t *out_len)
{
    const size_t page = page_size();
    uint8_t *data = (uint8_t *)block - (uintptr_t)block % page;
    struct header header;
    memcpy(&header, data - page, sizeof(header));
    *out_len = header.mapped - 2 * page;
    return data;
}

enum err secret_lock_here(void *block)
{
    size_t len = 0;
    const uint8_t *data = pages_of(block, &len);
    return mlock(data, len) == 0 ? ERR_OK : ERR_LIMIT;
}

void secret_free(void *block)
{
    size_t len = 0;
    if (block == NULL) {
        return;
    }
    registers_forget();
    uint8_t *data = pages_of(block, &len);
    const size_t page = page_size();
    secret_wipe(data, len);
    (void)munmap(data - page, len + 2 * page);
}

void secret_wipe(void *bytes, size_t len)
{
    if (len > 0) {
        registers_forget();
        OPENSSL_cleanse(bytes, len);
    }
}

void secret_copy(void *to, const void *from, size_t len)
{
    if (len > 0) {
        memcpy(to, from, len);
        registers_forget();
    }
}

bool secret_equal(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

bool secret_is_weak(const uint8_t *bytes, size_t len)
{
    uint8_t differs = 0;
    for (size_t i = 1; i < len; i++) {
        differs |= (uint8_t)(bytes[i] ^ bytes[0]);
    }
    return differs == 0;
}

static uint8_t *buf_alloc(const struct secret_buf *buf, size_t cap)
{
    const bool is_pooled = buf->pool != NULL && cap == SECRET_POOL_BLOCK;

    return is_pooled ? secret_pool_take(buf->pool) : secret_alloc(cap);
}

static void buf_free(struct secret_buf *buf)
{
    if (buf->pool != NULL && buf->cap == SECRET_POOL_BLOCK) {
        secret_pool_give(buf->pool, buf->at);
    } else {
        secret_free(buf->at);
    }
}

enum err secret_buf_reserve(struct secret_buf *buf, size_t more)
{
    if (more <= buf->cap - buf->len) {
        return ERR_OK;
    }
    if (more > SIZE_LIMIT - buf->len) {
        return ERR_NOMEM;
    }
    const size_t need = buf->len + more;
    size_t cap = buf->cap < BUF_MIN ? BUF_MIN : buf->cap;
    while (cap < need) {
        cap *= 2;
    }
    uint8_t *at = buf_alloc(buf, cap);
    if (at == NULL) {
        return ERR_NOMEM;
    }
    if (buf->len > 0) {
        secret_copy(at, buf->at, buf->len);
    }
    buf_free(buf);
    buf->at = at;
    buf->cap = cap;
    return ERR_OK;
}

enum err secret_buf_append(struct secret_buf *buf, const void *bytes, size_t len)
{
    const enum err rc = secret_buf_reserve(buf, len);
    if (rc == ERR_OK && len > 0) {
        secret_copy(buf->at + buf->len, bytes, len);
        buf->len += len;
    }
    return rc;
}

void secret_buf_consume(struct secret_buf *buf, size_t len)
{
    if (len > buf->len) {
        len = buf->len;
    }
    if (len == 0) {
        return;
    }
    const size_t left = buf->len - len;
    memmove(buf->at, buf->at + len, left);
    secret_wipe(buf->at + left, len);
    buf->len = left;
}

void secret_buf_fini(struct secret_buf *buf)
{
    buf_free(buf);
    *buf = (struct secret_buf){.pool = buf->pool};
}
