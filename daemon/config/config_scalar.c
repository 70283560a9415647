/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_scalar.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "config/config_principal.h"
#include "config/config_suggest.h"
#include "config/config_value.h"

/* put_choice() writes an unsigned. */
_Static_assert(sizeof(enum log_format) == sizeof(unsigned) &&
                   sizeof(enum log_level) == sizeof(unsigned) &&
                   sizeof(enum config_store) == sizeof(unsigned),
               "enums of the configuration have the size of unsigned");

static void *member(const struct config_key *key, void *target)
{
    return (char *)target + key->offset;
}

static enum err put_duration(const char *text, const struct config_key *key, void *to,
                             struct errbuf *why)
{
    int64_t ms = 0;
    enum err rc = config_value_duration(text, &ms, why);

    if (rc != ERR_OK) {
        return rc;
    }
    if (ms < key->min || ms > key->max) {
        errbuf_set(why, "\"%s\" is out of range: %s to %s", config_value_show(text),
                   text_span_of(key->min).text, text_span_of(key->max).text);
        return ERR_INVALID;
    }
    memcpy(to, &ms, sizeof(ms));
    return ERR_OK;
}

static enum err put_count(const char *text, const struct config_key *key, void *to,
                          struct errbuf *why)
{
    uint32_t value = 0;
    enum err rc = config_value_uint(text, &value, why);

    if (rc != ERR_OK) {
        return rc;
    }
    if (value < key->min || value > key->max) {
        errbuf_set(why, "%s is out of range: %d to %d", text, (int)key->min, (int)key->max);
        return ERR_INVALID;
    }
    memcpy(to, &value, sizeof(value));
    return ERR_OK;
}

/* min: bits that must be there; max: bits that may. */
static enum err put_mode(const char *text, const struct config_key *key, void *to,
                         struct errbuf *why)
{
    uint32_t mode = 0;
    enum err rc = config_value_mode(text, &mode, why);

    if (rc != ERR_OK) {
        return rc;
    }
    if ((mode & (uint32_t)key->min) != (uint32_t)key->min || (mode & ~(uint32_t)key->max) != 0) {
        errbuf_set(why, "\"%s\" is no mode for a socket: read and write only, both for the owner",
                   text);
        return ERR_INVALID;
    }
    memcpy(to, &mode, sizeof(mode));
    return ERR_OK;
}

/* Whether `word` is one of `words`, which blanks separate. */
static bool is_among(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; at != NULL && len > 0; at = strchr(at, ' ')) {
        at += *at == ' ' ? 1 : 0;
        if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

static enum err refuse_choice(const char *text, const struct config_key *key, struct errbuf *why)
{
    struct config_suggest suggest = config_suggest_start(text);
    char list[128] = "";
    size_t len = 0;

    if (is_among(key->later_choices, text)) {
        errbuf_set(why, "\"%s\" is not in this version: the only choice is \"%s\"", text,
                   key->choices[0]);
        return ERR_UNSUPPORTED;
    }
    for (size_t i = 0; key->choices[i] != NULL; i++) {
        config_suggest_offer(&suggest, key->choices[i]);
        size_t more = strlen(key->choices[i]);
        assert(len + more + 3 < sizeof(list));
        memcpy(list + len, i == 0 ? "" : ", ", i == 0 ? 0 : 2);
        len += i == 0 ? 0 : 2;
        memcpy(list + len, key->choices[i], more + 1);
        len += more;
    }
    bool is_near = suggest.nearest != NULL;
    errbuf_set(why, "\"%s\" is not one of: %s%s%s%s", config_value_show(text), list,
               is_near ? "; did you mean \"" : "", is_near ? suggest.nearest : "",
               is_near ? "\"?" : "");
    return ERR_INVALID;
}

static enum err put_choice(const char *text, const struct config_key *key, void *to,
                           struct errbuf *why)
{
    for (unsigned i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(key->choices[i], text) == 0) {
            memcpy(to, &i, sizeof(i));
            return ERR_OK;
        }
    }
    return refuse_choice(text, key, why);
}

static enum err put_label(const char *text, void *to, struct errbuf *why)
{
    const size_t len = strlen(text);

    if (len == 0 || !text_is_label(text, CONFIG_DEPLOYMENT_MAX) || text[0] == ' ' ||
        text[len - 1] == ' ') {
        errbuf_set(why,
                   "\"%s\" is no name: 1 to %d bytes of printable text without blanks at its ends",
                   config_value_show(text), CONFIG_DEPLOYMENT_MAX);
        return ERR_INVALID;
    }
    return text_copy(to, CONFIG_DEPLOYMENT_MAX + 1, text);
}

