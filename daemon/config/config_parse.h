/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text to a tree of nodes with places. Knows YAML and nothing of our keys. What YAML allows
 * and a configuration does not need is refused here: anchors, aliases, tags, several documents,
 * keys that are not text, duplicate keys, depth and size beyond any use.
 */
#ifndef STEKD_CONFIG_CONFIG_PARSE_H
#define STEKD_CONFIG_CONFIG_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/config_problems.h"

#define CONFIG_DEPTH_MAX    16
#define CONFIG_CHILDREN_MAX 1024 /* of one mapping or sequence */

enum config_node_kind { CONFIG_NODE_SCALAR, CONFIG_NODE_SEQUENCE, CONFIG_NODE_MAPPING };

struct config_node {
    enum config_node_kind kind;
    struct config_mark mark;     /* of the value */
    char *key;                   /* owned; NULL unless the parent is a mapping */
    struct config_mark key_mark; /* likewise */
    char *text;                  /* owned; scalars only; may be cut short at an escaped NUL */
    bool is_quoted;
    bool is_broken; /* a problem has been reported: do not look inside */
    struct config_node *parent;
    struct config_node *first; /* owned */
    struct config_node *last;
    struct config_node *next; /* owned by the parent */
    size_t child_count;
};

/* ERR_INVALID: problems say why there is no tree. On ERR_OK there may be problems too (a duplicate
 * key, say); the tree is then worth checking further, but no configuration. The caller owns
 * *out_root and gives it to config_node_free(). */
enum err config_parse(const char *text, size_t len, struct config_node **out_root,
                      struct config_problems *problems) MUST_USE;

/* NULL allowed. */
void config_node_free(struct config_node *node);

/* The value under `key` that counts, or NULL. */
const struct config_node *config_node_find(const struct config_node *mapping, const char *key);

#endif
