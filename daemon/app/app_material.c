/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_material.h"

#include <openssl/ssl.h>

#include "app/app_tls.h"
#include "host/clock_system.h"
#include "host/random_system.h"
#include "store/password_file.h"
#include "store/store_file.h"

struct reading {
    const struct config *config;
    const struct random_source *random;
    int64_t now_ms;
    struct app_material *material;
    struct config_problems *problems;
};

static void note_expiry(const struct reading *r, const SSL_CTX *context,
                        const struct config_tls *tls, struct config_mark mark)
{
    struct app_tls_lines lines;

    app_tls_describe_expiry(context, tls, r->now_ms, &lines);
    for (size_t i = 0; i < lines.count; i++) {
        config_problems_note(r->problems, mark, "%s", lines.at[i].text);
    }
}

static void read_listener(const struct reading *r, size_t i)
{
    const struct config_listener *listener = &r->config->listeners[i];
    SSL_CTX **context = &r->material->listeners[i];
    struct errbuf why = {""};

    if (listener->unix_path[0] != '\0') {
        return;
    }
    if (app_tls_for_listener(r->config, i, r->now_ms, context, &why) != ERR_OK) {
        config_problems_add(r->problems, listener->mark, "tls: %s", why.text);
    } else {
        note_expiry(r, *context, &listener->tls, listener->mark);
    }
}

static void read_seal(const struct reading *r)
{
    const struct config_paths *keks = &r->config->store.key_encryption_keys;
    struct config_path paths[CONFIG_PATHS_MAX];
    const char *texts[CONFIG_PATHS_MAX];
    struct errbuf why = {""};

    for (size_t i = 0; i < keks->count; i++) {
        config_path_of(r->config, keks->at[i], &paths[i]);
        texts[i] = paths[i].text;
    }
    const struct seal_options options = {.deployment = r->config->deployment,
                                         .keks = texts,
                                         .kek_count = keks->count,
                                         .random = r->random};
    if (seal_new(&options, &r->material->seal, &why) != ERR_OK) {
        config_problems_add(r->problems, r->config->store.mark, "key_encryption_keys: %s",
                            why.text);
    }
}

static void read_redis(const struct reading *r)
{
    const struct config_storage *store = &r->config->store;
    struct config_path path;
    struct errbuf why = {"out of memory, or of memory that may be locked (RLIMIT_MEMLOCK)"};

    if (store->password_file[0] != '\0') {
        config_path_of(r->config, store->password_file, &path);
        if (password_file_read(path.text, &r->material->password, &why) != ERR_OK) {
            config_problems_add(r->problems, store->mark, "password_file: %s", why.text);
        }
    }
    if (store->tls.ca[0] == '\0') {
        return;
    }
    if (app_tls_for_redis(r->config, r->now_ms, &r->material->redis, &why) != ERR_OK) {
        config_problems_add(r->problems, store->mark, "tls: %s", why.text);
    } else {
        note_expiry(r, r->material->redis, &store->tls, store->mark);
    }
}

enum err app_material_read(const struct config *config, const struct random_source *random,
                           int64_t now_ms, struct app_material *out,
                           struct config_problems *problems)
{
    struct app_material material = {.redis = NULL};
    const struct reading r = {config, random, now_ms, &material, problems};
    const size_t errors_before = problems->errors;

    for (size_t i = 0; i < config->listener_count; i++) {
        read_listener(&r, i);
    }
    if (config->store.type != CONFIG_STORE_MEMORY) {
        read_seal(&r);
    }
    if (config->store.type == CONFIG_STORE_REDIS) {
        read_redis(&r);
    }
    if (problems->errors > errors_before) {
        app_material_fini(&material);
        config_problems_sort(problems);
        return ERR_INVALID;
    }
    *out = material; /* moves to the caller */
    return ERR_OK;
}

void app_material_fini(struct app_material *material)
{
    for (size_t i = 0; i < CONFIG_LISTENERS_MAX; i++) {
        SSL_CTX_free(material->listeners[i]);
    }
    SSL_CTX_free(material->redis);
    secret_buf_fini(&material->password);
    seal_free(material->seal);
    *material = (struct app_material){.redis = NULL};
}

/* A note, since the service manager may make it when stekd starts for the first time. */
static void note_folder(const struct config *config, struct config_problems *problems)
{
    struct config_path folder;
    struct errbuf why = {""};

    config_path_of(config, config->store.path, &folder);
    if (config->store.type == CONFIG_STORE_FILE && store_file_check(folder.text, &why) != ERR_OK) {
        config_problems_note(problems, config->store.mark, "%s; stekd does not start so", why.text);
    }
}

enum err app_material_check(const struct config *config, struct config_problems *problems)
{
    const struct clock clock = clock_system_make();
    const struct random_source random = random_system_make();
    struct app_material material = {.redis = NULL};

    enum err rc = app_material_read(config, &random, clock_wall_ms(&clock), &material, problems);
    app_material_fini(&material);
    note_folder(config, problems);
    config_problems_sort(problems);
    return rc;
}
