/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_check.h"
#include "config/config_keys.h"
#include "config/config_scalar.h"
#include "config/config_suggest.h"
#include "config/config_value.h"

#define PATH_MAX_LEN 128

struct reading {
    struct config *config;
    struct config_problems *problems;
    size_t bad_values; /* scalars refused so far */
};

/* The path of `key` in the table. Empty, and so unknown, for what no row's last part can be: with a
 * dot a key could name a row of another level, whose offset counts in another struct. */
static void path_of(char path[PATH_MAX_LEN], const char *prefix, const char *key)
{
    int len = snprintf(path, PATH_MAX_LEN, "%s%s%s", prefix, prefix[0] == '\0' ? "" : ".", key);

    if (strpbrk(key, ".[]*") != NULL || len < 0 || len >= PATH_MAX_LEN) {
        path[0] = '\0';
    }
}

/* The last part of `path` if it stands directly under `prefix`, else NULL. */
static const char *leaf_under(const char *path, const char *prefix)
{
    const char *leaf = config_keys_leaf(path);
    size_t len = strlen(prefix);

    if (len == 0) {
        return leaf == path ? leaf : NULL;
    }
    return (size_t)(leaf - path) == len + 1 && strncmp(path, prefix, len) == 0 ? leaf : NULL;
}

/* The path of the key that has this name on another level, or NULL. */
static const char *find_elsewhere(const char *name)
{
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        if (key->since != NULL && strcmp(config_keys_leaf(key->path), name) == 0 &&
            strcmp(name, "*") != 0) {
            return key->path;
        }
    }
    return NULL;
}

static void report_unknown(struct reading *r, const struct config_node *node, const char *prefix)
{
    struct config_suggest suggest = config_suggest_start(node->key);

    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        const char *leaf = leaf_under(key->path, prefix);
        if (leaf != NULL && key->since != NULL) {
            config_suggest_offer(&suggest, leaf);
        }
    }
    /* A name that is right somewhere else says more than one that is nearly right here. */
    const char *elsewhere = find_elsewhere(node->key);
    const char *better = elsewhere != NULL ? elsewhere : suggest.nearest;
    config_problems_add(r->problems, node->key_mark, "unknown key \"%s\"%s%s%s",
                        config_value_show(node->key), better != NULL ? ": did you mean \"" : "",
                        better != NULL ? better : "", better != NULL ? "\"?" : "");
}

/* False, and said, unless `node` is of `kind` and its inside is worth looking at. */
static bool is_kind(struct reading *r, const struct config_node *node, enum config_node_kind kind)
{
    const char *want = kind == CONFIG_NODE_MAPPING ? "a mapping (keys and their values)" : "a list";

    if (node->is_broken) {
        return false;
    }
    if (node->kind == kind) {
        return true;
    }
    if (node->key != NULL) {
        config_problems_add(r->problems, node->mark, "\"%s\" must be %s",
                            config_value_show(node->key), want);
    } else {
        config_problems_add(r->problems, node->mark, "%s is expected here", want);
    }
    return false;
}

static enum err read_mapping(struct reading *r, const struct config_node *mapping,
                             const char *prefix, void *target);

static enum err read_listeners(struct reading *r, const struct config_node *node)
{
    struct config *config = r->config;

    if (!is_kind(r, node, CONFIG_NODE_SEQUENCE)) {
        return ERR_OK;
    }
    if (node->child_count == 0 || node->child_count > CONFIG_LISTENERS_MAX) {
        config_problems_add(r->problems, node->mark, "\"listen\" must have 1 to %d entries",
                            CONFIG_LISTENERS_MAX);
        return ERR_OK;
    }
    config->listeners = calloc(node->child_count, sizeof(config->listeners[0]));
    if (config->listeners == NULL) {
        return ERR_NOMEM;
    }
    for (const struct config_node *entry = node->first; entry != NULL; entry = entry->next) {
        struct config_listener *listener = &config->listeners[config->listener_count++];
        listener->mark = entry->mark;
        enum err rc = is_kind(r, entry, CONFIG_NODE_MAPPING)
                          ? read_mapping(r, entry, "listen[]", listener)
                          : ERR_OK;
        if (rc != ERR_OK) {
            return rc;
        }
    }
    config_check_listeners(config, node, r->problems);
    return ERR_OK;
}

