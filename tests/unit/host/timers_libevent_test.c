/* SPDX-License-Identifier: Apache-2.0 */
#include "host/timers_libevent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>
#include <event2/event.h>

/* Long enough that it never passes in a test, short enough not to be clamped. */
#define FAR_MS 3600000

struct probe {
    struct timers timers;
    struct timer *timer;
    int fired;
    int rearm;      /* arm again so many times */
    bool free_self; /* inside the callback */
    int64_t fired_at_ms;
};

static int64_t mono_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
}

static void on_fire(void *arg)
{
    struct probe *probe = arg;

    probe->fired++;
    probe->fired_at_ms = mono_ms();
    if (probe->free_self) {
        timer_free(&probe->timers, probe->timer);
        probe->timer = NULL;
    } else if (probe->rearm > 0) {
        probe->rearm--;
        timer_arm(&probe->timers, probe->timer, 0);
    }
}

static int set_up(void **state)
{
    *state = event_base_new();
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    event_base_free(*state);
    return 0;
}

static struct probe probe_new(struct event_base *base)
{
    return (struct probe){.timers = timers_libevent_make(base)};
}

static void start(struct probe *probe)
{
    probe->timer = timer_new(&probe->timers, on_fire, probe);
    assert_non_null(probe->timer);
}

/* Runs until nothing is pending: returns at once when no timer is armed. */
static void run(struct event_base *base)
{
    assert_true(event_base_dispatch(base) >= 0);
}

static void fires_once_for_each_arm_and_from_the_loop_only(void **state)
{
    struct probe probe = probe_new(*state);

    start(&probe);
    timer_arm(&probe.timers, probe.timer, 0);
    assert_int_equal(probe.fired, 0);
    run(*state);
    assert_int_equal(probe.fired, 1);
    run(*state);
    assert_int_equal(probe.fired, 1);
    timer_arm(&probe.timers, probe.timer, -5);
    run(*state);
    assert_int_equal(probe.fired, 2);
    timer_free(&probe.timers, probe.timer);
}

static void a_second_arm_replaces_the_first(void **state)
{
    struct probe probe = probe_new(*state);

    start(&probe);
    timer_arm(&probe.timers, probe.timer, FAR_MS);
    timer_arm(&probe.timers, probe.timer, 1);
    run(*state);
    assert_int_equal(probe.fired, 1);

    timer_arm(&probe.timers, probe.timer, 0);
    timer_arm(&probe.timers, probe.timer, FAR_MS);
    assert_true(event_base_loop(*state, EVLOOP_NONBLOCK) >= 0);
    assert_int_equal(probe.fired, 1);
    timer_free(&probe.timers, probe.timer);
}

static void never_fires_before_its_delay_has_passed(void **state)
{
    struct probe probe = probe_new(*state);

    start(&probe);
    int64_t armed_at = mono_ms();
    timer_arm(&probe.timers, probe.timer, 25);
    run(*state);
    assert_int_equal(probe.fired, 1);
    assert_true(probe.fired_at_ms - armed_at >= 25);
    timer_free(&probe.timers, probe.timer);
}

static void a_disarmed_timer_does_not_fire(void **state)
{
    struct probe probe = probe_new(*state);

    start(&probe);
    timer_arm(&probe.timers, probe.timer, 0);
    timer_disarm(&probe.timers, probe.timer);
    timer_disarm(&probe.timers, probe.timer);
    run(*state);
    assert_int_equal(probe.fired, 0);
    timer_free(&probe.timers, probe.timer);
}

static void a_freed_timer_does_not_fire(void **state)
{
    struct probe probe = probe_new(*state);

    start(&probe);
    timer_arm(&probe.timers, probe.timer, 0);
    timer_free(&probe.timers, probe.timer);
    run(*state);
    assert_int_equal(probe.fired, 0);
    timer_free(&probe.timers, NULL);
}

static void may_be_armed_again_inside_its_callback(void **state)
{
    struct probe probe = probe_new(*state);

    probe.rearm = 3;
    start(&probe);
    timer_arm(&probe.timers, probe.timer, 0);
    run(*state);
    assert_int_equal(probe.fired, 4);
    timer_free(&probe.timers, probe.timer);
}

static void may_be_freed_inside_its_callback(void **state)
{
    struct probe probe = probe_new(*state);

    probe.free_self = true;
    start(&probe);
    timer_arm(&probe.timers, probe.timer, 0);
    run(*state);
    assert_int_equal(probe.fired, 1);
    assert_null(probe.timer);
}

static void an_absurd_delay_is_far_away_and_not_now(void **state)
{
    struct probe probe = probe_new(*state);

    start(&probe);
    timer_arm(&probe.timers, probe.timer, INT64_MAX);
    assert_true(event_base_loop(*state, EVLOOP_NONBLOCK) >= 0);
    assert_int_equal(probe.fired, 0);
    timer_free(&probe.timers, probe.timer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fires_once_for_each_arm_and_from_the_loop_only),
        TEST(a_second_arm_replaces_the_first),
        TEST(never_fires_before_its_delay_has_passed),
        TEST(a_disarmed_timer_does_not_fire),
        TEST(a_freed_timer_does_not_fire),
        TEST(may_be_armed_again_inside_its_callback),
        TEST(may_be_freed_inside_its_callback),
        TEST(an_absurd_delay_is_far_away_and_not_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
