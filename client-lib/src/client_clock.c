/* SPDX-License-Identifier: Apache-2.0 */
#include "src/client_clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return read_ms(CLOCK_REALTIME);
}

static int64_t boot_ms(void *ctx)
{
    (void)ctx;
    return read_ms(CLOCK_BOOTTIME);
}

const struct clock *client_clock_host(void)
{
    static const struct clock host = {.wall_ms = wall_ms, .boot_ms = boot_ms, .ctx = NULL};
    return &host;
}
