/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_parse.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/text.h"

struct builder {
    yaml_parser_t parser;
    struct config_problems *problems;
    struct config_node *root;    /* owned */
    struct config_node *current; /* the open mapping or sequence */
    char *key;                   /* owned; waits for its value */
    struct config_mark key_mark;
    size_t depth;
    bool has_document;
    bool is_done;
};

static struct config_mark mark_of(const yaml_mark_t *mark)
{
    return (struct config_mark){.line = mark->line + 1, .column = mark->column + 1};
}

/* The reader does not know lines yet when it meets a byte it refuses; it gives an offset. */
static struct config_mark mark_at_offset(const char *text, size_t offset)
{
    struct config_mark mark = {.line = 1, .column = 1};

    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            mark.line++;
            mark.column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

/* libyaml's words for what it misses, in words for who wrote the file. */
static const char *explain(const char *problem)
{
    static const struct {
        const char *theirs;
        const char *ours;
    } rows[] = {
        {"did not find expected <document start>",
         "text that belongs to no key: each line is KEY: VALUE"},
        {"did not find expected key",
         "no key begins here: is the line indented as those around it?"},
        {"could not find expected ':'", "a key without its colon: write KEY: VALUE"},
        {"found character that cannot start any token",
         "a tab, or a sign that begins no value: indent with blanks, quote such a value"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (problem != NULL && strcmp(problem, rows[i].theirs) == 0) {
            return rows[i].ours;
        }
    }
    return problem == NULL ? "cannot be read" : problem;
}

static enum err report_yaml_error(struct builder *b, const char *text, size_t len)
{
    const yaml_parser_t *p = &b->parser;

    if (p->error == YAML_MEMORY_ERROR) {
        return ERR_NOMEM;
    }
    const char *problem = explain(p->problem);
    if (p->error == YAML_READER_ERROR) {
        size_t offset = p->problem_offset < len ? p->problem_offset : len;
        config_problems_add(b->problems, mark_at_offset(text, offset), "not plain UTF-8 text: %s",
                            problem);
    } else if (p->context != NULL) {
        config_problems_add(b->problems, mark_of(&p->problem_mark),
                            "not valid YAML: %s (%s that begins at %zu:%zu)", problem, p->context,
                            p->context_mark.line + 1, p->context_mark.column + 1);
    } else {
        config_problems_add(b->problems, mark_of(&p->problem_mark), "not valid YAML: %s", problem);
    }
    return ERR_INVALID;
}

static bool has_child(const struct config_node *mapping, const char *key,
                      struct config_mark *out_mark)
{
    const struct config_node *node = config_node_find(mapping, key);

    if (node == NULL) {
        return false;
    }
    *out_mark = node->key_mark;
    return true;
}

/* Gives `node` the waiting key. */
static void take_key(struct builder *b, struct config_node *node)
{
    struct config_mark first;

    node->key = b->key;
    node->key_mark = b->key_mark;
    b->key = NULL;
    if (has_child(b->current, node->key, &first)) {
        config_problems_add(b->problems, node->key_mark,
                            "duplicate key \"%s\" (first on line %zu): remove one of them",
                            text_is_label(node->key, 64) ? node->key : "?", first.line);
        node->is_broken = true;
    }
}

/* Owns `node` from here on. */
static enum err add_node(struct builder *b, struct config_node *node)
{
    struct config_node *parent = b->current;

    if (parent == NULL) {
        b->root = node;
        return ERR_OK;
    }
    if (parent->child_count == CONFIG_CHILDREN_MAX) {
        config_problems_add(b->problems, node->mark, "more than %d entries in one place",
                            CONFIG_CHILDREN_MAX);
        config_node_free(node);
        return ERR_INVALID;
    }
    if (parent->kind == CONFIG_NODE_MAPPING) {
        take_key(b, node);
    }
    node->parent = parent;
    if (parent->last == NULL) {
        parent->first = node;
    } else {
        parent->last->next = node;
    }
    parent->last = node;
    parent->child_count++;
    return ERR_OK;
}

static enum err new_node(struct builder *b, const yaml_event_t *event, enum config_node_kind kind,
                         bool is_broken, struct config_node **out_node)
{
    struct config_node *node = calloc(1, sizeof(*node));

    if (node == NULL) {
        return ERR_NOMEM;
    }
    node->kind = kind;
    node->mark = mark_of(&event->start_mark);
    node->is_broken = is_broken;
    enum err rc = add_node(b, node);
    if (rc == ERR_OK) {
        *out_node = node;
    }
    return rc;
}

/* Whether one was there. */
static bool refuse_extras(struct builder *b, const yaml_event_t *event, const yaml_char_t *anchor,
                          const yaml_char_t *tag)
{
    if (anchor != NULL) {
        config_problems_add(b->problems, mark_of(&event->start_mark),
                            "anchors (&name) are not supported: write the value where it is used");
    }
    if (tag != NULL) {
        config_problems_add(b->problems, mark_of(&event->start_mark),
                            "tags (!name) are not supported: remove it");
    }
    return anchor != NULL || tag != NULL;
}

static bool wants_key(const struct builder *b)
{
    return b->current != NULL && b->current->kind == CONFIG_NODE_MAPPING && b->key == NULL;
}

static enum err on_scalar(struct builder *b, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    struct config_node *node = NULL;
    bool is_broken = refuse_extras(b, event, event->data.scalar.anchor, event->data.scalar.tag);

    if (strlen(value) != event->data.scalar.length) {
        config_problems_add(b->problems, mark_of(&event->start_mark),
                            "a NUL character is not allowed here");
        is_broken = true;
    }
    char *copy = strdup(value);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    if (wants_key(b)) {
        b->key = copy;
        b->key_mark = mark_of(&event->start_mark);
        return ERR_OK;
    }
    enum err rc = new_node(b, event, CONFIG_NODE_SCALAR, is_broken, &node);
    if (rc != ERR_OK) {
        free(copy);
        return rc;
    }
    node->text = copy;
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return ERR_OK;
}

static enum err on_alias(struct builder *b, const yaml_event_t *event)
{
    struct config_node *node = NULL;

    config_problems_add(b->problems, mark_of(&event->start_mark),
                        "aliases (*name) are not supported: write the value out");
    if (wants_key(b)) {
        return ERR_INVALID;
    }
    enum err rc = new_node(b, event, CONFIG_NODE_SCALAR, true, &node);
    if (rc != ERR_OK) {
        return rc;
    }
    node->text = strdup("");
    return node->text == NULL ? ERR_NOMEM : ERR_OK;
}

static enum err on_start(struct builder *b, const yaml_event_t *event, enum config_node_kind kind)
{
    struct config_node *node = NULL;
    bool is_mapping = kind == CONFIG_NODE_MAPPING;
    bool is_broken = refuse_extras(
        b, event, is_mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
        is_mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag);

    if (wants_key(b)) {
        config_problems_add(b->problems, mark_of(&event->start_mark),
                            "a key must be text, not a list or mapping");
        return ERR_INVALID;
    }
    if (b->depth == CONFIG_DEPTH_MAX) {
        config_problems_add(b->problems, mark_of(&event->start_mark),
                            "nested deeper than %d levels", CONFIG_DEPTH_MAX);
        return ERR_INVALID;
    }
    enum err rc = new_node(b, event, kind, is_broken, &node);
    if (rc == ERR_OK) {
        b->current = node;
        b->depth++;
    }
    return rc;
}

static enum err on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->has_document) {
            config_problems_add(b->problems, mark_of(&event->start_mark),
                                "a second document begins here: one file holds one configuration");
            return ERR_INVALID;
        }
        b->has_document = true;
        return ERR_OK;
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_ALIAS_EVENT:
        return on_alias(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, event, CONFIG_NODE_SEQUENCE);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, event, CONFIG_NODE_MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->current = b->current->parent;
        b->depth--;
        return ERR_OK;
    case YAML_STREAM_END_EVENT:
        b->is_done = true;
        return ERR_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return ERR_OK;
    }
    return ERR_OK;
}

