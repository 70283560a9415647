/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_check.h"

#include <string.h>

#define POLICY_PROBLEMS_MAX 16

/* Where `key` has its value; where the realm begins if the default applies. */
static struct config_mark place_of(const struct config_node *realm, const char *key)
{
    const struct config_node *value =
        realm->kind == CONFIG_NODE_MAPPING ? config_node_find(realm, key) : NULL;

    return value == NULL ? realm->key_mark : value->mark;
}

void config_check_policy(const struct config_realm *realm, const struct config_node *node,
                         struct config_problems *problems)
{
    struct policy_problem broken[POLICY_PROBLEMS_MAX];
    size_t count = policy_check(&realm->policy, broken, POLICY_PROBLEMS_MAX);

    for (size_t i = 0; i < count && i < POLICY_PROBLEMS_MAX; i++) {
        config_problems_add(problems, place_of(node, broken[i].field), "realm %s: %s", realm->name,
                            broken[i].why.text);
    }
}

void config_check_realm(const struct config_realm *realm, const struct config_node *node,
                        struct config_problems *problems)
{
    const struct config_node *readers = config_node_find(node, "readers");

    if (realm->readers.count == 0 && (readers == NULL || !readers->is_broken)) {
        config_problems_note(problems, place_of(node, "readers"),
                             "realm %s has no readers: no frontend gets its keys", realm->name);
    }
}

void config_check_listeners(const struct config *config, const struct config_node *node,
                            struct config_problems *problems)
{
    const struct config_node *entry = node->first;

    for (size_t i = 0; i < config->listener_count; i++, entry = entry->next) {
        const char *path = config->listeners[i].unix_path;
        size_t first = 0;
        while (first < i && strcmp(config->listeners[first].unix_path, path) != 0) {
            first++;
        }
        /* An entry that could not be read has no path; that has been said already. */
        if (first < i && path[0] != '\0') {
            config_problems_add(problems, place_of(entry, "unix"),
                                "two listeners have the path %s: remove one", path);
        }
    }
}
