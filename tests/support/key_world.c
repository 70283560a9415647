/* SPDX-License-Identifier: Apache-2.0 */
#include "support/key_world.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <stek/openssl.h>

#include "src/client_internal.h"
#include "support/tls_pair.h"

static const char *const realms[KEY_WORLD_REALMS] = {"web", "mail"};

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "key_world: %s failed\n", what);
        abort();
    }
}

/* libssl asks the real clock, ours is set: a test shows skew by moving only one of them. */
static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL) * 1000;
}

static int64_t boot_ms(void *ctx)
{
    const struct key_world *world = ctx;

    return world->boot_ms;
}

void key_world_init(struct key_world *world)
{
    struct errbuf why = {{0}};

    memset(world, 0, sizeof(*world));
    world->boot_ms = 1000000;
    world->clock = (struct clock){.wall_ms = wall_ms, .boot_ms = boot_ms, .ctx = world};
    world->policy = policy_default(12 * KEY_WORLD_HOUR);
    must(ringmap_new(realms, KEY_WORLD_REALMS, 4, &world->map, &why) == ERR_OK, "ringmap_new");
    ringmap_set_time(world->map, world->boot_ms, (int64_t)time(NULL) * 1000);
    world->client = client_new_with(world->map, &world->clock);
    must(world->client != NULL, "client_new_with");
    for (size_t i = 0; i < KEY_WORLD_REALMS; i++) {
        must(keyring_init(&world->rings[i], realms[i]) == ERR_OK, "keyring_init");
    }
}

void key_world_fini(struct key_world *world)
{
    stek_client_free(world->client);
    for (size_t i = 0; i < KEY_WORLD_REALMS; i++) {
        keyring_fini(&world->rings[i]);
    }
}

int64_t key_world_now(const struct key_world *world)
{
    return ringmap_now(world->map, world->boot_ms);
}

void key_world_pass(struct key_world *world, int64_t ms)
{
    world->boot_ms += ms;
}

static void make_bytes(uint8_t seed, uint8_t out[KEY_LEN])
{
    for (size_t i = 0; i < KEY_LEN; i++) {
        out[i] = (uint8_t)(seed + i * 7);
    }
}

void key_world_add(struct key_world *world, uint8_t seed, int64_t active_in, int64_t retired_in,
                   int64_t dropped_in)
{
    int64_t now = key_world_now(world);
    struct key key = {.published_at = now + active_in - KEY_WORLD_HOUR,
                      .active_from = now + active_in,
                      .retired_from = now + retired_in,
                      .dropped_from = now + dropped_in,
                      .forgotten_from = now + dropped_in,
                      .has_bytes = true};

    make_bytes(seed, key.bytes);
    for (size_t i = 0; i < KEY_WORLD_REALMS; i++) {
        must(derive_name(key.bytes, realms[i], key.name) == ERR_OK, "derive_name");
        must(keyring_add(&world->rings[i], &key) == ERR_OK, "keyring_add");
    }
    key_world_publish(world);
}

void key_world_publish(struct key_world *world)
{
    bool scheduled[RINGMAP_ENTRIES_MAX];

    memset(scheduled, true, sizeof(scheduled));
    for (size_t i = 0; i < KEY_WORLD_REALMS; i++) {
        struct ringmap_view view = {.ring = &world->rings[i],
                                    .scheduled = scheduled,
                                    .policy = world->policy,
                                    .as_of = key_world_now(world)};
        must(ringmap_publish(world->map, i, &view) == ERR_OK, "ringmap_publish");
    }
}

void key_world_revoke_all(struct key_world *world)
{
    for (size_t i = 0; i < KEY_WORLD_REALMS; i++) {
        for (size_t j = 0; j < world->rings[i].count; j++) {
            world->rings[i].keys[j].revoked = true;
            key_wipe(&world->rings[i].keys[j]);
        }
    }
    key_world_publish(world);
}

void key_world_name(uint8_t seed, uint8_t out[KEY_NAME_LEN])
{
    uint8_t bytes[KEY_LEN];

    make_bytes(seed, bytes);
    must(derive_name(bytes, realms[0], out) == ERR_OK, "derive_name");
}

void key_world_subkeys(uint8_t seed, const char *realm, const char *context, struct subkeys *out)
{
    uint8_t bytes[KEY_LEN];

    make_bytes(seed, bytes);
    must(derive_subkeys(bytes, realm, context, out) == ERR_OK, "derive_subkeys");
}

uint64_t key_world_count(const struct key_world *world, enum ringmap_counter counter)
{
    return ringmap_total(world->map, 0, counter);
}

SSL_CTX *key_world_server(struct key_world *world, const char *context)
{
    SSL_CTX *ctx = tls_pair_server_ctx();

    must(ctx != NULL, "tls_pair_server_ctx");
    must(stek_ssl_ctx_attach(world->client, ctx, realms[0], context) == STEK_OK, "attach");
    return ctx;
}
