/* SPDX-License-Identifier: Apache-2.0 */
/* For lines that somebody outside can cause as often as he likes: one a second is written, and says
 * how many were not. */
#ifndef STEKD_OPS_LOG_LIMIT_H
#define STEKD_OPS_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_LIMIT_MS INT64_C(1000)

/* Starts as {0}: the first line is written. */
struct log_limit {
    int64_t quiet_until; /* boot clock */
    int64_t left_out;
};

/* Whether a line may be written at `boot_ms`. Then `*out_left_out` is how many were not since the
 * one before; else this one is counted among them. */
bool log_limit_allows(struct log_limit *limit, int64_t boot_ms, int64_t *out_left_out);

#endif
