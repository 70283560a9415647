/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <stdlib.h>

void config_free(struct config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->realm_count; i++) {
        free(config->realms[i].readers.at);
        free(config->realms[i].operators.at);
    }
    for (size_t i = 0; i < config->store.key_encryption_keys.count; i++) {
        free(config->store.key_encryption_keys.at[i]);
    }
    free(config->store.key_encryption_keys.at);
    free(config->realms);
    free(config->operators.at);
    free(config->listeners);
    free(config);
}