static enum err put_unix_path(const char *text, void *to, struct errbuf *why)
{
    enum err rc = config_value_unix_path(text, why);

    return rc != ERR_OK ? rc : text_copy(to, CONFIG_UNIX_PATH_MAX + 1, text);
}

static enum err put_path(const char *text, void *to, struct errbuf *why)
{
    enum err rc = config_value_path(text, why);

    return rc != ERR_OK ? rc : text_copy(to, CONFIG_PATH_MAX + 1, text);
}

static enum err put(const char *text, const struct config_key *key, void *to, struct errbuf *why)
{
    switch (key->type) {
    case CONFIG_TYPE_LABEL:
        return put_label(text, to, why);
    case CONFIG_TYPE_PATH:
        return put_path(text, to, why);
    case CONFIG_TYPE_ADDRESS:
        return config_value_address(text, to, why);
    case CONFIG_TYPE_UNIX_PATH:
        return put_unix_path(text, to, why);
    case CONFIG_TYPE_LOOPBACK:
        return config_value_loopback(text, to, why);
    case CONFIG_TYPE_MODE:
        return put_mode(text, key, to, why);
    case CONFIG_TYPE_COUNT:
        return put_count(text, key, to, why);
    case CONFIG_TYPE_DURATION:
        return put_duration(text, key, to, why);
    case CONFIG_TYPE_CHOICE:
        return put_choice(text, key, to, why);
    case CONFIG_TYPE_PATHS:
    case CONFIG_TYPE_ADDRESSES:
    case CONFIG_TYPE_PRINCIPALS:
    case CONFIG_TYPE_SECTION:
    case CONFIG_TYPE_LISTENERS:
    case CONFIG_TYPE_REALMS:
    case CONFIG_TYPE_LATER:
        break;
    }
    assert(false);
    return ERR_INVALID;
}

/* YAML's ways to write that there is no value; in quotes they are text. */
static bool is_null(const struct config_node *node)
{
    static const char *const words[] = {"~", "null", "Null", "NULL"};
    bool is_found = node->text[0] == '\0';

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !node->is_quoted; i++) {
        is_found = is_found || strcmp(node->text, words[i]) == 0;
    }
    return is_found;
}

void config_scalar_read(const struct config_node *node, const struct config_key *key, void *target,
                        struct config_problems *problems)
{
    struct errbuf why = {""};

    if (node->is_broken) {
        return;
    }
    if (node->kind != CONFIG_NODE_SCALAR) {
        config_problems_add(problems, node->mark, "\"%s\" must be one value, not a list or mapping",
                            node->key);
    } else if (is_null(node)) {
        config_problems_add(problems, node->mark, "\"%s\" has no value: %s", node->key,
                            key->is_required ? "it needs one"
                                             : "to have the default, leave the key out");
    } else if (key->type == CONFIG_TYPE_COUNT && node->is_quoted) {
        config_problems_add(problems, node->mark, "\"%s\" is a number: write it without quotes",
                            node->key);
    } else if (put(node->text, key, member(key, target), &why) != ERR_OK) {
        config_problems_add(problems, node->mark, "%s: %s", node->key, why.text);
    }
}

void config_scalar_read_preset(const struct config_key *key, void *target)
{
    struct errbuf why = {""};
    char text[64];
    size_t len = strcspn(key->preset + (key->preset[0] == '"' ? 1 : 0), "\"");

    if (key->type == CONFIG_TYPE_PRINCIPALS) {
        return;
    }
    assert(len < sizeof(text));
    memcpy(text, key->preset + (key->preset[0] == '"' ? 1 : 0), len);
    text[len] = '\0';
    enum err rc = put(text, key, member(key, target), &why);
    assert(rc == ERR_OK); /* a row of ours; a test goes through all of them */
}

static bool is_same(const struct config_principal *a, const struct config_principal *b)
{
    if (a->kind != b->kind || a->id != b->id) {
        return false;
    }
    return a->pattern == NULL || strcmp(a->pattern, b->pattern) == 0;
}

static bool is_listed(const struct config_principals *list, const struct config_principal *who)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_same(&list->at[i], who)) {
            return true;
        }
    }
    return false;
}

static enum err read_principal(const struct config_node *node, struct config_principals *list,
                               struct config_problems *problems)
{
    struct errbuf why = {""};
    struct config_principal who = {0};

