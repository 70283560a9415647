/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_memory.h"

#include <stdlib.h>

#include "support/fake_time.h"
#include "support/store_contract.h"

static void *set_up(struct store **out_store)
{
    struct fake_time *time = fake_time_new();

    if (store_memory_new(fake_time_clock(time), fake_time_timers(time), out_store) != ERR_OK) {
        abort();
    }
    return time;
}

static void settle(void *env)
{
    fake_time_run(env, 0);
}

static void pass(void *env, int64_t ms)
{
    fake_time_run(env, ms);
}

static int64_t store_time(void *env)
{
    return fake_time_wall(env);
}

/* fake_time_free() refuses when a timer was left behind, so each test also shows that close()
 * leaves nothing. */
static void tear_down(void *env)
{
    fake_time_free(env);
}

int main(void)
{
    const struct store_contract memory = {
        .name = "memory",
        .set_up = set_up,
        .settle = settle,
        .pass = pass,
        .store_time = store_time,
        .tear_down = tear_down,
    };

    return store_contract_run(&memory);
}
