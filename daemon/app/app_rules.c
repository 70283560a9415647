/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app_rules.h"

#include <stdlib.h>

static size_t count_principals(const struct config *config)
{
    size_t count = config->operators.count;

    for (size_t i = 0; i < config->realm_count; i++) {
        count += config->realms[i].readers.count + config->realms[i].operators.count;
    }
    return count;
}

/* Copies one list to *at and moves *at behind it. */
static struct authz_list copy_list(const struct config_principals *from,
                                   struct authz_principal **at)
{
    static const enum authz_principal_kind kinds[] = {
        [CONFIG_PRINCIPAL_UID] = AUTHZ_UID,
        [CONFIG_PRINCIPAL_GID] = AUTHZ_GID,
        [CONFIG_PRINCIPAL_URI] = AUTHZ_URI,
        [CONFIG_PRINCIPAL_DNS] = AUTHZ_DNS,
    };
    struct authz_list list = {*at, from->count};

    for (size_t i = 0; i < from->count; i++) {
        (*at)->kind = kinds[from->at[i].kind];
        (*at)->id = from->at[i].id;
        (*at)->pattern = from->at[i].pattern;
        (*at)++;
    }
    return list;
}

enum err app_rules_make(const struct config *config, struct app_rules *out)
{
    struct app_rules made = {0};

    /* One more than needed: an empty list is no allocation failure. */
    made.principals = calloc(count_principals(config) + 1, sizeof(*made.principals));
    made.realms = calloc(config->realm_count + 1, sizeof(*made.realms));
    if (made.principals == NULL || made.realms == NULL) {
        app_rules_fini(&made);
        return ERR_NOMEM;
    }
    struct authz_principal *at = made.principals;
    made.rules.operators = copy_list(&config->operators, &at);
    for (size_t i = 0; i < config->realm_count; i++) {
        made.realms[i].name = config->realms[i].name;
        made.realms[i].readers = copy_list(&config->realms[i].readers, &at);
        made.realms[i].operators = copy_list(&config->realms[i].operators, &at);
    }
    made.rules.realms = made.realms;
    made.rules.realm_count = config->realm_count;
    *out = made;
    return ERR_OK;
}

void app_rules_fini(struct app_rules *rules)
{
    free(rules->principals);
    free(rules->realms);
    *rules = (struct app_rules){0};
}
