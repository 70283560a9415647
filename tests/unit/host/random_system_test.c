/* SPDX-License-Identifier: Apache-2.0 */
#include "host/random_system.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

/* What the two wrapped sources do next. */
static struct {
    int kernel_errno;    /* 0: works */
    int interruptions;   /* so many EINTR first */
    bool kernel_is_slow; /* one byte a call */
    bool kernel_is_constant;
    bool openssl_fails;
    bool openssl_is_constant;
} act;

ssize_t __real_getrandom(void *out, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags);
int __real_RAND_priv_bytes(unsigned char *out, int len);
int __wrap_RAND_priv_bytes(unsigned char *out, int len);

ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags)
{
    if (act.interruptions > 0) {
        act.interruptions--;
        errno = EINTR;
        return -1;
    }
    if (act.kernel_errno != 0) {
        errno = act.kernel_errno;
        return -1;
    }
    if (act.kernel_is_constant) {
        memset(out, 0x55, len);
        return (ssize_t)len;
    }
    return __real_getrandom(out, act.kernel_is_slow ? 1 : len, flags);
}

int __wrap_RAND_priv_bytes(unsigned char *out, int len)
{
    if (act.openssl_fails) {
        return 0;
    }
    if (act.openssl_is_constant) {
        memset(out, 0xaa, (size_t)len);
        return 1;
    }
    return __real_RAND_priv_bytes(out, len);
}

static int reset(void **unused)
{
    (void)unused;
    memset(&act, 0, sizeof(act));
    return 0;
}

static bool all_equal(const uint8_t *bytes, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static void fills_every_length_and_not_one_byte_more(void **unused)
{
    static const size_t lengths[] = {0, 1, 31, 32, 33, 8159, 8160, 8161, 20000};
    static uint8_t out[20001];
    struct random_source random = random_system_make();

    (void)unused;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t len = lengths[i];
        memset(out, 0x5a, sizeof(out));
        assert_int_equal(random_fill(&random, out, len), ERR_OK);
        assert_int_equal(out[len], 0x5a);
        if (len >= 31) {
            /* The end was reached: 16 untouched bytes come by chance once in 2^128. */
            assert_false(all_equal(out + len - 16, 16, 0x5a));
            assert_false(all_equal(out, 16, 0x5a));
        }
    }
}

static void two_draws_differ(void **unused)
{
    uint8_t a[32];
    uint8_t b[32];
    struct random_source random = random_system_make();

    (void)unused;
    assert_int_equal(random_fill(&random, a, sizeof(a)), ERR_OK);
    assert_int_equal(random_fill(&random, b, sizeof(b)), ERR_OK);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void one_broken_source_alone_does_not_make_draws_repeat(void **unused)
{
    uint8_t a[32];
    uint8_t b[32];
    struct random_source random = random_system_make();

    (void)unused;
    for (int i = 0; i < 2; i++) {
        act.kernel_is_constant = i == 0;
        act.openssl_is_constant = i == 1;
        assert_int_equal(random_fill(&random, a, sizeof(a)), ERR_OK);
        assert_int_equal(random_fill(&random, b, sizeof(b)), ERR_OK);
        assert_memory_not_equal(a, b, sizeof(a));
    }
    /* That this test can fail: with both constant the draws are equal. */
    act.kernel_is_constant = true;
    assert_int_equal(random_fill(&random, a, sizeof(a)), ERR_OK);
    assert_int_equal(random_fill(&random, b, sizeof(b)), ERR_OK);
    assert_memory_equal(a, b, sizeof(a));
}

static void interrupted_and_short_reads_are_continued(void **unused)
{
    uint8_t out[64] = {0};
    struct random_source random = random_system_make();

    (void)unused;
    act.interruptions = 5;
    act.kernel_is_slow = true;
    assert_int_equal(random_fill(&random, out, sizeof(out)), ERR_OK);
    assert_int_equal(act.interruptions, 0);
    assert_false(all_equal(out, sizeof(out), 0));
}

static void nothing_is_given_out_when_a_source_fails(void **unused)
{
    uint8_t out[64];
    struct random_source random = random_system_make();

    (void)unused;
    memset(out, 0x5a, sizeof(out));
    act.kernel_errno = ENOSYS;
    assert_int_equal(random_fill(&random, out, sizeof(out)), ERR_IO);
    assert_true(all_equal(out, sizeof(out), 0));

    (void)reset(NULL);
    memset(out, 0x5a, sizeof(out));
    act.openssl_fails = true;
    assert_int_equal(random_fill(&random, out, sizeof(out)), ERR_CRYPTO);
    assert_true(all_equal(out, sizeof(out), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fills_every_length_and_not_one_byte_more, reset),
        cmocka_unit_test_setup(two_draws_differ, reset),
        cmocka_unit_test_setup(one_broken_source_alone_does_not_make_draws_repeat, reset),
        cmocka_unit_test_setup(interrupted_and_short_reads_are_continued, reset),
        cmocka_unit_test_setup(nothing_is_given_out_when_a_source_fails, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
