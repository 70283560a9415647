/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of our own code, and of the libraries that let themselves be given some. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>

#include "support/faults.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* What has not been given back, by address: free() is also called on what libc has allocated,
 * which does not count. Open addressing. */
#define PLACES ((size_t)1 << 17)

static struct {
    pthread_mutex_t lock;
    uintptr_t at[PLACES];
    size_t count;
} blocks = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t home_of(uintptr_t address)
{
    return (size_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 40) % PLACES;
}

static void *note(void *block)
{
    if (block == NULL || block == MAP_FAILED) {
        return block;
    }
    (void)pthread_mutex_lock(&blocks.lock);
    if (blocks.count > PLACES / 2) {
        abort();
    }
    size_t i = home_of((uintptr_t)block);
    while (blocks.at[i] != 0) {
        i = (i + 1) % PLACES;
    }
    blocks.at[i] = (uintptr_t)block;
    blocks.count++;
    (void)pthread_mutex_unlock(&blocks.lock);
    return block;
}

/* Those behind the gap move up, so that a search never meets one too soon. */
static void close_gap(size_t gap)
{
    for (size_t i = (gap + 1) % PLACES; blocks.at[i] != 0; i = (i + 1) % PLACES) {
        const size_t home = home_of(blocks.at[i]);
        if ((i - home) % PLACES >= (i - gap) % PLACES) {
            blocks.at[gap] = blocks.at[i];
            gap = i;
        }
    }
    blocks.at[gap] = 0;
}

static void forget(uintptr_t address)
{
    if (address == 0) {
        return;
    }
    (void)pthread_mutex_lock(&blocks.lock);
    size_t i = home_of(address);
    while (blocks.at[i] != 0 && blocks.at[i] != address) {
        i = (i + 1) % PLACES;
    }
    if (blocks.at[i] != 0) {
        close_gap(i);
        blocks.count--;
    }
    (void)pthread_mutex_unlock(&blocks.lock);
}

size_t faults_live_blocks(void)
{
    (void)pthread_mutex_lock(&blocks.lock);
    const size_t count = blocks.count;
    (void)pthread_mutex_unlock(&blocks.lock);
    return count;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return faults_hit(FAULT_MEMORY) ? NULL : note(__real_malloc(size));
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return faults_hit(FAULT_MEMORY) ? NULL : note(__real_calloc(count, size));
}

static void *moved(uintptr_t was, void *block, size_t size)
{
    if (block != NULL || size == 0) {
        forget(was);
    }
    return note(block);
}

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    const uintptr_t was = (uintptr_t)block;

    return faults_hit(FAULT_MEMORY) ? NULL : moved(was, __real_realloc(block, size), size);
}

void *__real_reallocarray(void *block, size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    const uintptr_t was = (uintptr_t)block;

    return faults_hit(FAULT_MEMORY) ? NULL : moved(was, __real_reallocarray(block, count, size), 1);
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return faults_hit(FAULT_MEMORY) ? NULL : note(__real_strdup(text));
}

char *__real_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len)
{
    return faults_hit(FAULT_MEMORY) ? NULL : note(__real_strndup(text, len));
}

void __real_free(void *block);
void __wrap_free(void *block)
{
    forget((uintptr_t)block);
    __real_free(block);
}

void *__real_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    return faults_hit(FAULT_MEMORY) ? MAP_FAILED
                                    : note(__real_mmap(at, len, protection, flags, fd, offset));
}

int __real_munmap(void *at, size_t len);
int __wrap_munmap(void *at, size_t len)
{
    forget((uintptr_t)at);
    return __real_munmap(at, len);
}

int __real_mlock(const void *at, size_t len);
int __wrap_mlock(const void *at, size_t len)
{
    return faults_hit(FAULT_LOCKING) ? -1 : __real_mlock(at, len);
}

int __real_madvise(void *at, size_t len, int advice);
int __wrap_madvise(void *at, size_t len, int advice)
{
    return faults_hit(FAULT_LOCKING) ? -1 : __real_madvise(at, len, advice);
}

int __real_mprotect(void *at, size_t len, int protection);
int __wrap_mprotect(void *at, size_t len, int protection)
{
    return faults_hit(FAULT_LOCKING) ? -1 : __real_mprotect(at, len, protection);
}

void *faults_malloc(size_t size)
{
    return __wrap_malloc(size);
}

void *faults_realloc(void *block, size_t size)
{
    return __wrap_realloc(block, size);
}

void faults_free(void *block)
{
    __wrap_free(block);
}

/* OpenSSL keeps what it has learnt for ever, so its blocks are not counted as ours. */
static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return faults_hit(FAULT_OPENSSL) ? NULL : __real_malloc(size);
}

static void *openssl_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return faults_hit(FAULT_OPENSSL) ? NULL : __real_realloc(block, size);
}

static void openssl_free(void *block, const char *file, int line)
{
    (void)file;
    (void)line;
    __real_free(block);
}

void faults_hook_openssl(void)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) {
        abort();
    }
}