/* Defaults that follow from other values, for keys the file does not have. */
static void complete_policy(struct config_realm *realm, const struct config_node *node)
{
    struct policy preset = policy_default(realm->policy.rotate_every_ms);

    if (config_node_find(node, "sync_interval") == NULL) {
        realm->policy.sync_interval_ms = preset.sync_interval_ms;
    }
    if (config_node_find(node, "max_session_age") == NULL) {
        realm->policy.max_session_age_ms =
            policy_default_session_age(realm->policy.ticket_lifetime_ms);
    }
}

static enum err read_realm(struct reading *r, const struct config_node *node,
                           struct config_realm *realm)
{
    size_t errors_before = r->problems->errors;
    size_t bad_before = r->bad_values;

    if (!text_is_realm_name(node->key)) {
        config_problems_add(r->problems, node->key_mark,
                            "\"%s\" is no realm name: up to %d of a-z, 0-9, dot, underscore and "
                            "hyphen, a letter or digit first",
                            config_value_show(node->key), REALM_NAME_MAX);
    } else if (text_copy(realm->name, sizeof(realm->name), node->key) != ERR_OK) {
        return ERR_LIMIT;
    }
    if (!is_kind(r, node, CONFIG_NODE_MAPPING)) {
        return ERR_OK;
    }
    enum err rc = read_mapping(r, node, "realms.*", realm);
    if (rc != ERR_OK) {
        return rc;
    }
    complete_policy(realm, node);
    /* Rules between values say nothing useful while one of the values is not known. */
    if (r->bad_values == bad_before) {
        config_check_policy(realm, node, r->problems);
    }
    if (r->problems->errors == errors_before) {
        config_check_realm(realm, node, r->problems);
    }
    return ERR_OK;
}

static enum err read_realms(struct reading *r, const struct config_node *node)
{
    struct config *config = r->config;

    if (!is_kind(r, node, CONFIG_NODE_MAPPING)) {
        return ERR_OK;
    }
    if (node->child_count == 0 || node->child_count > CONFIG_REALMS_MAX) {
        config_problems_add(r->problems, node->mark, "\"realms\" must have 1 to %d realms",
                            CONFIG_REALMS_MAX);
        return ERR_OK;
    }
    config->realms = calloc(node->child_count, sizeof(config->realms[0]));
    if (config->realms == NULL) {
        return ERR_NOMEM;
    }
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        enum err rc = read_realm(r, child, &config->realms[config->realm_count++]);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

static void read_scalar(struct reading *r, const struct config_node *node,
                        const struct config_key *key, void *target)
{
    size_t errors_before = r->problems->errors;

    config_scalar_read(node, key, target, r->problems);
    r->bad_values += r->problems->errors > errors_before ? 1 : 0;
}

static enum err read_value(struct reading *r, const struct config_node *node,
                           const struct config_key *key, void *target)
{
    switch (key->type) {
    case CONFIG_TYPE_LATER:
        config_problems_add(r->problems, node->key_mark, "\"%s\" is not in this version: remove it",
                            node->key);
        return ERR_OK;
    case CONFIG_TYPE_SECTION:
        return is_kind(r, node, CONFIG_NODE_MAPPING) ? read_mapping(r, node, key->path, target)
                                                     : ERR_OK;
    case CONFIG_TYPE_LISTENERS:
        return read_listeners(r, node);
    case CONFIG_TYPE_REALMS:
        return read_realms(r, node);
    case CONFIG_TYPE_PRINCIPALS:
        return is_kind(r, node, CONFIG_NODE_SEQUENCE)
                   ? config_scalar_read_principals(node, key, target, r->problems)
                   : ERR_OK;
    case CONFIG_TYPE_PATHS:
        return is_kind(r, node, CONFIG_NODE_SEQUENCE)
                   ? config_scalar_read_paths(node, key, target, r->problems)
                   : ERR_OK;
    case CONFIG_TYPE_ADDRESSES:
        return is_kind(r, node, CONFIG_NODE_SEQUENCE)
                   ? config_scalar_read_addresses(node, key, target, r->problems)
                   : ERR_OK;
    case CONFIG_TYPE_LABEL:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_ADDRESS:
    case CONFIG_TYPE_UNIX_PATH:
    case CONFIG_TYPE_LOOPBACK:
    case CONFIG_TYPE_MODE:
    case CONFIG_TYPE_COUNT:
    case CONFIG_TYPE_DURATION:
    case CONFIG_TYPE_CHOICE:
        read_scalar(r, node, key, target);
        return ERR_OK;
    }
    return ERR_OK;
}

/* Presets go in first; what the file says then replaces them. */
static void fill_presets(const struct config_node *mapping, const char *prefix, void *target,
                         struct config_problems *problems)
{
    bool has_later = false;

