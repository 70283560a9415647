/* SPDX-License-Identifier: Apache-2.0 */
#include "src/fleet_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../keyring/fixture.h"

#define B INT64_C(50000) /* boot clock when fleet time is T0 */

/* Two daemons; fleet time known exactly. */
static struct fleet_clock known(void)
{
    struct fleet_clock clock;
    fleet_clock_init(&clock);
    assert_int_equal(fleet_clock_answer(&clock, 0, B, B, T0, false), FLEET_CLOCK_TAKEN);
    return clock;
}

static void the_first_contact_is_taken_at_the_middle_of_its_round_trip(void **unused)
{
    struct fleet_clock clock;
    (void)unused;
    fleet_clock_init(&clock);
    assert_int_equal(fleet_clock_now(&clock, B), 0);
    assert_int_equal(fleet_clock_answer(&clock, 0, B, B + 100, T0, false), FLEET_CLOCK_TAKEN);
    assert_int_equal(fleet_clock_now(&clock, B + 100), T0 + 50);
    assert_int_equal(fleet_clock_now(&clock, B + 1100), T0 + 1050);
}

static void a_suspect_daemon_is_ignored_even_at_first_contact(void **unused)
{
    struct fleet_clock clock;
    (void)unused;
    fleet_clock_init(&clock);
    assert_int_equal(fleet_clock_answer(&clock, 0, B, B, T0, true), FLEET_CLOCK_SUSPECT);
    assert_int_equal(fleet_clock_heartbeat(&clock, 0, B, T0, true), FLEET_CLOCK_SUSPECT);
    assert_int_equal(fleet_clock_now(&clock, B), 0);
    clock = known();
    assert_int_equal(fleet_clock_answer(&clock, 1, B, B, T0 + 500, true), FLEET_CLOCK_SUSPECT);
    assert_int_equal(fleet_clock_now(&clock, B), T0);
}

static void a_heartbeat_is_no_first_contact(void **unused)
{
    struct fleet_clock clock;
    (void)unused;
    fleet_clock_init(&clock);
    assert_int_equal(fleet_clock_heartbeat(&clock, 0, B, T0, false), FLEET_CLOCK_SUSPECT);
    assert_int_equal(fleet_clock_now(&clock, B), 0);
}

static void a_better_answer_refines_and_a_worse_one_only_bounds(void **unused)
{
    struct fleet_clock clock;
    (void)unused;
    fleet_clock_init(&clock);
    (void)fleet_clock_answer(&clock, 0, B, B + 1000, T0 + 500, false); /* error 500 */
    assert_int_equal(fleet_clock_now(&clock, B + 1000), T0 + 1000);
    (void)fleet_clock_answer(&clock, 0, B + 2000, B + 2010, T0 + 2300, false); /* error 5 */
    assert_int_equal(fleet_clock_now(&clock, B + 2010), T0 + 2305);
    /* Within its bounds: nothing moves. */
    (void)fleet_clock_answer(&clock, 0, B + 3000, B + 3400, T0 + 3500, false);
    assert_int_equal(fleet_clock_now(&clock, B + 3400), T0 + 3695);
    /* Outside of them: just as far as they say. S - B = 600, S - A = 1000. */
    (void)fleet_clock_answer(&clock, 0, B + 4000, B + 4400, T0 + 5000, false);
    assert_int_equal(fleet_clock_now(&clock, B + 4400), T0 + 5000);
    /* S - B = -400, S - A = 0. */
    (void)fleet_clock_answer(&clock, 0, B + 5000, B + 5400, T0 + 5000, false);
    assert_int_equal(fleet_clock_now(&clock, B + 5400), T0 + 5400);
}

static void more_than_two_seconds_and_half_a_round_trip_away_is_dissent(void **unused)
{
    (void)unused;
    for (int64_t rtt = 0; rtt <= 400; rtt += 200) {
        const int64_t limit = FLEET_CLOCK_TRUST_MS + rtt / 2;
        for (int64_t more = -1; more <= 1; more++) {
            for (int sign = -1; sign <= 1; sign += 2) {
                struct fleet_clock clock = known();
                /* The middle of the round trip says exactly T0 + sign * (limit + more). */
                const int64_t server = T0 + rtt / 2 + sign * (limit + more);
                const enum fleet_clock_verdict verdict =
                    fleet_clock_answer(&clock, 1, B, B + rtt, server, false);
                assert_int_equal(verdict, more > 0 ? FLEET_CLOCK_DISSENT : FLEET_CLOCK_TAKEN);
                if (more > 0) {
                    assert_int_equal(fleet_clock_now(&clock, B), T0);
                }
            }
        }
    }
}

