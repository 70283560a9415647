/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_store.h"

#include <stdio.h>

#include "store/password_file.h"
#include "store/store_file.h"
#include "store/store_memory.h"

#define PATH_LEN (2 * (CONFIG_PATH_MAX + 1))

struct path {
    char text[PATH_LEN];
};

/* Relative paths begin where the configuration lies. */
static void resolve(const struct config *config, const char *path, struct path *out)
{
    (void)snprintf(out->text, sizeof(out->text), "%s%s", path[0] == '/' ? "" : config->folder,
                   path);
}

static enum err open_seal(struct app_store *store, const struct app_store_options *options,
                          struct errbuf *why)
{
    const struct config *config = options->config;
    const struct config_paths *keks = &config->store.key_encryption_keys;
    struct path paths[CONFIG_PATHS_MAX];
    const char *texts[CONFIG_PATHS_MAX];

    for (size_t i = 0; i < keks->count; i++) {
        resolve(config, keks->at[i], &paths[i]);
        texts[i] = paths[i].text;
    }
    const struct seal_options seal = {.deployment = config->deployment,
                                      .keks = texts,
                                      .kek_count = keks->count,
                                      .random = options->random};
    return seal_new(&seal, &store->seal, why);
}

static enum err open_file(struct app_store *store, const struct app_store_options *options,
                          struct errbuf *why)
{
    struct path folder;

    resolve(options->config, options->config->store.path, &folder);
    const struct store_file_options file = {
        .folder = folder.text, .clock = options->clock, .timers = options->timers};
    return store_file_new(&file, &store->store, why);
}

static enum err open_redis(struct app_store *store, const struct app_store_options *options,
                           struct errbuf *why)
{
    const struct config_storage *config = &options->config->store;
    struct secret_buf password = {0};
    struct path path;
    enum err rc = ERR_OK;

    if (config->password_file[0] != '\0') {
        resolve(options->config, config->password_file, &path);
        rc = password_file_read(path.text, &password, why);
    }
    if (rc == ERR_OK) {
        const bool is_unix = config->address.unix_path[0] != '\0';
        const struct store_redis_options redis = {
            .base = options->base,
            .clock = options->clock,
            .timers = options->timers,
            .random = options->random,
            .address = {.unix_path = is_unix ? config->address.unix_path : NULL,
                        .host = config->address.host,
                        .port = config->address.port,
                        .username = config->username[0] != '\0' ? config->username : NULL,
                        .password = {password.at, password.len}},
            .prefix = config->prefix,
            .timeout_ms = STORE_REDIS_TIMEOUT_MS,
            .stats = &store->redis,
        };
        rc = store_redis_new(&redis, &store->store);
    }
    secret_buf_fini(&password);
    return rc;
}

enum err app_store_open(struct app_store *store, const struct app_store_options *options,
                        struct errbuf *why)
{
    enum config_store type = options->config->store.type;

    if (type == CONFIG_STORE_MEMORY) {
        return store_memory_new(options->clock, options->timers, &store->store);
    }
    enum err rc = open_seal(store, options, why);
    if (rc != ERR_OK) {
        return rc;
    }
    return type == CONFIG_STORE_FILE ? open_file(store, options, why)
                                     : open_redis(store, options, why);
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
