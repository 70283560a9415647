/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages do not pass through nghttp2's memory (h2_send.c writes them to the output itself), but
 * header fields do, and with them names of realms and frontends. Each block is preceded by its
 * size, so that wiping does not lean on malloc_usable_size(), which an application's own
 * allocator need not have.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "wire/h2_internal.h"

/* As wide as the strictest alignment, so that what follows is aligned too. */
union block {
    size_t size;
    max_align_t align;
};

/* A session's frame buffer is this large, of which an idle one has touched the first page only: a
 * mapping of its own costs what is touched. The kernel hands its pages to nobody unwiped. */
#define MAPPED_FROM ((size_t)16384)

static union block *new_block(size_t size)
{
    if (size < MAPPED_FROM) {
        return malloc(sizeof(union block) + size);
    }
    void *map = mmap(NULL, sizeof(union block) + size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return map == MAP_FAILED ? NULL : map;
}

static void *wiping_malloc(size_t size, void *ctx)
{
    (void)ctx;
    if (size > SIZE_MAX - sizeof(union block)) {
        return NULL;
    }
    union block *block = new_block(size);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    return block + 1;
}

static void wiping_free(void *memory, void *ctx)
{
    (void)ctx;
    if (memory == NULL) {
        return;
    }
    union block *block = (union block *)memory - 1;
    if (block->size >= MAPPED_FROM) {
        (void)munmap(block, sizeof(*block) + block->size);
        return;
    }
    secret_wipe(memory, block->size);
    free(block);
}

static void *wiping_calloc(size_t count, size_t size, void *ctx)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *memory = wiping_malloc(total, ctx);
    if (memory != NULL && total < MAPPED_FROM) {
        memset(memory, 0, total); /* a mapping is zero already */
    }
    return memory;
}

static void *wiping_realloc(void *memory, size_t size, void *ctx)
{
    if (memory == NULL) {
        return wiping_malloc(size, ctx);
    }
    const size_t had = ((union block *)memory - 1)->size;
    if (size <= had) {
        return memory;
    }
    void *moved = wiping_malloc(size, ctx);
    if (moved != NULL) {
        memcpy(moved, memory, had);
        wiping_free(memory, ctx);
    }
    return moved;
}

nghttp2_mem h2_memory_wiping(void)
{
    return (nghttp2_mem){
        .malloc = wiping_malloc,
        .free = wiping_free,
        .calloc = wiping_calloc,
        .realloc = wiping_realloc,
    };
}