static enum err build(struct builder *b, const char *text, size_t len)
{
    enum err rc = ERR_OK;

    while (rc == ERR_OK && !b->is_done) {
        yaml_event_t event;
        if (yaml_parser_parse(&b->parser, &event) == 0) {
            return report_yaml_error(b, text, len);
        }
        rc = on_event(b, &event);
        yaml_event_delete(&event);
    }
    if (rc == ERR_OK && b->root == NULL) {
        config_problems_add(b->problems, (struct config_mark){1, 1},
                            "there is nothing in this file but blanks and comments");
        rc = ERR_INVALID;
    }
    return rc;
}

enum err config_parse(const char *text, size_t len, struct config_node **out_root,
                      struct config_problems *problems)
{
    struct builder b = {.problems = problems};

    if (yaml_parser_initialize(&b.parser) == 0) {
        return ERR_NOMEM;
    }
    /* Otherwise two bytes at the beginning could choose UTF-16. */
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, len);
    enum err rc = build(&b, text, len);
    yaml_parser_delete(&b.parser);
    free(b.key);
    if (rc == ERR_OK) {
        *out_root = b.root;
    } else {
        config_node_free(b.root);
    }
    return rc;
}

void config_node_free(struct config_node *node)
{
    if (node == NULL) {
        return;
    }
    for (struct config_node *child = node->first, *next = NULL; child != NULL; child = next) {
        next = child->next;
        config_node_free(child);
    }
    free(node->key);
    free(node->text);
    free(node);
}

const struct config_node *config_node_find(const struct config_node *mapping, const char *key)
{
    for (const struct config_node *node = mapping->first; node != NULL; node = node->next) {
        if (strcmp(node->key, key) == 0) {
            return node;
        }
    }
    return NULL;
}
