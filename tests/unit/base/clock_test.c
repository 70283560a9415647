/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int64_t give(void *ctx)
{
    return *(int64_t *)ctx;
}

static int64_t give_more(void *ctx)
{
    return *(int64_t *)ctx + 1;
}

static void each_clock_asks_its_own_source(void **unused)
{
    int64_t at = 41;
    const struct clock clock = {.wall_ms = give, .boot_ms = give_more, .ctx = &at};
    (void)unused;
    assert_true(clock_wall_ms(&clock) == 41);
    assert_true(clock_boot_ms(&clock) == 42);
}

static void sums_and_distances_stop_at_the_ends_of_time(void **unused)
{
    (void)unused;
    assert_true(clock_add_ms(5, -7) == -2);
    assert_true(clock_add_ms(INT64_MAX - 1, 1) == INT64_MAX);
    assert_true(clock_add_ms(INT64_MAX, 1) == INT64_MAX);
    assert_true(clock_add_ms(INT64_MIN, -1) == INT64_MIN);
    assert_true(clock_between_ms(3, 10) == 7);
    assert_true(clock_between_ms(10, 3) == -7);
    assert_true(clock_between_ms(INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_true(clock_between_ms(-1, INT64_MAX) == INT64_MAX);
    assert_true(clock_between_ms(INT64_MAX, INT64_MIN) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_clock_asks_its_own_source),
        cmocka_unit_test(sums_and_distances_stop_at_the_ends_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
