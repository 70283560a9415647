/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_store.h"

#include <stdlib.h>

#include "support/store_contract.h"

struct env {
    struct fake_time *time;
    struct fake_random random;
    struct fake_store *place;
};

static void *set_up(struct store **out_store)
{
    struct env *env = calloc(1, sizeof(*env));

    if (env == NULL) {
        abort();
    }
    env->time = fake_time_new();
    fake_random_init(&env->random, 1);
    env->place = fake_store_new(env->time, &env->random);
    *out_store = fake_link_store(fake_store_connect(env->place, 1000));
    return env;
}

static void settle(void *ctx)
{
    struct env *env = ctx;

    fake_time_run(env->time, 0);
}

static void pass(void *ctx, int64_t ms)
{
    struct env *env = ctx;

    fake_time_run(env->time, ms);
}

static int64_t store_time(void *ctx)
{
    const struct env *env = ctx;

    return fake_store_wall(env->place);
}

static void tear_down(void *ctx)
{
    struct env *env = ctx;

    fake_store_free(env->place);
    fake_time_free(env->time);
    free(env);
}

int main(void)
{
    const struct store_contract fake = {
        .name = "fake",
        .set_up = set_up,
        .settle = settle,
        .pass = pass,
        .store_time = store_time,
        .tear_down = tear_down,
    };

    return store_contract_run(&fake);
}
