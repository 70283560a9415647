/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before trying again. Pure. */
#ifndef STEK_SRC_BACKOFF_H
#define STEK_SRC_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS INT64_C(100) /* the first retry comes within this */

/* Before retry number `attempt` (0, 1, 2, ...): doubles from BACKOFF_FIRST_MS up to `cap_ms` (or
 * BACKOFF_FIRST_MS if that is more), of which `random` decides the second half, so that a fleet
 * that lost one daemon does not come back in step. */
int64_t backoff_delay_ms(unsigned int attempt, int64_t cap_ms, uint64_t random);

/* The next number of a sequence that differs between frontends and is not secret (splitmix64). */
uint64_t backoff_random(uint64_t *state);

#endif
