/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void one_line_a_second_is_written_and_the_others_are_counted(void **unused)
{
    static const struct {
        int64_t at;
        bool is_written;
        int64_t left_out;
    } rows[] = {
        {5000, true, 0},  {5000, false, 0}, {5999, false, 0}, {6000, true, 2},
        {6999, false, 0}, {9000, true, 1},  {10000, true, 0},
    };
    struct log_limit limit = {0};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t left_out = -1;
        assert_int_equal(log_limit_allows(&limit, rows[i].at, &left_out), rows[i].is_written);
        assert_int_equal(left_out, rows[i].is_written ? rows[i].left_out : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_a_second_is_written_and_the_others_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
