/* SPDX-License-Identifier: Apache-2.0 */
#include "src/backoff.h"

#define DOUBLINGS_MAX 20u

int64_t backoff_delay_ms(unsigned int attempt, int64_t cap_ms, uint64_t random)
{
    const int64_t cap = cap_ms < BACKOFF_FIRST_MS ? BACKOFF_FIRST_MS : cap_ms;
    int64_t delay = BACKOFF_FIRST_MS;
    for (unsigned int i = 0; i < attempt && i < DOUBLINGS_MAX && delay < cap; i++) {
        delay *= 2;
    }
    delay = delay < cap ? delay : cap;
    const int64_t half = delay / 2;
    return half + (int64_t)(random % (uint64_t)(delay - half + 1));
}
