/* SPDX-License-Identifier: Apache-2.0 */
/* How often a replica asks the store. Pure. */
#ifndef STEKD_REPLICA_LOAD_PACE_H
#define STEKD_REPLICA_LOAD_PACE_H

#include <stdint.h>

#define LOAD_PACE_RETRY_FIRST_MS INT64_C(100)

/* Between two loads, start to start: a quarter of the sync_interval. */
int64_t load_pace_every(int64_t sync_interval_ms);
/* After `failures` (> 0) failed loads in a row: doubles from 100 ms up to load_pace_every(). Half
 * of it is fixed and half follows `draw`, so that daemons that lost the store together do not come
 * back together. */
int64_t load_pace_retry(int64_t sync_interval_ms, unsigned int failures, uint32_t draw);

#endif
