/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_rekey.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ask.h"
#include "ctl/show.h"

struct id_text {
    char text[2 * WIRE_KEK_ID_LEN + 1];
};

static struct id_text show_id(const uint8_t id[WIRE_KEK_ID_LEN])
{
    static const uint8_t none[WIRE_KEK_ID_LEN];
    struct id_text out = {"none"};

    if (memcmp(id, none, sizeof(none)) != 0) {
        text_hex_encode(id, WIRE_KEK_ID_LEN, out.text);
    }
    return out;
}

static void show_text(const struct cmd_rekey_row *row, FILE *to)
{
    const struct wire_rekeyed *rekeyed = &row->rekeyed;

    if (rekeyed->changed) {
        (void)fprintf(to, "realm %s: sealed under key-encryption key %s, before under %s\n",
                      row->realm, show_id(rekeyed->kek).text, show_id(rekeyed->kek_before).text);
    } else {
        (void)fprintf(to, "realm %s: nothing to change: sealed under key-encryption key %s\n",
                      row->realm, show_id(rekeyed->kek).text);
    }
}

static void show_json(const struct cmd_rekey_row *rows, size_t count, FILE *to)
{
    struct json json = show_json_start(to, "rekey");

    json_open_array(&json, "realms");
    for (size_t i = 0; i < count; i++) {
        json_open_object(&json, NULL);
        json_string(&json, "realm", rows[i].realm);
        json_bool(&json, "changed", rows[i].rekeyed.changed);
        json_hex(&json, "kek_before", rows[i].rekeyed.kek_before, WIRE_KEK_ID_LEN);
        json_hex(&json, "kek", rows[i].rekeyed.kek, WIRE_KEK_ID_LEN);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
}

void cmd_rekey_show(const struct cmd_rekey_row *rows, size_t count, enum args_output output,
                    FILE *to)
{
    if (output == ARGS_OUTPUT_JSON) {
        show_json(rows, count, to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        show_text(&rows[i], to);
    }
}

static enum err rekey_one(const struct args *args, const char *realm, struct cmd_rekey_row *row,
                          struct errbuf *why)
{
    struct wire_rekey request = {.realm = ""};

    enum err rc = text_copy(request.realm, sizeof(request.realm), realm);
    if (rc == ERR_OK && args->reason != NULL) {
        rc = text_copy(request.reason, sizeof(request.reason), args->reason);
    }
    if (rc == ERR_OK) {
        rc = ask_rekey(args, &request, &row->rekeyed, why);
    }
    if (rc == ERR_OK) {
        rc = text_copy(row->realm, sizeof(row->realm), realm);
    } else {
        errbuf_prefix(why, "realm %s", realm);
    }
    return rc;
}

static enum err rekey_all(const struct args *args, const struct wire_status *realms,
                          struct cmd_rekey_row *rows, size_t *count, struct errbuf *why)
{
    enum err rc = ERR_OK;

    for (size_t i = 0; rc == ERR_OK && i < realms->realm_count; i++) {
        rc = rekey_one(args, realms->realms[i].realm, &rows[*count], why);
        *count += rc == ERR_OK ? 1 : 0;
    }
    return rc;
}

enum exit_code cmd_rekey(const struct args *args)
{
    struct wire_status realms = {0};
    struct cmd_rekey_row *rows = NULL;
    struct cmd_rekey_row single;
    struct errbuf why = {""};
    size_t count = 0;
    enum err rc = ERR_OK;

    if (args->word_count > 1) {
        rc = rekey_one(args, args->words[1], &single, &why);
        count = rc == ERR_OK ? 1 : 0;
    } else {
        rc = ask_realms(args, &realms, &why);
        if (rc == ERR_OK) {
            rows = calloc(realms.realm_count + 1, sizeof(*rows));
            rc = rows == NULL ? ERR_NOMEM : rekey_all(args, &realms, rows, &count, &why);
        }
    }
    if (rc == ERR_OK || count > 0) {
        cmd_rekey_show(rows == NULL ? &single : rows, count, args->output, stdout);
    }
    wire_status_fini(&realms);
    free(rows);
    return rc == ERR_OK ? EXIT_CODE_DONE : exit_code_report(rc, &why);
}
