/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_store.h"

#include "store/store_file.h"
#include "store/store_memory.h"

static enum err open_file(struct app_store *store, const struct app_store_options *options,
                          struct errbuf *why)
{
    struct config_path folder;

    config_path_of(options->config, options->config->store.path, &folder);
    const struct store_file_options file = {
        .folder = folder.text, .clock = options->clock, .timers = options->timers};
    return store_file_new(&file, &store->store, why);
}

static enum err open_redis(struct app_store *store, const struct app_store_options *options,
                           const struct app_material *material)
{
    const struct config_storage *config = &options->config->store;
    const bool is_unix = config->address.unix_path[0] != '\0';
    const bool has_sentinel = config->sentinel.master[0] != '\0';
    struct redis_address sentinels[CONFIG_SENTINELS_MAX];

    for (size_t i = 0; i < config->sentinel.addresses.count; i++) {
        sentinels[i] = (struct redis_address){.host = config->sentinel.addresses.at[i].host,
                                              .port = config->sentinel.addresses.at[i].port};
    }
    const struct store_redis_options redis = {
        .base = options->base,
        .clock = options->clock,
        .timers = options->timers,
        .random = options->random,
        .address = {.unix_path = is_unix ? config->address.unix_path : NULL,
                    .host = has_sentinel ? NULL : config->address.host,
                    .port = config->address.port,
                    .username = config->username[0] != '\0' ? config->username : NULL,
                    .password = {material->password.at, material->password.len}},
        .sentinel = {.master = has_sentinel ? config->sentinel.master : NULL,
                     .at = sentinels,
                     .count = config->sentinel.addresses.count},
        .tls = material->redis,
        .prefix = config->prefix,
        .timeout_ms = STORE_REDIS_TIMEOUT_MS,
        .stats = &store->redis,
    };

    return store_redis_new(&redis, &store->store);
}

enum err app_store_open(struct app_store *store, const struct app_store_options *options,
                        struct app_material *material, struct errbuf *why)
{
    enum err rc = ERR_OK;

    store->type = options->config->store.type;
    store->seal = material->seal; /* moves */
    material->seal = NULL;
    switch (store->type) {
    case CONFIG_STORE_MEMORY:
        rc = store_memory_new(options->clock, options->timers, &store->store);
        break;
    case CONFIG_STORE_FILE:
        rc = open_file(store, options, why);
        break;
    case CONFIG_STORE_REDIS:
        rc = open_redis(store, options, material);
        break;
    }
    secret_buf_fini(&material->password);
    return rc;
}

void app_store_adopt(struct app_store *store, struct app_material *material)
{
    if (store->seal != NULL) {
        seal_swap_keys(store->seal, material->seal);
    }
    if (store->type == CONFIG_STORE_REDIS) {
        store_redis_set_tls(store->store, material->redis);
        store_redis_swap_password(store->store, &material->password);
    }
    seal_free(material->seal);
    material->seal = NULL;
    secret_buf_fini(&material->password);
}

void app_store_close(struct app_store *store)
{
    store_close(store->store);
    store->store = NULL;
    seal_free(store->seal);
    store->seal = NULL;
}

const struct sealing *app_store_sealing(struct app_store *store)
{
    return store->seal == NULL ? NULL : seal_sealing(store->seal);
}
