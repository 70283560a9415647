/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_keys.h"

#include "ctl/ask.h"
#include "ctl/moment.h"
#include "ctl/show.h"
#include "ctl/table.h"

static const struct table_column columns[] = {
    {"NAME", false},    {"STATE", false},   {"PUBLISHED", false}, {"ACTIVE", false},
    {"RETIRED", false}, {"DROPPED", false}, {"FORGOTTEN", false},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* Of several active keys one encrypts; operators look for that one. */
static const char *state_of(const struct wire_key_info *key)
{
    return key->encrypting ? "encrypting" : key->state;
}

static void add_key(struct table *table, const struct wire_key_info *key, int64_t now)
{
    table_add(table, "%s", show_key_name(key->name).text);
    table_add(table, "%s", state_of(key));
    table_add(table, "%s", moment_relative(key->published_at, now).text);
    table_add(table, "%s", moment_relative(key->active_from, now).text);
    table_add(table, "%s", moment_relative(key->retired_from, now).text);
    table_add(table, "%s", moment_relative(key->dropped_from, now).text);
    table_add(table, "%s", moment_relative(key->forgotten_from, now).text);
}

static enum err show_table(const struct wire_key_list *list, FILE *to)
{
    enum err rc = ERR_NOMEM;
    struct table *table = table_new(columns, COLUMN_COUNT);

    if (table != NULL) {
        for (size_t i = 0; i < list->count; i++) {
            add_key(table, &list->keys[i], list->moment.server_time_ms);
        }
        rc = table_print(table, to);
    }
    table_free(table);
    return rc;
}

static void show_json_key(struct json *json, const struct wire_key_info *key)
{
    json_open_object(json, NULL);
    json_hex(json, "name", key->name, KEY_NAME_LEN);
    json_string(json, "state", key->state);
    json_bool(json, "encrypting", key->encrypting);
    json_bool(json, "revoked", key->revoked);
    json_time(json, "published_at", key->published_at);
    json_time(json, "active_from", key->active_from);
    json_time(json, "retired_from", key->retired_from);
    json_time(json, "dropped_from", key->dropped_from);
    json_time(json, "forgotten_from", key->forgotten_from);
    json_close_object(json);
}

static void show_json(const struct wire_key_list *list, FILE *to)
{
    struct json json = show_json_start(to, "keys");

    json_string(&json, "realm", list->realm);
    json_hex(&json, "digest", list->digest, DIGEST_LEN);
    show_json_moment(&json, &list->moment);
    json_open_array(&json, "keys");
    for (size_t i = 0; i < list->count; i++) {
        show_json_key(&json, &list->keys[i]);
    }
    json_close_array(&json);
    json_close_object(&json);
}

enum err cmd_keys_show(const struct wire_key_list *list, enum args_output output, FILE *to)
{
    if (output == ARGS_OUTPUT_JSON) {
        show_json(list, to);
        return ERR_OK;
    }
    return show_table(list, to);
}

enum exit_code cmd_keys(const struct args *args)
{
    struct wire_key_list list = {0};
    struct errbuf why = {""};

    enum err rc = ask_keys(args, args->words[1], &list, &why);
    if (rc == ERR_OK) {
        rc = cmd_keys_show(&list, args->output, stdout);
    }
    wire_key_list_fini(&list);
    return rc == ERR_OK ? EXIT_CODE_DONE : exit_code_report(rc, &why);
}
