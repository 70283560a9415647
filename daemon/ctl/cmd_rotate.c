/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_rotate.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ask.h"
#include "ctl/moment.h"
#include "ctl/show.h"

static void show_json(const struct wire_rotate *request, const struct wire_rotated *rotated,
                      FILE *to)
{
    struct json json = show_json_start(to, "rotate");

    json_string(&json, "realm", request->realm);
    json_bool(&json, "changed", rotated->changed);
    json_hex(&json, "retired", request->retire, KEY_NAME_LEN);
    if (rotated->has_promoted) {
        json_hex(&json, "promoted", rotated->promoted, KEY_NAME_LEN);
    } else {
        json_null(&json, "promoted");
    }
    json_time(&json, "at", rotated->at_ms);
    json_bool(&json, "encrypts_now", rotated->at_ms <= rotated->moment.server_time_ms);
    json_hex(&json, "digest", rotated->digest, DIGEST_LEN);
    show_json_moment(&json, &rotated->moment);
    json_close_object(&json);
}

static void show_text(const struct wire_rotate *request, const struct wire_rotated *rotated,
                      FILE *to)
{
    int64_t now = rotated->moment.server_time_ms;
    bool is_now = rotated->at_ms <= now;
    const struct show_name retired = show_key_name(request->retire);
    const struct show_name promoted = show_key_name(rotated->promoted);
    const char *successor = rotated->has_promoted ? promoted.text : "its successor";

    (void)fprintf(to, "realm %s: ", request->realm);
    if (!rotated->changed) {
        (void)fprintf(to,
                      is_now ? "nothing to change: %s was retired before (%s)\n"
                             : "nothing to change: %s already retires %s\n",
                      retired.text, moment_relative(rotated->at_ms, now).text);
        return;
    }
    if (is_now) {
        (void)fprintf(to, "%s encrypts now", successor);
    } else {
        (void)fprintf(to, "%s encrypts %s", successor, moment_relative(rotated->at_ms, now).text);
    }
    (void)fprintf(to, "; %s %s, and opens its tickets until they expire\n", retired.text,
                  is_now ? "is retired" : "retires then");
}

void cmd_rotate_show(const struct wire_rotate *request, const struct wire_rotated *rotated,
                     enum args_output output, FILE *to)
{
    if (output == ARGS_OUTPUT_JSON) {
        show_json(request, rotated, to);
    } else {
        show_text(request, rotated, to);
    }
}

static enum err find_encrypting(const struct wire_key_list *list, uint8_t out_name[KEY_NAME_LEN],
                                struct errbuf *why)
{
    int64_t first = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct wire_key_info *key = &list->keys[i];
        if (key->encrypting) {
            memcpy(out_name, key->name, KEY_NAME_LEN);
            return ERR_OK;
        }
        if (first == 0 && strcmp(key->state, "next") == 0) {
            first = key->active_from;
        }
    }
    if (first != 0) {
        errbuf_set(why, "realm %s: no key is active yet, so there is none to retire; the first %s",
                   list->realm, moment_relative(first, list->moment.server_time_ms).text);
    } else {
        errbuf_set(why,
                   "realm %s: no key is active, so there is none to retire; see stekctl status",
                   list->realm);
    }
    return ERR_REFUSED;
}

static enum err name_the_key(const struct args *args, struct wire_rotate *request,
                             struct errbuf *why)
{
    struct wire_key_list list = {0};

    enum err rc = ask_keys(args, request->realm, &list, why);
    if (rc == ERR_OK) {
        rc = find_encrypting(&list, request->retire, why);
    }
    wire_key_list_fini(&list);
    return rc;
}

enum exit_code cmd_rotate(const struct args *args)
{
    struct wire_rotate request = {.realm = ""};
    struct wire_rotated rotated = {0};
    struct errbuf why = {""};

    enum err rc = text_copy(request.realm, sizeof(request.realm), args->words[1]);
    if (rc == ERR_OK && args->reason != NULL) {
        rc = text_copy(request.reason, sizeof(request.reason), args->reason);
    }
    if (rc == ERR_OK) {
        rc = name_the_key(args, &request, &why);
    }
    if (rc == ERR_OK) {
        rc = ask_rotate(args, &request, &rotated, &why);
    }
    if (rc != ERR_OK) {
        return exit_code_report(rc, &why);
    }
    cmd_rotate_show(&request, &rotated, args->output, stdout);
    return EXIT_CODE_DONE;
}
