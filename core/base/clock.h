/* SPDX-License-Identifier: Apache-2.0 */
/* Time as an argument (R10: clocks are input). Nothing in core/ asks the system for it. */
#ifndef STEK_BASE_CLOCK_H
#define STEK_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    /* Unix time in milliseconds. May jump either way. */
    int64_t (*wall_ms)(void *ctx);
    /* Milliseconds since boot, suspend included (CLOCK_BOOTTIME). Never goes back. */
    int64_t (*boot_ms)(void *ctx);
    void *ctx; /* borrowed: must outlive the clock's users */
};

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->ctx);
}

static inline int64_t clock_boot_ms(const struct clock *clock)
{
    return clock->boot_ms(clock->ctx);
}

/* `at` + `distance`, kept within int64: dates come from peers, and a sum that wrapped round would
 * turn "for ever" into "long ago". */
static inline int64_t clock_add_ms(int64_t at, int64_t distance)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(at, distance, &sum)) {
        return distance > 0 ? INT64_MAX : INT64_MIN;
    }
    return sum;
}

/* `later` - `earlier`, kept within int64. */
static inline int64_t clock_between_ms(int64_t earlier, int64_t later)
{
    int64_t distance = 0;
    if (__builtin_sub_overflow(later, earlier, &distance)) {
        return later > earlier ? INT64_MAX : INT64_MIN;
    }
    return distance;
}

#endif
