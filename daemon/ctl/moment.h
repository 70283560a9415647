/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people read them. Pure: now is an argument, and it is the daemon's, not this host's. */
#ifndef STEKD_CTL_MOMENT_H
#define STEKD_CTL_MOMENT_H

#include <stdint.h>

/* By value, so that it can be an argument of printf(). */
struct moment_text {
    char text[40];
};

/* A length of time by its two largest units: "450ms", "28s", "3h12m", "6d4h". Rounded down; the
 * sign is dropped. */
struct moment_text moment_span(int64_t ms);

/* "in 3h12m", "2m5s ago", "now" (less than a millisecond away); "-" when at_ms is 0: unknown. */
struct moment_text moment_relative(int64_t at_ms, int64_t now_ms);

/* "2026-11-23T22:15:04.123Z"; "" for a time outside the years 1000 to 9999. */
struct moment_text moment_iso(int64_t at_ms);

#endif
