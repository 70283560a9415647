/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core/base/secret.c over a pool of pages, neither locked nor guarded. A simulation makes and wipes
 * millions of blocks of keys that are nobody's, and the system calls for each cost it more than
 * everything else together. The unit tests of base hold the real thing to its promises.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define POOL_PAGES_MAX 16

/* The first word of a free mapping, whose header page is its own. */
static void *pool[POOL_PAGES_MAX];

static void *pool_map(size_t len)
{
    size_t pages = len / 4096;

    if (pages < POOL_PAGES_MAX && pool[pages] != NULL) {
        void *map = pool[pages];
        pool[pages] = *(void **)map;
        return map;
    }
    return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int pool_unmap(void *map, size_t len)
{
    size_t pages = len / 4096;

    if (pages >= POOL_PAGES_MAX) {
        return munmap(map, len);
    }
    *(void **)map = pool[pages];
    pool[pages] = map;
    return 0;
}

static int pool_spare(const void *at, size_t len)
{
    (void)at;
    (void)len;
    return 0;
}

#define mmap(at, len, protection, flags, fd, offset) pool_map(len)
#define munmap(map, len)                             pool_unmap(map, len)
#define mprotect(at, len, protection)                pool_spare(at, len)
#define mlock(at, len)                               pool_spare(at, len)
#define madvise(at, len, advice)                     pool_spare(at, len)
#include "../../core/base/secret.c"
