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

uint64_t backoff_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}
