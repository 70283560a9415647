/* SPDX-License-Identifier: Apache-2.0 */
/* The configured store, and what seals its records. */
#ifndef STEKD_APP_APP_STORE_H
#define STEKD_APP_APP_STORE_H

#include "app/app_material.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "config/config.h"
#include "host/timers.h"
#include "store/seal.h"
#include "store/store.h"
#include "store/store_redis.h"

struct event_base;

/* Starts as {0}. */
struct app_store {
    enum config_store type;
    struct store *store; /* owned */
    struct seal *seal;   /* owned; NULL: records are not sealed */
    struct store_redis_stats redis;
};

struct app_store_options {
    const struct config *config; /* borrowed during the call */
    struct event_base *base;     /* borrowed until app_store_close(), like the rest */
    const struct clock *clock;
    const struct timers *timers;
    const struct random_source *random;
};

/* Takes what it needs of `material`: the seal moves, the password is copied and wiped there.
 * `store` must not move afterwards. On failure `why` is as it was or names the folder; close it
 * either way. */
enum err app_store_open(struct app_store *store, const struct app_store_options *options,
                        struct app_material *material, struct errbuf *why) MUST_USE;
/* From now on with these key-encryption keys, password and context to Redis, taken in the same way;
 * connections that are open stay. Cannot fail. */
void app_store_adopt(struct app_store *store, struct app_material *material);
void app_store_close(struct app_store *store);

/* NULL: records are not sealed. */
const struct sealing *app_store_sealing(struct app_store *store);

#endif
