/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For libFuzzer builds: core/base/secret.c is compiled once more with these in place of mmap() and
 * friends (CMakeLists.txt says how). Mapping and locking pages takes longer than everything a
 * fuzzer looks at; and AddressSanitizer watches this memory, the guard page included.
 */
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE ((size_t)4096)

void *fuzz_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset);
int fuzz_munmap(void *at, size_t len);
int fuzz_mprotect(void *at, size_t len, int protection);
int fuzz_mlock(const void *at, size_t len);
int fuzz_madvise(void *at, size_t len, int advice);

void *fuzz_mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    (void)at;
    (void)protection;
    (void)flags;
    (void)fd;
    (void)offset;
    void *pages = aligned_alloc(PAGE, len);
    return pages == NULL ? MAP_FAILED : memset(pages, 0, len);
}

int fuzz_munmap(void *at, size_t len)
{
    ASAN_UNPOISON_MEMORY_REGION(at, len);
    free(at);
    return 0;
}

/* Only ever asked for no access. */
int fuzz_mprotect(void *at, size_t len, int protection)
{
    (void)protection;
    ASAN_POISON_MEMORY_REGION(at, len);
    return 0;
}

int fuzz_mlock(const void *at, size_t len)
{
    (void)at;
    (void)len;
    return 0;
}

int fuzz_madvise(void *at, size_t len, int advice)
{
    (void)at;
    (void)len;
    (void)advice;
    return 0;
}
