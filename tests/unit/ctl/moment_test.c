/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/moment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_span_shows_its_two_largest_units_rounded_down(void **unused)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {0, "0ms"},
        {1, "1ms"},
        {999, "999ms"},
        {1000, "1s"},
        {1001, "1s"},
        {59999, "59s"},
        {60000, "1m"},
        {60999, "1m"},
        {61000, "1m1s"},
        {3599999, "59m59s"},
        {3600000, "1h"},
        {3659999, "1h"},
        {3660000, "1h1m"},
        {86399999, "23h59m"},
        {86400000, "1d"},
        {86400000 + 3600000, "1d1h"},
        {-90000, "1m30s"},
        {INT64_MAX, "106751991167d7h"},
        {INT64_MIN, "106751991167d7h"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(moment_span(rows[i].ms).text, rows[i].want);
    }
}

static void a_relative_time_says_on_which_side_of_now_it_lies(void **unused)
{
    static const struct {
        int64_t at;
        int64_t now;
        const char *want;
    } rows[] = {
        {1000000, 1000001, "1ms ago"},         {1000000, 1000000, "now"},
        {1000000, 999999, "in 1ms"},           {1000000 + 11520000, 1000000, "in 3h12m"},
        {1000000, 1000000 + 120000, "2m ago"}, {0, 1000000, "-"},
        {INT64_MAX, -1, "in 106751991167d7h"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(moment_relative(rows[i].at, rows[i].now).text, rows[i].want);
    }
}

static void a_time_in_iso_form_is_utc_with_milliseconds(void **unused)
{
    static const struct {
        int64_t at;
        const char *want;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {1000, "1970-01-01T00:00:01.000Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1795472104123, "2026-11-23T22:15:04.123Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, ""},
        {INT64_MAX, ""},
        {INT64_MIN, ""},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(moment_iso(rows[i].at).text, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_shows_its_two_largest_units_rounded_down),
        cmocka_unit_test(a_relative_time_says_on_which_side_of_now_it_lies),
        cmocka_unit_test(a_time_in_iso_form_is_utc_with_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
