/* SPDX-License-Identifier: Apache-2.0 */
#include "host/clock_system.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    /* Fails only for a clock that does not exist; both are older than any kernel we run on. */
    int rc = clock_gettime(id, &now);

    assert(rc == 0);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
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

struct clock clock_system_make(void)
{
    return (struct clock){.wall_ms = wall_ms, .boot_ms = boot_ms, .ctx = NULL};
}
