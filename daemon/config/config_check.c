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

static bool is_same_place(const struct config_listener *a, const struct config_listener *b)
{
    if (a->unix_path[0] != '\0') {
        return strcmp(a->unix_path, b->unix_path) == 0;
    }
    return a->address.port != 0 && a->address.port == b->address.port &&
           strcmp(a->address.host, b->address.host) == 0;
}

/* Whether an entry is a Unix socket or TCP with TLS, and nothing between. */
static void check_listener(const struct config_listener *listener, const struct config_node *entry,
                           struct config_problems *problems)
{
    const struct config_node *path = config_node_find(entry, "unix");
    const struct config_node *address = config_node_find(entry, "address");
    const struct config_node *tls = config_node_find(entry, "tls");
    const struct config_node *mode = config_node_find(entry, "mode");

    if (path == NULL && address == NULL) {
        config_problems_add(problems, entry->mark,
                            "\"unix\" or \"address\" is missing: name what this entry listens on");
    } else if (path != NULL && address != NULL) {
        config_problems_add(problems, address->key_mark,
                            "an entry has \"unix\" or \"address\", not both: make it two entries");
    } else if (path != NULL && tls != NULL) {
        config_problems_add(problems, tls->key_mark,
                            "\"tls\" means nothing to a Unix socket: remove it");
    } else if (address != NULL && tls == NULL) {
        config_problems_add(problems, entry->mark,
                            "\"tls\" is missing: an address needs certificate, private_key and "
                            "client_ca");
    }
    if (address != NULL && path == NULL && mode != NULL) {
        config_problems_add(problems, mode->key_mark,
                            "\"mode\" means nothing to an address: remove it");
    }
    if (address != NULL && listener->address.unix_path[0] != '\0') {
        config_problems_add(problems, address->mark,
                            "\"address\" is for TCP: write unix: %s for a Unix socket",
                            listener->address.unix_path);
    }
}

void config_check_listeners(const struct config *config, const struct config_node *node,
                            struct config_problems *problems)
{
    const struct config_node *entry = node->first;

    for (size_t i = 0; i < config->listener_count; i++, entry = entry->next) {
        const struct config_listener *listener = &config->listeners[i];
        size_t first = 0;
        if (entry->kind != CONFIG_NODE_MAPPING || entry->is_broken) {
            continue;
        }
        check_listener(listener, entry, problems);
        while (first < i && !is_same_place(&config->listeners[first], listener)) {
            first++;
        }
        /* An entry that could not be read has no place; that has been said already. */
        if (first < i && listener->unix_path[0] != '\0') {
            config_problems_add(problems, place_of(entry, "unix"),
                                "two listeners have the path %s: remove one", listener->unix_path);
        } else if (first < i) {
            config_problems_add(problems, place_of(entry, "address"),
                                "two listeners have the address %s port %u: remove one",
                                listener->address.host, (unsigned)listener->address.port);
        }
    }
}

static bool has_pattern(const struct config_principals *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i].pattern != NULL) {
            return true;
        }
    }
    return false;
}

static void note_names(const struct config_principals *list, const struct config_node *parent,
                       const char *key, struct config_problems *problems)
{
    if (has_pattern(list)) {
        config_problems_note(problems, place_of(parent, key),
                             "%s: names of certificates match nobody: no entry of listen has an "
                             "address",
                             key);
    }
}

void config_check_names(const struct config *config, const struct config_node *root,
                        struct config_problems *problems)
{
    const struct config_node *realm = config_node_find(root, "realms")->first;

    for (size_t i = 0; i < config->listener_count; i++) {
        if (config->listeners[i].unix_path[0] == '\0') {
            return;
        }
    }
    note_names(&config->operators, root, "operators", problems);
    for (size_t i = 0; i < config->realm_count; i++, realm = realm->next) {
        note_names(&config->realms[i].readers, realm, "readers", problems);
        note_names(&config->realms[i].operators, realm, "operators", problems);
    }
}

/* Who is asked where the master is, or the one address. */
static void check_redis_place(const struct config_node *node, struct config_problems *problems)
{
    const struct config_node *address = config_node_find(node, "address");
    const struct config_node *sentinel = config_node_find(node, "sentinel");

    if (address == NULL && sentinel == NULL) {
        config_problems_add(problems, node->mark,
                            "\"address\" is missing: store type redis needs it, or \"sentinel\"");
    } else if (address != NULL && sentinel != NULL) {
        config_problems_add(problems, sentinel->key_mark,
                            "a store has \"address\" or \"sentinel\", not both: with Sentinel, "
                            "remove \"address\"");
    }
}

/* What goes by TCP only. */
static void check_redis_tcp(const struct config_storage *store, const struct config_node *node,
                            struct config_problems *problems)
{
    const struct config_addresses *sentinels = &store->sentinel.addresses;

    if (store->address.unix_path[0] != '\0' && store->tls.ca[0] != '\0') {
        config_problems_add(problems, place_of(node, "tls"),
                            "\"tls\" means nothing to a Unix socket: remove it");
    }
    for (size_t i = 0; i < sentinels->count; i++) {
        if (sentinels->at[i].unix_path[0] != '\0') {
            config_problems_add(problems, place_of(node, "sentinel"),
                                "unix:%s: a Sentinel is at HOST:PORT or [IPv6]:PORT",
                                sentinels->at[i].unix_path);
        }
    }
}

static void check_redis(const struct config_storage *store, const struct config_node *node,
                        struct config_problems *problems)
{
    const bool has_certificate = store->tls.certificate[0] != '\0';
    const bool has_private_key = store->tls.private_key[0] != '\0';

    check_redis_tcp(store, node, problems);
    check_redis_place(node, problems);
    if (store->username[0] != '\0' && store->password_file[0] == '\0') {
        config_problems_add(problems, place_of(node, "username"),
                            "\"username\" needs a \"password_file\"");
    }
    if (has_certificate != has_private_key) {
        config_problems_add(problems, place_of(node, "tls"),
                            "\"certificate\" and \"private_key\" go together: %s is missing",
                            has_certificate ? "private_key" : "certificate");
    }
    if (strpbrk(store->prefix, "{} ") != NULL) {
        config_problems_add(problems, place_of(node, "prefix"),
                            "prefix: \"%s\" has braces or blanks, which key names here cannot have",
                            store->prefix);
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
        {"address", {false, false, true}, {false, false, false}},
        {"sentinel", {false, false, true}, {false, false, false}},
        {"tls", {false, false, true}, {false, false, false}},
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
    if (store->type == CONFIG_STORE_REDIS) {
        check_redis(store, node, problems);
    }
}