    for (const struct config_node *child = mapping->first; child != NULL; child = child->next) {
        char path[PATH_MAX_LEN];
        path_of(path, prefix, child->key);
        const struct config_key *key = config_keys_find(path);
        has_later = has_later || (prefix[0] != '\0' && key != NULL && key->since == NULL);
    }
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        const char *leaf = leaf_under(key->path, prefix);
        if (leaf == NULL || strcmp(leaf, "*") == 0 || config_node_find(mapping, leaf) != NULL) {
            continue;
        }
        /* Who asks for what is not there yet need not hear that its alternative is missing. */
        if (key->is_required && !has_later) {
            config_problems_add(problems, mapping->mark, "\"%s\" is missing: %s", leaf,
                                key->sentence);
        } else if (key->preset != NULL && !key->is_computed) {
            config_scalar_read_preset(key, target);
        }
    }
}

/* The preset of a section that is not there at all. */
static const struct config_node nothing = {.kind = CONFIG_NODE_MAPPING};

static enum err read_mapping(struct reading *r, const struct config_node *mapping,
                             const char *prefix, void *target)
{
    fill_presets(mapping, prefix, target, r->problems);
    for (const struct config_node *child = mapping->first; child != NULL; child = child->next) {
        char path[PATH_MAX_LEN];
        path_of(path, prefix, child->key);
        const struct config_key *key = config_keys_find(path);
        enum err rc = ERR_OK;
        if (child->is_broken) {
            continue;
        }
        if (key == NULL) {
            report_unknown(r, child, prefix);
        } else {
            rc = read_value(r, child, key, target);
        }
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_OK;
}

/* Places of what is only found wrong later, when other files are read or a running daemon is
 * compared with it. */
static void keep_marks(const struct config_node *root, struct config *config)
{
    const struct config_node *deployment = config_node_find(root, "deployment");
    const struct config_node *http = config_node_find(root, "http");
    const struct config_node *store = config_node_find(root, "store");
    const struct config_node *filter = config_node_find(root, "syscall_filter");

    config->deployment_mark = deployment == NULL ? root->mark : deployment->mark;
    config->http.mark = http == NULL ? root->mark : http->mark;
    config->store.mark = store == NULL ? root->mark : store->mark;
    config->syscall_filter_mark = filter == NULL ? root->mark : filter->mark;
}

enum err config_read(const struct config_node *root, struct config *config,
                     struct config_problems *problems)
{
    struct reading r = {.config = config, .problems = problems};

    if (!is_kind(&r, root, CONFIG_NODE_MAPPING)) {
        return ERR_OK;
    }
    if (config_node_find(root, "log") == NULL) {
        fill_presets(&nothing, "log", config, problems);
    }
    enum err rc = read_mapping(&r, root, "", config);
    keep_marks(root, config);
    const struct config_node *store = config_node_find(root, "store");
    if (rc == ERR_OK && r.bad_values == 0 && store != NULL && store->kind == CONFIG_NODE_MAPPING &&
        config_node_find(store, "type") != NULL) {
        config_check_store(&config->store, store, problems);
    }
    if (rc == ERR_OK && problems->errors == 0) {
        config_check_names(config, root, problems);
    }
    return rc;
}
