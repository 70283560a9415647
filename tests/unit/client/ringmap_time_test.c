/* SPDX-License-Identifier: Apache-2.0 */
/* Fleet time, counters and reports: ringmap_stats.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ring_bench.h"

static struct ringmap *fresh_map(void)
{
    static const char *const realms[] = {"web"};
    struct ringmap *map = NULL;
    assert_int_equal(ringmap_new(realms, 1, 1, &map, NULL), ERR_OK);
    return map;
}

static void there_is_no_time_before_the_first_contact(void **unused)
{
    struct ringmap *map = fresh_map();
    (void)unused;
    assert_int_equal(ringmap_now(map, 1000), 0);
    ringmap_set_time(map, 1000, T0);
    assert_int_equal(ringmap_now(map, 1000), T0);
    assert_int_equal(ringmap_now(map, 1234), T0 + 234);
    ringmap_free(map);
}

static void a_small_correction_backwards_is_waited_out(void **unused)
{
    struct ringmap *map = fresh_map();
    (void)unused;
    ringmap_set_time(map, 0, T0);
    ringmap_set_time(map, 1000, T0 + 500); /* half a second back */
    assert_int_equal(ringmap_now(map, 1000), T0 + 1000);
    assert_int_equal(ringmap_now(map, 1499), T0 + 1000);
    assert_int_equal(ringmap_now(map, 1500), T0 + 1000);
    assert_int_equal(ringmap_now(map, 1501), T0 + 1001);
    ringmap_set_time(map, 2000, T0 + 9000); /* forwards at once */
    assert_int_equal(ringmap_now(map, 2000), T0 + 9000);
    ringmap_free(map);
}

static void corrections_up_to_a_minute_are_waited_out_and_larger_ones_step(void **unused)
{
    (void)unused;
    for (int64_t more = -1; more <= 1; more++) {
        struct ringmap *map = fresh_map();
        const int64_t corrected = T0 - RINGMAP_WAIT_OUT_MS - more;
        ringmap_set_time(map, 0, T0);
        ringmap_set_time(map, 0, corrected);
        assert_int_equal(ringmap_now(map, 0), more > 0 ? corrected : T0);
        ringmap_free(map);
    }
}

/* The first contact was with a clock a day ahead; then the fleet corrects it. What the wrong clock
 * dated must not pass for fresh until that day is over. */
static void a_step_back_takes_every_realms_as_of_along(void **unused)
{
    struct ringmap *map = bench_map();
    struct policy policy = policy_default(12 * HOUR);
    const bool scheduled[1] = {true};
    const struct key key = fixture_key(1, &policy, T0 - HOUR - MINUTE, T0 - HOUR);
    const size_t context = bench_register(map, "");
    struct keyring ring = fixture_ring();
    struct ringmap_info info;
    struct ringmap_key found;
    struct ringmap_reading reading;
    (void)unused;
    policy.max_offline_ms = HOUR;
    fixture_add(&ring, &key);
    ringmap_set_time(map, BENCH_BOOT, T0 + DAY);
    assert_int_equal(bench_publish_as(map, &ring, scheduled, &policy, T0 + DAY), ERR_OK);
    ringmap_set_time(map, BENCH_BOOT, T0);
    assert_true(ringmap_info(map, 0, BENCH_BOOT, &info));
    assert_int_equal(info.as_of, T0);
    for (int64_t more = 0; more <= 1; more++) {
        const int64_t boot = bench_boot_at(T0 + HOUR + more);
        assert_int_equal(ringmap_encrypting(map, context, boot, &found, &reading),
                         more == 0 ? RINGMAP_FOUND : RINGMAP_NONE);
        assert_int_equal(ringmap_decrypting(map, context, key.name, boot, &found, &reading),
                         more == 0 ? RINGMAP_FOUND : RINGMAP_OLD);
    }
    keyring_fini(&ring);
    ringmap_free(map);
}

static void counters_add_up_over_their_stripes(void **unused)
{
    struct ringmap *map = fresh_map();
    (void)unused;
    for (unsigned int i = 0; i < 1000; i++) {
        ringmap_count(map, 0, i * 7, (enum ringmap_counter)(i % COUNT_KINDS));
    }
    for (int i = 0; i < COUNT_KINDS; i++) {
        const uint64_t expected = 1000 / COUNT_KINDS + (i < 1000 % COUNT_KINDS);
        assert_int_equal(ringmap_total(map, 0, (enum ringmap_counter)i), expected);
    }
    assert_int_equal(ringmap_max_tries(map, 0), 0);
    ringmap_note_tries(map, 0, 3, 2);
    ringmap_note_tries(map, 0, 3, 1);
    ringmap_note_tries(map, 0, 4, 5);
    assert_int_equal(ringmap_max_tries(map, 0), 5);
    ringmap_free(map);
}

static void an_error_line_is_kept_cut_and_cleared(void **unused)
{
    struct ringmap *map = fresh_map();
    char text[400];
    char got[256];
    char small[5];
    (void)unused;
    ringmap_get_error(map, 0, got, sizeof(got));
    assert_string_equal(got, "");
    memset(text, 'e', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    ringmap_set_error(map, 0, text);
    ringmap_get_error(map, 0, got, sizeof(got));
    assert_int_equal(strlen(got), 255);
    ringmap_get_error(map, 0, small, sizeof(small));
    assert_string_equal(small, "eeee");
    ringmap_set_error(map, 0, "");
    ringmap_get_error(map, 0, got, sizeof(got));
    assert_string_equal(got, "");
    ringmap_set_skew(map, -1234);
    assert_int_equal(ringmap_skew(map), -1234);
    ringmap_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_no_time_before_the_first_contact),
        cmocka_unit_test(a_small_correction_backwards_is_waited_out),
        cmocka_unit_test(corrections_up_to_a_minute_are_waited_out_and_larger_ones_step),
        cmocka_unit_test(a_step_back_takes_every_realms_as_of_along),
        cmocka_unit_test(counters_add_up_over_their_stripes),
        cmocka_unit_test(an_error_line_is_kept_cut_and_cleared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
