/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

void config_principals_fini(struct config_principals *principals)
{
    for (size_t i = 0; i < principals->count; i++) {
        free(principals->at[i].pattern);
    }
    free(principals->at);
    *principals = (struct config_principals){0};
}

void config_path_of(const struct config *config, const char *path, struct config_path *out)
{
    (void)snprintf(out->text, sizeof(out->text), "%s%s", path[0] == '/' ? "" : config->folder,
                   path);
}

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->realm_count; i++) {
        config_principals_fini(&config->realms[i].readers);
        config_principals_fini(&config->realms[i].operators);
    }
    for (size_t i = 0; i < config->store.key_encryption_keys.count; i++) {
        free(config->store.key_encryption_keys.at[i]);
    }
    free(config->store.key_encryption_keys.at);
    free(config->realms);
    config_principals_fini(&config->operators);
    free(config->store.sentinel.addresses.at);
    free(config->listeners);
    free(config);
}
