/* SPDX-License-Identifier: Apache-2.0 */
/*
 * R10: clocks are input. A `now` that never decreases, and the knowledge whether to trust it.
 *
 * The wall clock is believed while it moves with the boot clock. When it jumps by more than 2 s
 * against it, time goes on by the boot clock alone and the clock is *suspect*, until an answer of
 * the store shows that wall clock and store agree again. More than 2 s away from the store's time
 * is suspect too. An answer counts for the whole interval between asking and hearing it.
 */
#ifndef STEKD_REPLICA_SOUND_CLOCK_H
#define STEKD_REPLICA_SOUND_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

#define SOUND_CLOCK_SLACK_MS INT64_C(2000)

struct sound_clock {
    const struct clock *clock; /* borrowed */
    int64_t wall;              /* at the last look */
    int64_t boot;
    int64_t now;
    bool trusts_wall;
    bool is_suspect;
    uint64_t jumps;
    int64_t store_offset;  /* how far the store was ahead of `now` at its last answer */
    struct errbuf problem; /* "" unless suspect */
};

/* When a question was sent to the store. */
struct sound_clock_mark {
    int64_t now;
    uint64_t jumps;
};

void sound_clock_init(struct sound_clock *sound, const struct clock *clock);
int64_t sound_clock_now(struct sound_clock *sound);
struct sound_clock_mark sound_clock_mark(struct sound_clock *sound);
/* The store's answer to a question sent at `sent` has just come. */
void sound_clock_compare(struct sound_clock *sound, const struct sound_clock_mark *sent,
                         int64_t store_time_ms);

#endif
