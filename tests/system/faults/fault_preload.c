/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For LD_PRELOAD: allocations of a whole process, libraries included, that fail.
 *
 *   STEK_FAULT_AT=N      the N-th, counted from main()'s neighbourhood on
 *   STEK_FAULT_EVERY=N   one in N, from the STEK_FAULT_AFTER-th on: always the same ones, but in no
 *                        rhythm, or what is tried again might fail for ever at the same place
 *   STEK_FAULT_COUNT=FD  at exit: how many there were and how many failed, as a line to that
 *                        descriptor
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static _Atomic unsigned long seen;
static _Atomic unsigned long failed;
static unsigned long fail_at;
static unsigned long fail_every;
static unsigned long fail_after;
static int count_to = -1;
static _Atomic int is_on; /* not before the loader is done */

static unsigned long number(const char *name)
{
    const char *text = getenv(name);

    return text == NULL ? 0 : strtoul(text, NULL, 10);
}

static void report(void)
{
    if (count_to >= 0) {
        (void)dprintf(count_to, "%lu %lu\n", seen, failed);
    }
}

__attribute__((constructor)) static void start(void)
{
    fail_at = number("STEK_FAULT_AT");
    fail_every = number("STEK_FAULT_EVERY");
    fail_after = number("STEK_FAULT_AFTER");
    count_to = getenv("STEK_FAULT_COUNT") != NULL ? (int)number("STEK_FAULT_COUNT") : -1;
    (void)atexit(report);
    is_on = 1;
}

/* The finaliser of splitmix64: neighbours become strangers. */
static unsigned long mix(unsigned long at)
{
    at = (at ^ (at >> 30)) * 0xbf58476d1ce4e5b9UL;
    at = (at ^ (at >> 27)) * 0x94d049bb133111ebUL;
    return at ^ (at >> 31);
}

static int fails(void)
{
    if (!is_on) {
        return 0;
    }
    const unsigned long at = ++seen;
    if (at == fail_at || (fail_every > 0 && at > fail_after && mix(at) % fail_every == 0)) {
        failed++;
        errno = ENOMEM;
        return 1;
    }
    return 0;
}

PUBLIC void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

PUBLIC void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

PUBLIC void *realloc(void *block, size_t size)
{
    return fails() ? NULL : __libc_realloc(block, size);
}
