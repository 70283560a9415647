/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds a canary in every kind of place a process has, so that the scanner can be seen to find it
 * there. The canary comes in hex on standard input; each place has its own, so that each find is of
 * one place: in place i the first byte is increased by i. Prints "ready", and waits to be killed.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN  32
#define PAGE ((size_t)4096)

enum { HEAP, STACK, DATA, THREAD, PRIVATE, SHARED, MEMFD, LOCKED, NO_ACCESS, PLACES };

static uint8_t in_data[LEN] = {1}; /* not .bss: of the program's own file */

struct thread {
    const uint8_t *canary;
    pthread_barrier_t *barrier;
};

static void put(volatile uint8_t *to, const uint8_t *canary, int place)
{
    for (size_t i = 0; i < LEN; i++) {
        to[i] = (uint8_t)(canary[i] + (place + 1) * (i % 8 == 0));
    }
}

static void wait_for_ever(void)
{
    for (;;) {
        (void)pause();
    }
}

static void *hold(void *arg)
{
    const struct thread *thread = arg;
    volatile uint8_t mine[LEN];

    put(mine, thread->canary, THREAD);
    (void)pthread_barrier_wait(thread->barrier);
    wait_for_ever();
    return (void *)(uintptr_t)mine[0];
}

static uint8_t *map(int flags, int fd)
{
    uint8_t *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);

    if (at == MAP_FAILED) {
        perror("plant");
        exit(1);
    }
    return at;
}

static void plant_mappings(const uint8_t *canary)
{
    const int fd = memfd_create("plant", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)PAGE) != 0) {
        exit(1);
    }
    put(map(MAP_PRIVATE | MAP_ANONYMOUS, -1), canary, PRIVATE);
    put(map(MAP_SHARED | MAP_ANONYMOUS, -1), canary, SHARED);
    put(map(MAP_SHARED, fd), canary, MEMFD);
    uint8_t *locked = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    put(locked, canary, LOCKED);
    uint8_t *closed = map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    put(closed, canary, NO_ACCESS);
    if (mlock(locked, PAGE) != 0 || madvise(locked, PAGE, MADV_DONTDUMP) != 0 ||
        mprotect(closed, PAGE, PROT_NONE) != 0) {
        exit(1);
    }
}

int main(void)
{
    uint8_t canary[LEN];
    volatile uint8_t on_stack[LEN];
    pthread_barrier_t barrier;
    pthread_t id;
    char line[2 * LEN + 2];

    if (fgets(line, sizeof(line), stdin) == NULL || strlen(line) < (size_t)2 * LEN) {
        return 1;
    }
    for (size_t i = 0; i < LEN; i++) {
        const char pair[3] = {line[2 * i], line[2 * i + 1], '\0'};
        canary[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    volatile uint8_t *on_heap = malloc(LEN); /* for as long as the process lives */
    if (on_heap == NULL) {
        return 1;
    }
    put(on_heap, canary, HEAP);
    put(on_stack, canary, STACK);
    put(in_data, canary, DATA);
    plant_mappings(canary);
    struct thread thread = {canary, &barrier};
    if (pthread_barrier_init(&barrier, NULL, 2) != 0 ||
        pthread_create(&id, NULL, hold, &thread) != 0) {
        return 1;
    }
    (void)pthread_barrier_wait(&barrier);
    (void)printf("ready %d\n", PLACES);
    (void)fflush(stdout);
    wait_for_ever();
    free((void *)(uintptr_t)on_heap);
    return on_stack[0];
}
