/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client whose keyring and clock the test sets: two realms, "web" and "mail", in a real mapping,
 * no daemon. Fleet time starts near the real time and moves only when told to. Everything here
 * aborts when it fails: a test cannot go on without it.
 */
#ifndef STEK_TESTS_SUPPORT_KEY_WORLD_H
#define STEK_TESTS_SUPPORT_KEY_WORLD_H

#include <stdint.h>

#include <openssl/ssl.h>
#include <stek/stek.h>

#include "base/clock.h"
#include "keyring/keyring.h"
#include "keyring/policy.h"
#include "src/ringmap.h"

#define KEY_WORLD_REALMS 2
#define KEY_WORLD_HOUR   INT64_C(3600000)

struct key_world {
    struct stek_client *client;
    struct ringmap *map; /* the client's */
    struct keyring rings[KEY_WORLD_REALMS];
    struct policy policy; /* of both; rotate 12 h, lifetime 12 h, chain 24 h */
    struct clock clock;
    int64_t boot_ms;
};

/* `world` must not move: its clock points to it. */
void key_world_init(struct key_world *world);
void key_world_fini(struct key_world *world);

int64_t key_world_now(const struct key_world *world); /* fleet ms */
void key_world_pass(struct key_world *world, int64_t ms);

/* Adds a key made from `seed` to both realms (its names there differ) and publishes. Its dates are
 * now + the distances given. */
void key_world_add(struct key_world *world, uint8_t seed, int64_t active_in, int64_t retired_in,
                   int64_t dropped_in);
/* Publishes both rings again, e.g. after `policy` or a ring was changed. */
void key_world_publish(struct key_world *world);
/* Revokes all keys and publishes. */
void key_world_revoke_all(struct key_world *world);
/* Of the first realm, "web". */
void key_world_name(uint8_t seed, uint8_t out[KEY_NAME_LEN]);
void key_world_subkeys(uint8_t seed, const char *realm, const char *context, struct subkeys *out);

uint64_t key_world_count(const struct key_world *world, enum ringmap_counter counter);

/* tls_pair_server_ctx(), attached to ("web", `context`). */
SSL_CTX *key_world_server(struct key_world *world, const char *context);

#endif
