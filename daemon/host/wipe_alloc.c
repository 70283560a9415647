/* SPDX-License-Identifier: Apache-2.0 */
#include "host/wipe_alloc.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <openssl/crypto.h>

#include "base/secret.h"

void *wipe_alloc_malloc(size_t size)
{
    return malloc(size);
}

void *wipe_alloc_calloc(size_t count, size_t size)
{
    size_t total = 0;

    /* calloc() checks this too, but under a sanitizer it ends the program instead. */
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    return calloc(1, total == 0 ? 1 : total);
}

void wipe_alloc_free(void *block)
{
    if (block == NULL) {
        return;
    }
    /* The usable size is what the block may have held; under a sanitizer it is the size asked
     * for, so this is no overrun there either. */
    secret_wipe(block, malloc_usable_size(block));
    free(block);
}

void *wipe_alloc_realloc(void *block, size_t size)
{
    if (block == NULL) {
        return malloc(size);
    }
    if (size == 0) {
        wipe_alloc_free(block);
        return NULL;
    }
    size_t had = malloc_usable_size(block);
    if (size <= had && size >= had / 2) {
        return block;
    }
    /* realloc() itself may move the bytes and leave a copy behind. */
    void *moved = malloc(size);
    if (moved == NULL) {
        return NULL;
    }
    memcpy(moved, block, size < had ? size : had);
    wipe_alloc_free(block);
    return moved;
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return wipe_alloc_malloc(size);
}

static void *openssl_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return wipe_alloc_realloc(block, size);
}

static void openssl_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    wipe_alloc_free(block);
}

enum err wipe_alloc_install(struct errbuf *why)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) {
        errbuf_set(why, "the wiping allocator comes too late: OpenSSL has memory already");
        return ERR_REFUSED;
    }
    event_set_mem_functions(wipe_alloc_malloc, wipe_alloc_realloc, wipe_alloc_free);
    return ERR_OK;
}
