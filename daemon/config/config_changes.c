/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_changes.h"

#include <stdbool.h>
#include <string.h>

#include "config/config_keys.h"

static bool is_same_address(const struct config_address *a, const struct config_address *b)
{
    return strcmp(a->unix_path, b->unix_path) == 0 && strcmp(a->host, b->host) == 0 &&
           a->port == b->port;
}

static bool is_same_list(const struct config_addresses *a, const struct config_addresses *b)
{
    bool is_same = a->count == b->count;

    for (size_t i = 0; i < a->count && is_same; i++) {
        is_same = is_same_address(&a->at[i], &b->at[i]);
    }
    return is_same;
}

static bool is_same_http(const struct config_http *a, const struct config_http *b)
{
    return strcmp(a->address, b->address) == 0 && a->port == b->port;
}

/* `a` and `b` are the members of two structs that the row names. */
static bool is_same_value(enum config_type type, const void *a, const void *b)
{
    switch (type) {
    case CONFIG_TYPE_LABEL:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_UNIX_PATH:
        return strcmp(a, b) == 0;
    case CONFIG_TYPE_ADDRESS:
        return is_same_address(a, b);
    case CONFIG_TYPE_ADDRESSES:
        return is_same_list(a, b);
    case CONFIG_TYPE_LOOPBACK:
        return is_same_http(a, b);
    case CONFIG_TYPE_CHOICE:
        return memcmp(a, b, sizeof(unsigned)) == 0;
    case CONFIG_TYPE_MODE:
    case CONFIG_TYPE_COUNT:
        return memcmp(a, b, sizeof(uint32_t)) == 0;
    case CONFIG_TYPE_DURATION:
        return memcmp(a, b, sizeof(int64_t)) == 0;
    case CONFIG_TYPE_PATHS:
    case CONFIG_TYPE_PRINCIPALS:
    case CONFIG_TYPE_SECTION:
    case CONFIG_TYPE_LISTENERS:
    case CONFIG_TYPE_REALMS:
    case CONFIG_TYPE_LATER:
        break; /* lists that can change, and what has no value of its own */
    }
    return true;
}

static struct config_mark place_of(const struct config *config, const char *path)
{
    if (strncmp(path, "store", 5) == 0) {
        return config->store.mark;
    }
    if (strcmp(path, "syscall_filter") == 0) {
        return config->syscall_filter_mark;
    }
    return strcmp(path, "http") == 0 ? config->http.mark : config->deployment_mark;
}

static void compare_listeners(const struct config_key *key, const struct config *running,
                              const struct config *next, struct config_problems *problems)
{
    for (size_t i = 0; i < next->listener_count; i++) {
        const char *a = (const char *)&running->listeners[i] + key->offset;
        const char *b = (const char *)&next->listeners[i] + key->offset;
        if (!is_same_value(key->type, a, b)) {
            config_problems_add(problems, next->listeners[i].mark,
                                "\"%s\" has changed, which needs a restart of stekd",
                                config_keys_leaf(key->path));
        }
    }
}

void config_changes_find(const struct config *running, const struct config *next,
                         struct config_problems *problems)
{
    bool is_other_count = running->listener_count != next->listener_count;

    if (is_other_count) {
        config_problems_add(problems, next->listeners[0].mark,
                            "\"listen\" has %zu entries where %zu are in use, which needs a "
                            "restart of stekd",
                            next->listener_count, running->listener_count);
    }
    for (size_t i = 0; i < config_keys_count(); i++) {
        const struct config_key *key = config_keys_at(i);
        if (key->is_reloadable || strncmp(key->path, "realms.", 7) == 0) {
            continue;
        }
        if (strncmp(key->path, "listen[]", 8) == 0) {
            if (!is_other_count) {
                compare_listeners(key, running, next, problems);
            }
        } else if (!is_same_value(key->type, (const char *)running + key->offset,
                                  (const char *)next + key->offset)) {
            config_problems_add(problems, place_of(next, key->path),
                                "\"%s\" has changed, which needs a restart of stekd", key->path);
        }
    }
}
