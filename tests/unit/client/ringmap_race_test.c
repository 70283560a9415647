/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rotation every millisecond under 4 reading threads and 4 forked workers: every key read is
 * whole, no look-up gives up. Built with -fsanitize=thread it also says whether the mapping's
 * accesses are free of data races.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"
#include "ring_bench.h"

#define READERS   4
#define WORKERS   4
#define KEYS      32
#define ROTATIONS 1000

/* Shared with the workers. */
struct race_flags {
    _Atomic bool stop;
    _Atomic uint64_t reads;
    _Atomic uint64_t torn;
    _Atomic uint64_t busy;
    _Atomic uint64_t missing;
};

struct race {
    struct ringmap *map;
    struct race_flags *flags;
    struct policy policy;
    size_t context;
    struct key keys[KEYS];
    struct subkeys subkeys[KEYS];
};

static void check_key(struct race *race, const struct ringmap_key *key)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (memcmp(key->name, race->keys[i].name, KEY_NAME_LEN) == 0) {
            const bool whole =
                memcmp(&key->subkeys, &race->subkeys[i], sizeof(key->subkeys)) == 0 &&
                key->active_from == race->keys[i].active_from &&
                key->retired_from == race->keys[i].retired_from &&
                key->dropped_from == race->keys[i].dropped_from;
            atomic_fetch_add(&race->flags->torn, whole ? 0 : 1);
            return;
        }
    }
    atomic_fetch_add(&race->flags->torn, 1);
}

/* One ticket out, one ticket in. */
static void read_once(struct race *race, unsigned int stripe)
{
    struct ringmap_key key;
    struct ringmap_reading reading;
    enum ringmap_answer answer =
        ringmap_encrypting(race->map, race->context, BENCH_BOOT, &key, &reading);
    ringmap_note_tries(race->map, 0, stripe, reading.tries);
    if (answer == RINGMAP_FOUND) {
        ringmap_count(race->map, 0, stripe, COUNT_ISSUED);
        check_key(race, &key);
        answer = ringmap_decrypting(race->map, race->context, key.name, BENCH_BOOT, &key, &reading);
        if (answer == RINGMAP_FOUND) {
            check_key(race, &key);
        }
    } else {
        atomic_fetch_add(&race->flags->missing, answer == RINGMAP_NONE);
    }
    atomic_fetch_add(&race->flags->busy, answer == RINGMAP_BUSY);
    atomic_fetch_add(&race->flags->reads, 1);
    secret_wipe(&key, sizeof(key));
}

static void *read_on(void *arg)
{
    struct race *race = arg;
    while (!atomic_load(&race->flags->stop)) {
        struct ringmap_info info;
        read_once(race, 1);
        (void)ringmap_info(race->map, 0, BENCH_BOOT, &info);
    }
    return NULL;
}

/* Keys i .. i + 3 of the cycle, all active: the one with the greatest start encrypts. */
static void rotate(struct race *race, size_t i)
{
    struct keyring ring = fixture_ring();
    for (size_t j = 0; j < 4; j++) {
        fixture_add(&ring, &race->keys[(i + j) % KEYS]);
    }
    bench_publish(race->map, &ring, &race->policy);
    ringmap_set_time(race->map, BENCH_BOOT, T0 + (int64_t)(i % 3));
    ringmap_set_error(race->map, 0, i % 2 == 0 ? "even" : "an odd one");
    keyring_fini(&ring);
}

static void make_race(struct race *race)
{
    race->flags =
        mmap(NULL, sizeof(*race->flags), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(race->flags, MAP_FAILED);
    race->map = bench_map();
    race->policy = policy_default(12 * HOUR);
    race->context = bench_register(race->map, "");
    for (uint64_t i = 0; i < KEYS; i++) {
        const int64_t start = T0 - HOUR - (int64_t)i;
        race->keys[i] = fixture_key(i + 1, &race->policy, start - HOUR, start);
        assert_int_equal(derive_subkeys(race->keys[i].bytes, "web", "", &race->subkeys[i]), ERR_OK);
    }
    rotate(race, 0);
}

static void every_key_read_is_whole_while_keys_rotate_every_millisecond(void **unused)
{
    struct race race = {0};
    pthread_t readers[READERS];
    pid_t workers[WORKERS];
    (void)unused;
    make_race(&race);
    for (unsigned int i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        assert_true(workers[i] >= 0);
        if (workers[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            while (!atomic_load(&race.flags->stop)) {
                read_once(&race, 2 + i);
            }
            _exit(0);
        }
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &race), 0);
    }
    for (size_t i = 0; i < ROTATIONS; i++) {
        rotate(&race, i);
        (void)poll(NULL, 0, 1); /* the pace, not a wait for something */
    }
    atomic_store(&race.flags->stop, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        int status = 1;
        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        assert_int_equal(status, 0);
    }
    print_message("%llu reads, at most %llu tries\n", (unsigned long long)race.flags->reads,
                  (unsigned long long)ringmap_max_tries(race.map, 0));
    assert_true(race.flags->reads > ROTATIONS);
    assert_int_equal(race.flags->torn, 0);
    assert_int_equal(race.flags->busy, 0);
    assert_int_equal(race.flags->missing, 0);
    assert_in_range(ringmap_max_tries(race.map, 0), 1, RINGMAP_TRIES_MAX);
    assert_true(ringmap_total(race.map, 0, COUNT_ISSUED) > 0);
    ringmap_free(race.map);
    (void)munmap(race.flags, sizeof(*race.flags));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_read_is_whole_while_keys_rotate_every_millisecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
