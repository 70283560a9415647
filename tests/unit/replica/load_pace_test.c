/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/load_pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void loads_are_a_quarter_of_the_sync_interval_apart(void **unused)
{
    (void)unused;
    assert_int_equal(load_pace_every(15000), 3750);
    assert_int_equal(load_pace_every(4), 1);
    assert_int_equal(load_pace_every(3), 1);
}

static void retries_double_up_to_the_usual_pace(void **unused)
{
    static const struct {
        unsigned int failures;
        int64_t most;
    } rows[] = {{1, 100}, {2, 200}, {3, 400}, {6, 3200}, {7, 3750}, {8, 3750}, {4000000000u, 3750}};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(load_pace_retry(15000, rows[i].failures, 0), rows[i].most);
        for (uint32_t draw = 1; draw < UINT32_MAX / 7; draw *= 7) {
            int64_t delay = load_pace_retry(15000, rows[i].failures, draw);
            assert_in_range(delay, rows[i].most / 2, rows[i].most);
        }
    }
}

static void a_short_sync_interval_shortens_the_first_retry_too(void **unused)
{
    (void)unused;
    assert_int_equal(load_pace_retry(100, 1, 0), 25);
    assert_int_equal(load_pace_retry(1, 1, UINT32_MAX), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_are_a_quarter_of_the_sync_interval_apart),
        cmocka_unit_test(retries_double_up_to_the_usual_pace),
        cmocka_unit_test(a_short_sync_interval_shortens_the_first_retry_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
