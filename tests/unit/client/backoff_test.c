/* SPDX-License-Identifier: Apache-2.0 */
#include "src/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The least and the most any jitter gives. */
static void check_range(unsigned int attempt, int64_t cap, int64_t least, int64_t most)
{
    int64_t seen_least = INT64_MAX;
    int64_t seen_most = 0;
    for (uint64_t random = 0; random < 20000; random++) {
        const int64_t delay = backoff_delay_ms(attempt, cap, random);
        seen_least = delay < seen_least ? delay : seen_least;
        seen_most = delay > seen_most ? delay : seen_most;
    }
    assert_int_equal(seen_least, least);
    assert_int_equal(seen_most, most);
}

static void the_first_retry_comes_within_100_ms_and_later_ones_double_to_the_cap(void **unused)
{
    (void)unused;
    check_range(0, 3750, 50, 100);
    check_range(1, 3750, 100, 200);
    check_range(2, 3750, 200, 400);
    check_range(5, 3750, 1600, 3200);
    check_range(6, 3750, 1875, 3750);
    check_range(7, 3750, 1875, 3750);
    check_range(4000000000u, 3750, 1875, 3750);
}

static void a_cap_below_the_first_delay_does_not_make_a_storm(void **unused)
{
    (void)unused;
    check_range(0, 0, 50, 100);
    check_range(9, -5, 50, 100);
    check_range(9, 99, 50, 100);
    check_range(9, 101, 50, 101);
}

static void any_random_number_and_any_cap_will_do(void **unused)
{
    (void)unused;
    assert_in_range(backoff_delay_ms(3, 3750, UINT64_MAX), 400, 800);
    assert_true(backoff_delay_ms(UINT32_MAX, INT64_MAX, UINT64_MAX) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_retry_comes_within_100_ms_and_later_ones_double_to_the_cap),
        cmocka_unit_test(a_cap_below_the_first_delay_does_not_make_a_storm),
        cmocka_unit_test(any_random_number_and_any_cap_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
