/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_status.h"

#include <stdbool.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/moment.h"
#include "ctl/show.h"
#include "ctl/table.h"

static const struct table_column columns[] = {
    {"REALM", false},    {"STATE", false}, {"ENCRYPTING KEY", false}, {"SINCE", false},
    {"NEXT KEY", false}, {"KEYS", true},   {"FRONTENDS", true},       {"STORE READ", false},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

static bool is_degraded(const struct wire_status *status)
{
    bool is_well = status->problem_count == 0 && !status->moment.suspect && status->store.reachable;

    for (size_t i = 0; i < status->realm_count; i++) {
        is_well = is_well && status->realms[i].problem[0] == '\0' && status->realms[i].ready;
    }
    return !is_well;
}

static const char *state_of(const struct wire_realm_status *realm)
{
    if (!realm->ready) {
        return "not ready";
    }
    if (!realm->has_active) {
        return "no key yet";
    }
    return realm->problem[0] != '\0' ? "problem" : "ok";
}

static void add_realm(struct table *table, const struct wire_realm_status *realm, int64_t now)
{
    table_add(table, "%s", realm->realm);
    table_add(table, "%s", state_of(realm));
    table_add(table, "%s", realm->has_active ? show_key_name(realm->active_name).text : "-");
    table_add(table, "%s", moment_relative(realm->active_since_ms, now).text);
    table_add(table, "%s", moment_relative(realm->next_active_ms, now).text);
    table_add(table, "%u", realm->keys);
    table_add(table, "%u of %u", realm->watchers_current, realm->watchers);
    table_add(table, "%s", moment_relative(realm->as_of_ms, now).text);
}

static enum err show_realms(const struct wire_status *status, FILE *to)
{
    enum err rc = ERR_NOMEM;
    struct table *table = table_new(columns, COLUMN_COUNT);

    if (table != NULL) {
        for (size_t i = 0; i < status->realm_count; i++) {
            add_realm(table, &status->realms[i], status->moment.server_time_ms);
        }
        rc = table_print(table, to);
    }
    table_free(table);
    return rc;
}

static enum err show_table(const struct wire_status *status, FILE *to)
{
    int64_t now = status->moment.server_time_ms;

    (void)fprintf(to, "daemon  stekd %s, deployment %s, up %s, %u connection%s\n", status->version,
                  status->deployment, moment_span(clock_between_ms(status->started_ms, now)).text,
                  status->connections, status->connections == 1 ? "" : "s");
    (void)fprintf(to, "store   %s, %s, last read %s\n", status->store.type,
                  status->store.reachable ? "reachable" : "not reachable",
                  moment_relative(status->store.last_read_ms, now).text);
    (void)fprintf(to, "clock   %s\n\n",
                  status->moment.suspect ? "suspect: keys are served and not changed" : "sound");
    enum err rc = show_realms(status, to);
    if (status->problem_count > 0) {
        (void)fputs("\nproblems\n", to);
    }
    for (size_t i = 0; i < status->problem_count; i++) {
        (void)fprintf(to, "  %s\n", status->problems[i]);
    }
    return rc;
}

static void show_json_realm(struct json *json, const struct wire_realm_status *realm)
{
    json_open_object(json, NULL);
    json_string(json, "realm", realm->realm);
    json_string(json, "state", state_of(realm));
    json_bool(json, "ready", realm->ready);
    if (realm->has_active) {
        json_hex(json, "encrypting", realm->active_name, KEY_NAME_LEN);
    } else {
        json_null(json, "encrypting");
    }
    json_time(json, "active_since", realm->active_since_ms);
    json_time(json, "next_active", realm->next_active_ms);
    json_uint(json, "keys", realm->keys);
    json_uint(json, "tombstones", realm->tombstones);
    json_uint(json, "frontends", realm->watchers);
    json_uint(json, "frontends_current", realm->watchers_current);
    json_uint(json, "revision", realm->revision);
    json_hex(json, "digest", realm->digest, DIGEST_LEN);
    json_time(json, "as_of", realm->as_of_ms);
    json_string(json, "problem", realm->problem);
    show_json_policy(json, &realm->policy);
    json_close_object(json);
}

static void show_json_daemon(struct json *json, const struct wire_status *status)
{
    json_open_object(json, "daemon");
    json_string(json, "version", status->version);
    json_string(json, "deployment", status->deployment);
    json_time(json, "started", status->started_ms);
    json_uint(json, "connections", status->connections);
    json_close_object(json);
    json_open_object(json, "store");
    json_string(json, "type", status->store.type);
    json_bool(json, "reachable", status->store.reachable);
    json_string(json, "last_error", status->store.last_error);
    json_time(json, "last_read", status->store.last_read_ms);
    json_close_object(json);
}

static void show_json(const struct wire_status *status, FILE *to)
{
    struct json json = show_json_start(to, "status");

    json_bool(&json, "ok", !is_degraded(status));
    show_json_moment(&json, &status->moment);
    show_json_daemon(&json, status);
    json_open_array(&json, "realms");
    for (size_t i = 0; i < status->realm_count; i++) {
        show_json_realm(&json, &status->realms[i]);
    }
    json_close_array(&json);
    json_open_array(&json, "problems");
    for (size_t i = 0; i < status->problem_count; i++) {
        json_string(&json, NULL, status->problems[i]);
    }
    json_close_array(&json);
    json_close_object(&json);
}

enum exit_code cmd_status_show(const struct wire_status *status, enum args_output output, FILE *to)
{
    const struct errbuf why = {""};

    if (output == ARGS_OUTPUT_JSON) {
        show_json(status, to);
    } else {
        enum err rc = show_table(status, to);
        if (rc != ERR_OK) {
            return exit_code_report(rc, &why);
        }
    }
    return is_degraded(status) ? EXIT_CODE_DEGRADED : EXIT_CODE_DONE;
}

enum exit_code cmd_status(const struct args *args)
{
    struct wire_status status = {0};
    struct errbuf why = {""};

    enum err rc = ask_status(args, &status, &why);
    if (rc != ERR_OK) {
        return exit_code_report(rc, &why);
    }
    enum exit_code code = cmd_status_show(&status, args->output, stdout);
    wire_status_fini(&status);
    return code;
}
