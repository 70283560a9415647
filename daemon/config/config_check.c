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

void config_check_store(const struct config_storage *store, const struct config_node *node,
                        struct config_problems *problems)
{
    static const char *const types[] = {"memory", "file", "redis"};
    static const struct {
        const char *key;
        bool is_known[3]; /* by enum config_store */
        bool is_needed[3];
    } rows[] = {
        {"path", {false, true, false}, {false, true, false}},
        {"address", {false, false, true}, {false, false, true}},
        {"prefix", {false, false, true}, {false, false, false}},
        {"username", {false, false, true}, {false, false, false}},
        {"password_file", {false, false, true}, {false, false, false}},
        {"key_encryption_keys", {false, true, true}, {false, true, true}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct config_node *value = config_node_find(node, rows[i].key);
        if (value != NULL && !rows[i].is_known[store->type]) {
            config_problems_add(problems, value->key_mark,
                                "\"%s\" means nothing to store type %s: remove it", rows[i].key,
                                types[store->type]);
        } else if (value == NULL && rows[i].is_needed[store->type]) {
            config_problems_add(problems, node->mark, "\"%s\" is missing: store type %s needs it",
                                rows[i].key, types[store->type]);
        }
    }
    if (store->username[0] != '\0' && store->password_file[0] == '\0') {
        config_problems_add(problems, place_of(node, "username"),
                            "\"username\" needs a \"password_file\"");
    }
    if (strpbrk(store->prefix, "{} ") != NULL) {
        config_problems_add(problems, place_of(node, "prefix"),
                            "prefix: \"%s\" has braces or blanks, which key names here cannot have",
                            store->prefix);
    }
}
