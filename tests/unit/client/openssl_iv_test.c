/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors are unique in and across threads and processes, and failures are told, not hidden. */
#include "src/openssl_iv.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/openssl_faults.h"

#define MANY 60000

typedef uint8_t iv[OPENSSL_IV_LEN];

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, OPENSSL_IV_LEN);
}

static void assert_distinct(iv *all, size_t count)
{
    static const iv zero;

    qsort(all, count, sizeof(*all), compare);
    for (size_t i = 0; i < count; i++) {
        assert_memory_not_equal(all[i], zero, sizeof(zero));
        if (i > 0) {
            assert_memory_not_equal(all[i], all[i - 1], sizeof(zero));
        }
    }
}

static bool take_many(iv *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!openssl_iv_take(out[i])) {
            return false;
        }
    }
    return true;
}

static void no_vector_is_given_out_twice_in_one_thread(void **state)
{
    iv *all = calloc(MANY, sizeof(*all));

    (void)state;
    assert_non_null(all);
    assert_true(take_many(all, MANY));
    assert_distinct(all, MANY);
    free(all);
}

static void *run_thread(void *arg)
{
    return take_many(arg, MANY) ? arg : NULL;
}

static void no_vector_is_given_out_twice_across_threads(void **state)
{
    iv *all = calloc(4 * MANY, sizeof(*all));
    pthread_t threads[4];

    (void)state;
    assert_non_null(all);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, all + i * MANY), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *done = NULL;
        assert_int_equal(pthread_join(threads[i], &done), 0);
        assert_non_null(done);
    }
    assert_distinct(all, 4 * MANY);
    free(all);
}

/* The pool is half used when the fork happens: copied, it would repeat in parent and child. */
static void no_vector_is_given_out_twice_across_a_fork(void **state)
{
    size_t bytes = 3 * MANY * sizeof(iv);
    iv *all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(all != MAP_FAILED);
    for (size_t i = 0; i < 2; i++) {
        iv first;
        assert_true(openssl_iv_take(first));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(take_many(all + i * MANY, MANY) ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_true(take_many(all + 2 * MANY, MANY));
    assert_distinct(all, 3 * MANY);
    (void)munmap(all, bytes);
}

static void *fail_to_take(void *arg)
{
    iv out = {1, 2, 3};
    static const iv zero;

    openssl_faults_set(OPENSSL_FAULT_RAND);
    bool took = openssl_iv_take(out);
    openssl_faults_set(OPENSSL_FAULT_NONE);
    bool is_clean = memcmp(out, zero, sizeof(zero)) == 0;
    bool recovers = openssl_iv_take(out);
    return !took && is_clean && recovers ? arg : NULL;
}

/* In a thread of its own, whose pool is empty. */
static void a_failing_generator_is_told_and_leaves_zeros(void **state)
{
    pthread_t thread;
    void *done = NULL;
    int any = 0;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, fail_to_take, &any), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_ptr_equal(done, &any);
}

static void *take_without_pool(void *arg)
{
    openssl_faults_set(OPENSSL_FAULT_SECRET);
    bool ok = take_many(arg, 1000);
    openssl_faults_set(OPENSSL_FAULT_NONE);
    return ok ? arg : NULL;
}

static void without_memory_for_a_pool_each_vector_is_drawn_alone(void **state)
{
    iv *all = calloc(1000, sizeof(*all));
    pthread_t thread;
    void *done = NULL;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, take_without_pool, all), 0);
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_ptr_equal(done, all);
    assert_distinct(all, 1000);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_vector_is_given_out_twice_in_one_thread),
        cmocka_unit_test(no_vector_is_given_out_twice_across_threads),
        cmocka_unit_test(no_vector_is_given_out_twice_across_a_fork),
        cmocka_unit_test(a_failing_generator_is_told_and_leaves_zeros),
        cmocka_unit_test(without_memory_for_a_pool_each_vector_is_drawn_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