    if (node->is_broken) {
        return ERR_OK;
    }
    if (node->kind != CONFIG_NODE_SCALAR) {
        config_problems_add(problems, node->mark, "a name like \"uid:33\" is expected here");
        return ERR_OK;
    }
    enum err rc = config_principal_parse(node->text, &who, &why);
    if (rc == ERR_NOMEM) {
        return rc;
    }
    if (rc != ERR_OK) {
        config_problems_add(problems, node->mark, "%s", why.text);
    } else if (is_listed(list, &who)) {
        config_problems_add(problems, node->mark, "\"%s\" is in this list already: remove it",
                            config_value_show(node->text));
        free(who.pattern);
    } else {
        list->at[list->count++] = who;
    }
    return ERR_OK;
}

enum err config_scalar_read_principals(const struct config_node *node, const struct config_key *key,
                                       void *target, struct config_problems *problems)
{
    struct config_principals *list = member(key, target);
    enum err rc = ERR_OK;

    if (node->child_count > CONFIG_PRINCIPALS_MAX) {
        config_problems_add(problems, node->mark, "\"%s\" has more than %d entries", node->key,
                            CONFIG_PRINCIPALS_MAX);
        return ERR_OK;
    }
    if (node->child_count == 0) {
        return ERR_OK;
    }
    list->at = calloc(node->child_count, sizeof(list->at[0]));
    if (list->at == NULL) {
        return ERR_NOMEM;
    }
    for (const struct config_node *child = node->first; child != NULL && rc == ERR_OK;
         child = child->next) {
        rc = read_principal(child, list, problems);
    }
    return rc;
}

static enum err read_path(const struct config_node *node, struct config_paths *list,
                          struct config_problems *problems)
{
    struct errbuf why = {"a path is expected here"};

    if (node->is_broken) {
        return ERR_OK;
    }
    if (node->kind != CONFIG_NODE_SCALAR || is_null(node) ||
        config_value_path(node->text, &why) != ERR_OK) {
        config_problems_add(problems, node->mark, "%s", why.text);
        return ERR_OK;
    }
    list->at[list->count] = strdup(node->text);
    if (list->at[list->count] == NULL) {
        return ERR_NOMEM;
    }
    list->count++;
    return ERR_OK;
}

enum err config_scalar_read_paths(const struct config_node *node, const struct config_key *key,
                                  void *target, struct config_problems *problems)
{
    struct config_paths *list = member(key, target);
    enum err rc = ERR_OK;

    if (node->child_count == 0 || node->child_count > CONFIG_PATHS_MAX) {
        config_problems_add(problems, node->mark, "\"%s\" must have 1 to %d entries", node->key,
                            CONFIG_PATHS_MAX);
        return ERR_OK;
    }
    list->at = calloc(node->child_count, sizeof(list->at[0]));
    if (list->at == NULL) {
        return ERR_NOMEM;
    }
    for (const struct config_node *child = node->first; child != NULL && rc == ERR_OK;
         child = child->next) {
        rc = read_path(child, list, problems);
    }
    return rc;
}

static void read_address(const struct config_node *node, struct config_addresses *list,
                         struct config_problems *problems)
{
    struct config_address address = {.port = 0};
    struct errbuf why = {""};

    if (node->is_broken) {
        return;
    }
    if (node->kind != CONFIG_NODE_SCALAR) {
        config_problems_add(problems, node->mark,
                            "an address like 10.0.0.1:26379 is expected here");
    } else if (config_value_address(node->text, &address, &why) != ERR_OK) {
        config_problems_add(problems, node->mark, "%s", why.text);
    } else {
        list->at[list->count++] = address;
    }
}

enum err config_scalar_read_addresses(const struct config_node *node, const struct config_key *key,
                                      void *target, struct config_problems *problems)
{
    struct config_addresses *list = member(key, target);

    if (node->child_count == 0 || node->child_count > CONFIG_SENTINELS_MAX) {
        config_problems_add(problems, node->mark, "\"%s\" must have 1 to %d entries", node->key,
                            CONFIG_SENTINELS_MAX);
        return ERR_OK;
    }
    list->at = calloc(node->child_count, sizeof(list->at[0]));
    if (list->at == NULL) {
        return ERR_NOMEM;
    }
    for (const struct config_node *child = node->first; child != NULL; child = child->next) {
        read_address(child, list, problems);
    }
    return ERR_OK;
}
