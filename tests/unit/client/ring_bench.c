/* SPDX-License-Identifier: Apache-2.0 */
#include "ring_bench.h"

#include <stdlib.h>
#include <string.h>

static void need(bool ok)
{
    if (!ok) {
        abort();
    }
}

struct ringmap *bench_map(void)
{
    static const char *const realms[] = {"web", "api"};
    struct ringmap *map = NULL;
    need(ringmap_new(realms, 2, 4, &map, NULL) == ERR_OK);
    ringmap_set_time(map, BENCH_BOOT, T0);
    return map;
}

int64_t bench_boot_at(int64_t fleet_ms)
{
    return fleet_ms - T0 + BENCH_BOOT;
}

enum err bench_publish_as(struct ringmap *map, const struct keyring *ring, const bool *scheduled,
                          const struct policy *policy, int64_t as_of)
{
    struct ringmap_view view = {
        .ring = ring, .scheduled = scheduled, .policy = *policy, .as_of = as_of};
    need(keyring_digest(ring, view.digest) == ERR_OK);
    return ringmap_publish(map, 0, &view);
}

void bench_publish(struct ringmap *map, const struct keyring *ring, const struct policy *policy)
{
    bool scheduled[RINGMAP_ENTRIES_MAX];
    memset(scheduled, 1, sizeof(scheduled));
    need(bench_publish_as(map, ring, scheduled, policy, T0) == ERR_OK);
}

size_t bench_register(struct ringmap *map, const char *context)
{
    size_t index = SIZE_MAX;
    need(ringmap_register(map, 0, context, &index) == ERR_OK);
    return index;
}

bool bench_is_key(const struct ringmap_key *found, const struct key *key, const char *context)
{
    struct subkeys expected;
    need(derive_subkeys(key->bytes, "web", context, &expected) == ERR_OK);
    return memcmp(found->name, key->name, KEY_NAME_LEN) == 0 &&
           memcmp(&found->subkeys, &expected, sizeof(expected)) == 0 &&
           found->active_from == key->active_from && found->retired_from == key->retired_from &&
           found->dropped_from == key->dropped_from;
}

bool bench_is_zero(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < len; i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    return true;
}
