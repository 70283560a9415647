/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_realms.h"

#include "ctl/ask.h"
#include "ctl/show.h"
#include "ctl/table.h"

static const struct table_column columns[] = {
    {"REALM", false},      {"ROTATE EVERY", true},  {"TICKET LIFETIME", true},
    {"KEYS AHEAD", true},  {"SYNC INTERVAL", true}, {"MAX OFFLINE", true},
    {"SESSION AGE", true}, {"REVISION", true},      {"DIGEST", false},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

#define DIGEST_SHOWN 8 /* enough to see by eye whether two daemons hold the same ring */

static void add_realm(struct table *table, const struct wire_realm_status *realm)
{
    const struct policy *policy = &realm->policy;
    char digest[2 * DIGEST_SHOWN + 1];

    text_hex_encode(realm->digest, DIGEST_SHOWN, digest);
    table_add(table, "%s", realm->realm);
    table_add(table, "%s", text_span_of(policy->rotate_every_ms).text);
    table_add(table, "%s", text_span_of(policy->ticket_lifetime_ms).text);
    table_add(table, "%u", policy->keys_ahead);
    table_add(table, "%s", text_span_of(policy->sync_interval_ms).text);
    table_add(table, "%s",
              policy->max_offline_ms == 0 ? "-" : text_span_of(policy->max_offline_ms).text);
    table_add(table, "%s", text_span_of(policy->max_session_age_ms).text);
    table_add(table, "%llu", (unsigned long long)realm->revision);
    table_add(table, "%s", digest);
}

static enum err show_table(const struct wire_status *realms, FILE *to)
{
    enum err rc = ERR_NOMEM;
    struct table *table = table_new(columns, COLUMN_COUNT);

    if (table != NULL) {
        for (size_t i = 0; i < realms->realm_count; i++) {
            add_realm(table, &realms->realms[i]);
        }
        rc = table_print(table, to);
    }
    table_free(table);
    return rc;
}

static void show_json(const struct wire_status *realms, FILE *to)
{
    struct json json = show_json_start(to, "realms");

    show_json_moment(&json, &realms->moment);
    json_open_array(&json, "realms");
    for (size_t i = 0; i < realms->realm_count; i++) {
        const struct wire_realm_status *realm = &realms->realms[i];
        json_open_object(&json, NULL);
        json_string(&json, "realm", realm->realm);
        json_uint(&json, "revision", realm->revision);
        json_hex(&json, "digest", realm->digest, DIGEST_LEN);
        show_json_policy(&json, &realm->policy);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
}

enum err cmd_realms_show(const struct wire_status *realms, enum args_output output, FILE *to)
{
    if (output == ARGS_OUTPUT_JSON) {
        show_json(realms, to);
        return ERR_OK;
    }
    return show_table(realms, to);
}

enum exit_code cmd_realms(const struct args *args)
{
    struct wire_status realms = {0};
    struct errbuf why = {""};

    enum err rc = ask_realms(args, &realms, &why);
    if (rc == ERR_OK) {
        rc = cmd_realms_show(&realms, args->output, stdout);
    }
    wire_status_fini(&realms);
    return rc == ERR_OK ? EXIT_CODE_DONE : exit_code_report(rc, &why);
}
