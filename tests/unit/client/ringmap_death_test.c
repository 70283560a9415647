/* SPDX-License-Identifier: Apache-2.0 */
/* Processes killed while they write to the mapping or drive: nobody else may notice. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "ring_bench.h"
#include "src/ringmap_layout.h"

#define KILLS 200

/* Two rings that share no key; a reader must get a whole key of one of them. */
struct pair {
    struct ringmap *map;
    struct policy policy;
    struct keyring rings[2];
    struct key active[2];
    struct subkeys subkeys[2];
    size_t context;
};

/* Rings lie in secret memory, which a forked child finds wiped: each process makes its own. */
static void make_rings(struct pair *pair)
{
    for (uint64_t i = 0; i < 2; i++) {
        pair->rings[i] = fixture_ring();
        for (uint64_t j = 0; j < 8; j++) {
            const int64_t start = T0 - HOUR + (int64_t)j * 12 * HOUR;
            const struct key key = fixture_key(10 * i + j, &pair->policy, start - HOUR, start);
            fixture_add(&pair->rings[i], &key);
            pair->active[i] = j == 0 ? key : pair->active[i];
        }
    }
}

static struct pair make_pair(void)
{
    struct pair pair = {.map = bench_map(), .policy = policy_default(12 * HOUR)};
    pair.context = bench_register(pair.map, "");
    make_rings(&pair);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(derive_subkeys(pair.active[i].bytes, "web", "", &pair.subkeys[i]), ERR_OK);
    }
    bench_publish(pair.map, &pair.rings[0], &pair.policy);
    return pair;
}

static void free_pair(struct pair *pair)
{
    keyring_fini(&pair->rings[0]);
    keyring_fini(&pair->rings[1]);
    ringmap_free(pair->map);
}

/* What a TLS server would do, many times. */
static void read_whole_keys(const struct pair *pair, int times)
{
    for (int i = 0; i < times; i++) {
        struct ringmap_key key;
        struct ringmap_reading reading;
        assert_int_equal(ringmap_encrypting(pair->map, pair->context, BENCH_BOOT, &key, &reading),
                         RINGMAP_FOUND);
        assert_in_range(reading.tries, 1, RINGMAP_TRIES_MAX);
        const size_t which = memcmp(key.name, pair->active[0].name, KEY_NAME_LEN) == 0 ? 0 : 1;
        assert_memory_equal(key.name, pair->active[which].name, KEY_NAME_LEN);
        assert_memory_equal(&key.subkeys, &pair->subkeys[which], sizeof(key.subkeys));
    }
}

/* Publishes for ever, as fast as it can. The child's end is SIGKILL. */
static pid_t start_writer(struct pair *pair, int round)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool scheduled[RINGMAP_ENTRIES_MAX];
        memset(scheduled, 1, sizeof(scheduled));
        make_rings(pair);
        for (int i = round;; i++) {
            if (bench_publish_as(pair->map, &pair->rings[i & 1], scheduled, &pair->policy, T0) !=
                ERR_OK) {
                _exit(1);
            }
        }
    }
    return pid;
}

/* A half-filled or not yet scrubbed slot: the writer died inside ringmap_publish(). */
static bool is_dirty(const struct pair *pair)
{
    const struct layout_realm *realm = &pair->map->realms[0];
    const size_t unpublished = (realm->generation + 1) & 1;
    return !bench_is_zero(&realm->slots[unpublished], sizeof(realm->slots[0])) ||
           !bench_is_zero(&pair->map->contexts[0].subkeys[unpublished],
                          sizeof(pair->map->contexts[0].subkeys[0]));
}

static void a_writer_killed_anywhere_harms_no_reader_and_no_next_writer(void **unused)
{
    struct pair pair = make_pair();
    struct rng rng = {7};
    int dirty = 0;
    (void)unused;
    for (int round = 0; round < KILLS; round++) {
        const uint64_t before = pair.map->realms[0].generation;
        const pid_t pid = start_writer(&pair, round);
        /* It has taken over from the one killed before. */
        while (pair.map->realms[0].generation < before + 2) {
            read_whole_keys(&pair, 1);
        }
        read_whole_keys(&pair, (int)rng_below(&rng, 500));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        read_whole_keys(&pair, 100);
        dirty += is_dirty(&pair);
    }
    /* Otherwise this test has not tested what it says. */
    assert_in_range(dirty, KILLS / 10, KILLS);
    bench_publish(pair.map, &pair.rings[0], &pair.policy);
    assert_false(is_dirty(&pair));
    read_whole_keys(&pair, 1);
    free_pair(&pair);
}

static void registering_after_a_writers_death_cleans_up_what_it_left(void **unused)
{
    struct pair pair = make_pair();
    (void)unused;
    for (int round = 0; round < KILLS && !is_dirty(&pair); round++) {
        const uint64_t before = pair.map->realms[0].generation;
        const pid_t pid = start_writer(&pair, round);
        while (pair.map->realms[0].generation < before + 2) {
            read_whole_keys(&pair, 1);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    assert_true(is_dirty(&pair));
    (void)bench_register(pair.map, "another");
    assert_false(is_dirty(&pair));
    read_whole_keys(&pair, 1);
    free_pair(&pair);
}

/* Campaigns, tells through the pipe that it drives, then waits to be killed. */
static pid_t start_driver(struct ringmap *map, int tell)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!ringmap_campaign(map, 60000) || write(tell, "d", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    return pid;
}

static void await_word(int fd)
{
    char word = 0;
    assert_int_equal(read(fd, &word, 1), 1);
    assert_int_equal(word, 'd');
}

static void when_the_driver_is_killed_one_that_waits_drives(void **unused)
{
    struct ringmap *map = bench_map();
    int tell[2];
    pid_t drivers[2];
    (void)unused;
    assert_int_equal(pipe(tell), 0);
    assert_int_equal(ringmap_driver_pid(map), 0);
    drivers[0] = start_driver(map, tell[1]);
    await_word(tell[0]);
    assert_int_equal(ringmap_driver_pid(map), drivers[0]);
    assert_false(ringmap_campaign(map, 0));
    assert_false(ringmap_campaign(map, 20));

    drivers[1] = start_driver(map, tell[1]);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(kill(drivers[i], SIGKILL), 0);
        assert_int_equal(waitpid(drivers[i], NULL, 0), drivers[i]);
        if (i == 0) {
            await_word(tell[0]);
            assert_int_equal(ringmap_driver_pid(map), drivers[1]);
        }
    }
    assert_int_equal(ringmap_driver_pid(map), 0); /* dead, and nobody waits */
    assert_true(ringmap_campaign(map, 0));
    assert_int_equal(ringmap_driver_pid(map), getpid());
    ringmap_resign(map);
    assert_int_equal(ringmap_driver_pid(map), 0);
    assert_true(ringmap_campaign(map, 0));
    ringmap_resign(map);
    (void)close(tell[0]);
    (void)close(tell[1]);
    ringmap_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_writer_killed_anywhere_harms_no_reader_and_no_next_writer),
        cmocka_unit_test(registering_after_a_writers_death_cleans_up_what_it_left),
        cmocka_unit_test(when_the_driver_is_killed_one_that_waits_drives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