static void one_of_several_daemons_is_not_believed_at_once_and_two_are(void **unused)
{
    struct fleet_clock clock = known();
    (void)unused;
    assert_int_equal(fleet_clock_answer(&clock, 0, B, B, T0 + DAY, false), FLEET_CLOCK_DISSENT);
    assert_int_equal(fleet_clock_now(&clock, B), T0);
    assert_int_equal(fleet_clock_answer(&clock, 1, B, B, T0 + DAY + 1500, false),
                     FLEET_CLOCK_TAKEN);
    assert_int_equal(fleet_clock_now(&clock, B), T0 + DAY + 1500);
}

static void two_daemons_that_dissent_differently_or_long_apart_change_nothing(void **unused)
{
    struct fleet_clock clock = known();
    (void)unused;
    (void)fleet_clock_answer(&clock, 0, B, B, T0 + HOUR, false);
    assert_int_equal(
        fleet_clock_answer(&clock, 1, B, B, T0 + HOUR + FLEET_CLOCK_TRUST_MS + 1, false),
        FLEET_CLOCK_DISSENT);
    assert_int_equal(fleet_clock_now(&clock, B), T0);

    for (int64_t late = 0; late <= 1; late++) {
        const int64_t t = FLEET_CLOCK_DISSENT_MS + late;
        clock = known();
        (void)fleet_clock_answer(&clock, 0, B, B, T0 + HOUR, false);
        assert_int_equal(fleet_clock_answer(&clock, 1, B + t, B + t, T0 + t + HOUR, false),
                         late == 0 ? FLEET_CLOCK_TAKEN : FLEET_CLOCK_DISSENT);
    }
}

static void agreement_in_between_clears_a_dissent(void **unused)
{
    struct fleet_clock clock = known();
    (void)unused;
    (void)fleet_clock_answer(&clock, 0, B, B, T0 + HOUR, false);
    (void)fleet_clock_answer(&clock, 1, B, B, T0, false);
    assert_int_equal(fleet_clock_answer(&clock, 1, B, B, T0 + HOUR, false), FLEET_CLOCK_DISSENT);
    assert_int_equal(fleet_clock_now(&clock, B), T0);
}

static void the_only_daemon_is_believed_when_it_insists_for_a_minute(void **unused)
{
    (void)unused;
    for (int64_t more = -1; more <= 1; more++) {
        struct fleet_clock clock;
        const int64_t t = FLEET_CLOCK_INSIST_MS + more;
        fleet_clock_init(&clock);
        (void)fleet_clock_answer(&clock, 0, B, B, T0, false);
        (void)fleet_clock_answer(&clock, 0, B, B, T0 - HOUR, false);
        assert_int_equal(fleet_clock_answer(&clock, 0, B + t, B + t, T0 + t - HOUR, false),
                         more < 0 ? FLEET_CLOCK_DISSENT : FLEET_CLOCK_TAKEN);
        assert_int_equal(fleet_clock_now(&clock, B + t), more < 0 ? T0 + t : T0 + t - HOUR);
    }
}

/* The others are dead: nobody is left to agree or to contradict. */
static void of_several_daemons_the_only_one_heard_is_believed_when_it_insists(void **unused)
{
    (void)unused;
    for (int64_t more = -1; more <= 1; more++) {
        struct fleet_clock clock = known();
        const int64_t t = 1000 + FLEET_CLOCK_INSIST_MS + more;
        (void)fleet_clock_answer(&clock, 1, B + 999, B + 999, T0 + 999, false);
        for (int64_t s = 1000; s < FLEET_CLOCK_INSIST_MS; s += 1000) {
            assert_int_equal(fleet_clock_answer(&clock, 0, B + s, B + s, T0 + s - HOUR, false),
                             FLEET_CLOCK_DISSENT);
        }
        assert_int_equal(fleet_clock_answer(&clock, 0, B + t, B + t, T0 + t - HOUR, false),
                         more < 0 ? FLEET_CLOCK_DISSENT : FLEET_CLOCK_TAKEN);
        assert_int_equal(fleet_clock_now(&clock, B + t), more < 0 ? T0 + t : T0 + t - HOUR);
    }
}

static void one_of_several_is_not_believed_alone_while_another_says_otherwise(void **unused)
{
    static const int64_t others[] = {0, HOUR, -2 * HOUR}; /* the first agrees with us */
    (void)unused;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct fleet_clock clock = known();
        for (int64_t t = 0; t <= 10 * MINUTE; t += MINUTE / 2) {
            (void)fleet_clock_answer(&clock, 1, B + t, B + t, T0 + t + others[i], false);
            assert_int_equal(fleet_clock_answer(&clock, 0, B + t, B + t, T0 + t - HOUR, false),
                             FLEET_CLOCK_DISSENT);
        }
        assert_int_equal(fleet_clock_now(&clock, B), T0);
    }
}

