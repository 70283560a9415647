/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated time and randomness for tests: a clock that moves only when told to, timers that fire
 * in one fixed order (by time, then by the order they were armed in), a seeded random source. The
 * same calls always give the same run.
 */
#ifndef STEK_TESTS_SUPPORT_FAKE_TIME_H
#define STEK_TESTS_SUPPORT_FAKE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/random.h"
#include "host/timers.h"

#define FAKE_TIME_START INT64_C(1700000000000) /* wall clock of a new fake_time */

struct fake_time;

/* Aborts when out of memory, as everything here does: a test cannot go on without it. The wall
 * clock starts at FAKE_TIME_START, the boot clock at 1000 s. */
struct fake_time *fake_time_new(void);
/* Every timer must have been freed. NULL allowed. */
void fake_time_free(struct fake_time *time);

const struct timers *fake_time_timers(struct fake_time *time);
const struct clock *fake_time_clock(struct fake_time *time);
int64_t fake_time_wall(const struct fake_time *time);
int64_t fake_time_boot(const struct fake_time *time);

/* Moves the wall clock against the boot clock. */
void fake_time_jump_wall(struct fake_time *time, int64_t by_ms);

/* The boot time of the next timer, INT64_MAX when none is armed. */
int64_t fake_time_next(const struct fake_time *time);
/* Moves to the next timer that is due by `until_boot` and fires it. False: there is none, and the
 * clock stands at `until_boot` (if that is ahead). */
bool fake_time_step(struct fake_time *time, int64_t until_boot);
/* Steps through the next `ms` milliseconds. 0: everything that is due now. */
void fake_time_run(struct fake_time *time, int64_t ms);
size_t fake_time_timer_count(const struct fake_time *time);

/* A second clock on the same time, off by `skew_ms` (which may be changed at will). */
struct fake_clock {
    struct clock clock;
    struct fake_time *time; /* borrowed */
    int64_t skew_ms;
};
void fake_clock_init(struct fake_clock *skewed, struct fake_time *time, int64_t skew_ms);

/* splitmix64: small, well spread, and the same everywhere. */
struct fake_random {
    struct random_source source;
    uint64_t state;
    bool is_broken; /* fill() fails */
};
/* `random` must not move afterwards: its source points to it. */
void fake_random_init(struct fake_random *random, uint64_t seed);
uint64_t fake_random_next(struct fake_random *random);
/* 0 .. bound - 1; bound > 0. */
uint64_t fake_random_below(struct fake_random *random, uint64_t bound);
/* True `percent` times in a hundred. */
bool fake_random_chance(struct fake_random *random, unsigned int percent);

#endif
