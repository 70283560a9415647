/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/patience.h"

#include <time.h>

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t left_ms(const struct patience *patience)
{
    int64_t left = patience->end_ms - now_ms();

    return left > 0 ? left : 0;
}

struct patience patience_start(const struct args *args)
{
    return (struct patience){now_ms() + (args->has_timeout ? args->timeout_ms : ARGS_WAIT_MS)};
}

struct args patience_args(const struct patience *patience, const struct args *args)
{
    struct args one = *args;
    int64_t left = left_ms(patience);

    one.timeout_ms = left < ARGS_TIMEOUT_MS ? left : ARGS_TIMEOUT_MS;
    if (one.timeout_ms < PATIENCE_ANSWER_MS) {
        one.timeout_ms = PATIENCE_ANSWER_MS;
    }
    return one;
}

bool patience_pause(const struct patience *patience)
{
    int64_t left = left_ms(patience);
    int64_t pause = left < PATIENCE_PAUSE_MS ? left : PATIENCE_PAUSE_MS;
    const struct timespec length = {.tv_sec = 0, .tv_nsec = (long)pause * 1000000};

    if (left == 0) {
        return false;
    }
    (void)nanosleep(&length, NULL);
    return true;
}
