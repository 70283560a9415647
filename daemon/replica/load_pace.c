/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/load_pace.h"

#define DOUBLINGS_MAX 30u

int64_t load_pace_every(int64_t sync_interval_ms)
{
    return sync_interval_ms >= 4 ? sync_interval_ms / 4 : 1;
}

int64_t load_pace_retry(int64_t sync_interval_ms, unsigned int failures, uint32_t draw)
{
    unsigned int doublings = failures - 1 < DOUBLINGS_MAX ? failures - 1 : DOUBLINGS_MAX;
    int64_t delay = LOAD_PACE_RETRY_FIRST_MS << doublings;
    int64_t most = load_pace_every(sync_interval_ms);

    delay = delay < most ? delay : most;
    return delay - (int64_t)draw % (delay / 2 + 1);
}
