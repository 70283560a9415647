/* SPDX-License-Identifier: Apache-2.0 */
#include "host/clock_system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static int64_t now_ms(clockid_t id)
{
    struct timespec now;

    assert_int_equal(clock_gettime(id, &now), 0);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
}

static void wall_time_is_unix_time_in_milliseconds(void **unused)
{
    (void)unused;
    struct clock clock = clock_system_make();
    int64_t before = now_ms(CLOCK_REALTIME);
    int64_t seen = clock_wall_ms(&clock);

    assert_in_range(seen, before, now_ms(CLOCK_REALTIME));
}

static void boot_time_counts_from_boot_and_never_goes_back(void **unused)
{
    (void)unused;
    struct clock clock = clock_system_make();
    int64_t before = now_ms(CLOCK_BOOTTIME);
    int64_t last = clock_boot_ms(&clock);

    assert_true(last >= before);
    for (int i = 0; i < 10000; i++) {
        int64_t next = clock_boot_ms(&clock);
        assert_true(next >= last);
        last = next;
    }
    assert_true(last <= now_ms(CLOCK_BOOTTIME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_is_unix_time_in_milliseconds),
        cmocka_unit_test(boot_time_counts_from_boot_and_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
