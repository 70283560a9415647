/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_frontends.h"

#include <inttypes.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/moment.h"
#include "ctl/show.h"
#include "ctl/show_frontend.h"
#include "ctl/table.h"

static const struct table_column columns[] = {
    {"REALM", false},  {"NAME", false},   {"IDENTITY", false},   {"STATE", false},
    {"AGE", true},     {"CLOCK", true},   {"ISSUED", true},      {"OPENED", true},
    {"RENEWED", true}, {"UNKNOWN", true}, {"LAST HEARD", false}, {"LIBRARY", false},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

static void add_frontend(struct table *table, const struct wire_frontend *frontend, int64_t now)
{
    const struct wire_counters *counters = &frontend->counters;
    const int64_t skew = frontend->clock_skew_ms;

    table_add(table, "%s", frontend->realm);
    table_add(table, "%s", frontend->name[0] == '\0' ? "-" : frontend->name);
    table_add(table, "%s", frontend->identity);
    table_add(table, "%s", show_frontend_state(frontend));
    if (frontend->as_of == 0) {
        table_add(table, "-");
    } else {
        table_add(table, "%s", moment_span(clock_between_ms(frontend->as_of, now)).text);
    }
    table_add(table, "%s%s", skew < 0 ? "-" : "+", moment_span(skew).text);
    table_add(table, "%" PRIu64, counters->issued);
    table_add(table, "%" PRIu64, counters->decrypted);
    table_add(table, "%" PRIu64, counters->renewed);
    table_add(table, "%" PRIu64, counters->unknown_key);
    table_add(table, "%s", moment_relative(frontend->last_heard, now).text);
    table_add(table, "%s", frontend->library_version);
}

static void show_realm(const struct wire_realm_frontends *realm, FILE *to)
{
    if (!realm->ready) {
        (void)fprintf(to, "realm %s: not ready: its record has not been loaded yet\n",
                      realm->realm);
        return;
    }
    (void)fprintf(to, "realm %s: %" PRIu32 " of %" PRIu32 " connected hold the present keyring",
                  realm->realm, realm->current, realm->connected);
    if (realm->gone > 0) {
        (void)fprintf(to, ", %" PRIu32 " left and may still hold keys", realm->gone);
    }
    if (realm->confirmed < realm->connected + realm->gone) {
        (void)fprintf(to, ", %" PRIu32 " lack a revocation",
                      realm->connected + realm->gone - realm->confirmed);
    }
    (void)fprintf(to, "; the store %s it\n", realm->is_stored ? "holds" : "does not hold");
    if (realm->lost > 0) {
        (void)fprintf(to, "realm %s: %" PRIu64 " more that left are not remembered any more\n",
                      realm->realm, realm->lost);
    }
}

static enum err show_table(const struct wire_frontend_list *list, FILE *to)
{
    enum err rc = ERR_NOMEM;
    struct table *table = table_new(columns, COLUMN_COUNT);

    if (table != NULL) {
        for (size_t i = 0; i < list->count; i++) {
            add_frontend(table, &list->frontends[i], list->moment.server_time_ms);
        }
        rc = table_print(table, to);
    }
    table_free(table);
    if (list->omitted > 0) {
        (void)fprintf(to, "%" PRIu32 " more do not fit into one answer\n", list->omitted);
    }
    (void)fputc('\n', to);
    for (size_t i = 0; i < list->realm_count; i++) {
        show_realm(&list->realms[i], to);
    }
    (void)fputs("These are the frontends of the daemon that was asked; others have their own.\n",
                to);
    return rc;
}

static void show_json_realm(struct json *json, const struct wire_realm_frontends *realm)
{
    json_open_object(json, NULL);
    json_string(json, "realm", realm->realm);
    json_bool(json, "ready", realm->ready);
    json_hex(json, "digest", realm->digest, DIGEST_LEN);
    json_bool(json, "stored", realm->is_stored);
    json_uint(json, "connected", realm->connected);
    json_uint(json, "current", realm->current);
    json_uint(json, "gone", realm->gone);
    json_uint(json, "confirmed", realm->confirmed);
    json_uint(json, "lost", realm->lost);
    json_close_object(json);
}

static void show_json(const struct wire_frontend_list *list, FILE *to)
{
    struct json json = show_json_start(to, "frontends");

    show_json_moment(&json, &list->moment);
    json_open_array(&json, "realms");
    for (size_t i = 0; i < list->realm_count; i++) {
        show_json_realm(&json, &list->realms[i]);
    }
    json_close_array(&json);
    show_frontend_json(&json, "frontends", list->frontends, list->count,
                       list->moment.server_time_ms);
    json_uint(&json, "omitted", list->omitted);
    json_close_object(&json);
}

enum err cmd_frontends_show(const struct wire_frontend_list *list, enum args_output output,
                            FILE *to)
{
    if (output == ARGS_OUTPUT_JSON) {
        show_json(list, to);
        return ERR_OK;
    }
    return show_table(list, to);
}

enum exit_code cmd_frontends(const struct args *args)
{
    struct wire_frontend_list list = {0};
    struct errbuf why = {""};

    enum err rc = ask_frontends(args, args->word_count > 1 ? args->words[1] : "", &list, &why);
    if (rc == ERR_OK) {
        rc = cmd_frontends_show(&list, args->output, stdout);
    }
    wire_frontend_list_fini(&list);
    return rc == ERR_OK ? EXIT_CODE_DONE : exit_code_report(rc, &why);
}