static void a_heartbeat_pushes_the_estimate_forward_at_once(void **unused)
{
    struct fleet_clock clock = known();
    (void)unused;
    assert_int_equal(fleet_clock_heartbeat(&clock, 0, B, T0 + FLEET_CLOCK_TRUST_MS, false),
                     FLEET_CLOCK_TAKEN);
    assert_int_equal(fleet_clock_now(&clock, B), T0 + FLEET_CLOCK_TRUST_MS);
    clock = known();
    assert_int_equal(fleet_clock_heartbeat(&clock, 0, B, T0 + FLEET_CLOCK_TRUST_MS + 1, false),
                     FLEET_CLOCK_DISSENT);
    assert_int_equal(fleet_clock_now(&clock, B), T0);
}

static void late_heartbeats_pull_back_only_when_a_whole_window_is_late(void **unused)
{
    struct fleet_clock clock = known();
    (void)unused;
    /* One prompt heartbeat among seven late ones: nothing moves. */
    for (int64_t i = 0; i < FLEET_CLOCK_WINDOW; i++) {
        const int64_t late = i == 3 ? 0 : 1500;
        (void)fleet_clock_heartbeat(&clock, 0, B + i, T0 + i - late, false);
    }
    assert_int_equal(fleet_clock_now(&clock, B), T0);
    /* All of them 1500 behind: our boot clock is fast. It lands within the transit allowance. */
    for (int64_t i = 0; i < FLEET_CLOCK_WINDOW; i++) {
        (void)fleet_clock_heartbeat(&clock, 0, B + i, T0 + i - 1500, false);
    }
    assert_in_range(fleet_clock_now(&clock, B), T0 - 1500, T0 - 1500 + FLEET_CLOCK_TRANSIT_MS);
}

static void a_process_that_slept_is_not_led_astray_by_what_waited_in_its_socket(void **unused)
{
    struct fleet_clock clock = known();
    const int64_t woken = B + 10 * MINUTE;
    (void)unused;
    /* Sent every 3.75 s, all heard at once ten minutes later. */
    for (int64_t sent = 0; sent <= 10 * MINUTE; sent += 3750) {
        (void)fleet_clock_heartbeat(&clock, 0, woken, T0 + sent, false);
    }
    assert_in_range(fleet_clock_now(&clock, woken), T0 + 10 * MINUTE,
                    T0 + 10 * MINUTE + FLEET_CLOCK_TRANSIT_MS);
}

static void time_taken_over_counts_as_the_first_contact(void **unused)
{
    struct fleet_clock clock;
    (void)unused;
    fleet_clock_init(&clock);
    fleet_clock_import(&clock, B, T0);
    assert_int_equal(fleet_clock_now(&clock, B + 5), T0 + 5);
    assert_int_equal(fleet_clock_answer(&clock, 0, B, B, T0 + DAY, false), FLEET_CLOCK_DISSENT);
}

static void absurd_times_do_not_overflow(void **unused)
{
    struct fleet_clock clock;
    (void)unused;
    fleet_clock_init(&clock);
    (void)fleet_clock_answer(&clock, 0, B, B - 1, INT64_MAX, false);
    (void)fleet_clock_answer(&clock, 0, B, B, INT64_MIN, false);
    (void)fleet_clock_heartbeat(&clock, 0, B, INT64_MIN, false);
    (void)fleet_clock_heartbeat(&clock, 0, B, INT64_MAX, false);
    assert_true(fleet_clock_now(&clock, B) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_contact_is_taken_at_the_middle_of_its_round_trip),
        cmocka_unit_test(a_suspect_daemon_is_ignored_even_at_first_contact),
        cmocka_unit_test(a_heartbeat_is_no_first_contact),
        cmocka_unit_test(a_better_answer_refines_and_a_worse_one_only_bounds),
        cmocka_unit_test(more_than_two_seconds_and_half_a_round_trip_away_is_dissent),
        cmocka_unit_test(one_of_several_daemons_is_not_believed_at_once_and_two_are),
        cmocka_unit_test(two_daemons_that_dissent_differently_or_long_apart_change_nothing),
        cmocka_unit_test(agreement_in_between_clears_a_dissent),
        cmocka_unit_test(the_only_daemon_is_believed_when_it_insists_for_a_minute),
        cmocka_unit_test(of_several_daemons_the_only_one_heard_is_believed_when_it_insists),
        cmocka_unit_test(one_of_several_is_not_believed_alone_while_another_says_otherwise),
        cmocka_unit_test(a_heartbeat_pushes_the_estimate_forward_at_once),
        cmocka_unit_test(late_heartbeats_pull_back_only_when_a_whole_window_is_late),
        cmocka_unit_test(a_process_that_slept_is_not_led_astray_by_what_waited_in_its_socket),
        cmocka_unit_test(time_taken_over_counts_as_the_first_contact),
        cmocka_unit_test(absurd_times_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
