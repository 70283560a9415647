/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/sound_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/fake_time.h"

struct bench {
    struct fake_time *time;
    struct sound_clock sound;
};

static void open_bench(struct bench *bench)
{
    bench->time = fake_time_new();
    sound_clock_init(&bench->sound, fake_time_clock(bench->time));
}

static void close_bench(struct bench *bench)
{
    fake_time_free(bench->time);
}

static void it_follows_the_wall_clock(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    fake_time_run(bench.time, 1234);
    fake_time_jump_wall(bench.time, 20); /* slewed */
    assert_int_equal(sound_clock_now(&bench.sound), FAKE_TIME_START + 1254);
    close_bench(&bench);
}

static void now_never_decreases(void **unused)
{
    static const int64_t jumps[] = {-1, -1999, -5000, 3, 10000, -600000, 600000};
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    int64_t before = sound_clock_now(&bench.sound);
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        fake_time_jump_wall(bench.time, jumps[i]);
        fake_time_run(bench.time, 100);
        int64_t now = sound_clock_now(&bench.sound);
        assert_true(now >= before);
        before = now;
    }
    close_bench(&bench);
}

static void a_jump_of_more_than_two_seconds_is_suspect(void **unused)
{
    static const struct {
        int64_t jump;
        bool want;
    } rows[] = {{1999, false}, {2000, false}, {2001, true}, {-2000, false}, {-2001, true}};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        open_bench(&bench);
        fake_time_run(bench.time, 1000);
        fake_time_jump_wall(bench.time, rows[i].jump);
        (void)sound_clock_now(&bench.sound);
        assert_int_equal(bench.sound.is_suspect, rows[i].want);
        assert_int_equal(bench.sound.problem.text[0] != '\0', rows[i].want);
        close_bench(&bench);
    }
}

static void after_a_jump_time_goes_on_by_the_boot_clock(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    fake_time_run(bench.time, 1000);
    (void)sound_clock_now(&bench.sound);
    fake_time_jump_wall(bench.time, 3600000);
    fake_time_run(bench.time, 500);
    assert_int_equal(sound_clock_now(&bench.sound), FAKE_TIME_START + 1500);
    close_bench(&bench);
}

static void the_wall_clock_is_trusted_again_when_the_store_confirms_it(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    fake_time_jump_wall(bench.time, 3600000);
    struct sound_clock_mark sent = sound_clock_mark(&bench.sound);
    sound_clock_compare(&bench.sound, &sent, FAKE_TIME_START);
    assert_true(bench.sound.is_suspect); /* the store says it was the wall clock that erred */
    assert_int_equal(sound_clock_now(&bench.sound), FAKE_TIME_START);
    sound_clock_compare(&bench.sound, &sent, FAKE_TIME_START + 3600000);
    assert_false(bench.sound.is_suspect); /* it was right to jump */
    assert_int_equal(sound_clock_now(&bench.sound), FAKE_TIME_START + 3600000);
    assert_string_equal(bench.sound.problem.text, "");
    close_bench(&bench);
}

static void one_that_began_ahead_says_that_it_must_be_restarted(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct sound_clock_mark sent = sound_clock_mark(&bench.sound);
    sound_clock_compare(&bench.sound, &sent, FAKE_TIME_START - 3600000);
    assert_true(bench.sound.is_suspect);
    assert_non_null(strstr(bench.sound.problem.text, "3600000 ms ahead of the store's; nothing"));
    fake_time_jump_wall(bench.time, -3600000); /* the clock is set right */
    sent = sound_clock_mark(&bench.sound);
    sound_clock_compare(&bench.sound, &sent, FAKE_TIME_START - 3600000);
    assert_true(bench.sound.is_suspect);
    assert_int_equal(sound_clock_now(&bench.sound), FAKE_TIME_START); /* never decreases */
    assert_non_null(strstr(bench.sound.problem.text, "began with a clock 3600000 ms ahead"));
    assert_non_null(strstr(bench.sound.problem.text, "restart it"));
    close_bench(&bench);
}

static void an_answer_counts_for_the_time_it_took(void **unused)
{
    static const struct {
        int64_t store_time; /* after FAKE_TIME_START; sent at 0, received at 5000 */
        bool want;
    } rows[] = {{-2001, true}, {-2000, false}, {0, false},
                {2500, false}, {7000, false},  {7001, true}};

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        open_bench(&bench);
        struct sound_clock_mark sent = sound_clock_mark(&bench.sound);
        fake_time_run(bench.time, 5000);
        sound_clock_compare(&bench.sound, &sent, FAKE_TIME_START + rows[i].store_time);
        assert_int_equal(bench.sound.is_suspect, rows[i].want);
        assert_int_equal(bench.sound.store_offset, rows[i].store_time - 2500);
        close_bench(&bench);
    }
}

static void an_answer_across_a_jump_decides_nothing(void **unused)
{
    struct bench bench;

    (void)unused;
    open_bench(&bench);
    struct sound_clock_mark sent = sound_clock_mark(&bench.sound);
    fake_time_jump_wall(bench.time, 5000);
    sound_clock_compare(&bench.sound, &sent, FAKE_TIME_START + 5000);
    assert_true(bench.sound.is_suspect);
    sent = sound_clock_mark(&bench.sound);
    sound_clock_compare(&bench.sound, &sent, FAKE_TIME_START + 5000);
    assert_false(bench.sound.is_suspect);
    close_bench(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_the_wall_clock),
        cmocka_unit_test(now_never_decreases),
        cmocka_unit_test(a_jump_of_more_than_two_seconds_is_suspect),
        cmocka_unit_test(after_a_jump_time_goes_on_by_the_boot_clock),
        cmocka_unit_test(the_wall_clock_is_trusted_again_when_the_store_confirms_it),
        cmocka_unit_test(one_that_began_ahead_says_that_it_must_be_restarted),
        cmocka_unit_test(an_answer_counts_for_the_time_it_took),
        cmocka_unit_test(an_answer_across_a_jump_decides_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
