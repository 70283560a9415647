/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_revoke.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ask.h"
#include "ctl/key_choice.h"
#include "ctl/moment.h"
#include "ctl/patience.h"
#include "ctl/show.h"
#include "ctl/show_frontend.h"

bool cmd_revoke_is_complete(const struct wire_revoked *revoked)
{
    return revoked->is_stored && revoked->confirmed == revoked->frontends;
}

/* ---- text ---- */

static void show_what(const struct wire_revoke *request, const struct cmd_revoke_outcome *outcome,
                      FILE *to)
{
    (void)fprintf(to, "realm %s: ", request->realm);
    if (request->kind == WIRE_REVOKE_ALL) {
        (void)fprintf(to, "all keys are revoked (%" PRIu32 " by this)\n", outcome->keys);
    } else {
        (void)fprintf(to, "%s %s\n", show_key_name(request->name).text,
                      outcome->keys > 0 ? "is revoked" : "was revoked before");
    }
}

static void show_replacement(const struct cmd_revoke_outcome *outcome, FILE *to)
{
    const struct wire_revoked *last = outcome->last;
    int64_t now = last->moment.server_time_ms;
    int64_t from = last->encrypts_from;

    if (from != 0 && from <= now) {
        (void)fprintf(to, "  tickets: issued%s%s\n", outcome->has_promoted ? " under " : "",
                      outcome->has_promoted ? show_key_name(outcome->promoted).text : "");
    } else if (from != 0) {
        (void)fprintf(to,
                      "  tickets: none is issued until a fresh key encrypts, %s; handshakes are "
                      "full until then\n",
                      moment_relative(from, now).text);
    } else {
        (void)fputs("  tickets: none is issued before the store has taken a fresh key and "
                    "2 x sync_interval have passed; handshakes are full until then\n",
                    to);
    }
}

static void show_reach(const struct wire_revoked *last, FILE *to)
{
    int64_t now = last->moment.server_time_ms;

    (void)fprintf(to, "  store: %s%s\n", last->is_stored ? "has it" : "not yet: ",
                  last->is_stored ? "" : last->not_stored_why);
    (void)fprintf(to,
                  "  frontends: %" PRIu32 " of %" PRIu32
                  " of this daemon's have it; other daemons count their own\n",
                  last->confirmed, last->frontends);
    for (size_t i = 0; i < last->straggler_count; i++) {
        show_frontend_line(&last->stragglers[i], now, to);
    }
    if (last->stragglers_omitted > 0) {
        (void)fprintf(to, "  and %" PRIu32 " more\n", last->stragglers_omitted);
    }
    if (last->bound_ms != 0) {
        (void)fprintf(to, "  bound: whoever does not hear of it accepts it until %s (%s)\n",
                      moment_iso(last->bound_ms).text, moment_relative(last->bound_ms, now).text);
    }
}

static void show_text(const struct wire_revoke *request, const struct cmd_revoke_outcome *outcome,
                      FILE *to)
{
    show_what(request, outcome, to);
    show_replacement(outcome, to);
    show_reach(outcome->last, to);
    if (request->kind == WIRE_REVOKE_KEY) {
        (void)fprintf(to,
                      "  note: who took this key from a frontend took its next keys too: "
                      "stekctl revoke %s --all\n",
                      request->realm);
    }
    if (!cmd_revoke_is_complete(outcome->last)) {
        (void)fprintf(to, "  not complete: it goes on; stekctl wait %s --converged asks again\n",
                      request->realm);
    }
}

/* ---- JSON ---- */

static void show_json(const struct wire_revoke *request, const struct cmd_revoke_outcome *outcome,
                      FILE *to)
{
    const struct wire_revoked *last = outcome->last;
    struct json json = show_json_start(to, "revoke");

    json_string(&json, "realm", request->realm);
    json_bool(&json, "complete", cmd_revoke_is_complete(last));
    json_bool(&json, "all", request->kind == WIRE_REVOKE_ALL);
    if (request->kind == WIRE_REVOKE_KEY) {
        json_hex(&json, "key", request->name, KEY_NAME_LEN);
    } else {
        json_null(&json, "key");
    }
    json_uint(&json, "keys_revoked", outcome->keys);
    if (outcome->has_promoted) {
        json_hex(&json, "promoted", outcome->promoted, KEY_NAME_LEN);
    } else {
        json_null(&json, "promoted");
    }
    json_time(&json, "encrypts_from", last->encrypts_from);
    json_bool(&json, "stored", last->is_stored);
    json_string(&json, "not_stored_why", last->not_stored_why);
    json_uint(&json, "confirmed", last->confirmed);
    json_uint(&json, "frontends", last->frontends);
    show_frontend_json(&json, "stragglers", last->stragglers, last->straggler_count,
                       last->moment.server_time_ms);
    json_uint(&json, "stragglers_omitted", last->stragglers_omitted);
    json_time(&json, "bound", last->bound_ms);
    json_hex(&json, "digest", last->digest, DIGEST_LEN);
    show_json_moment(&json, &last->moment);
    json_close_object(&json);
}

void cmd_revoke_show(const struct wire_revoke *request, const struct cmd_revoke_outcome *outcome,
                     enum args_output output, FILE *to)
{
    if (output == ARGS_OUTPUT_JSON) {
        show_json(request, outcome, to);
    } else {
        show_text(request, outcome, to);
    }
}

/* ---- asking ---- */

static enum err make_request(const struct args *args, const struct patience *patience,
                             struct wire_revoke *request, struct errbuf *why)
{
    const struct args one = patience_args(patience, args);
    struct wire_key_list list = {0};

    enum err rc = text_copy(request->realm, sizeof(request->realm), args->words[1]);
    if (rc == ERR_OK && args->reason != NULL) {
        rc = text_copy(request->reason, sizeof(request->reason), args->reason);
    }
    if (rc != ERR_OK || args->is_all) {
        request->kind = WIRE_REVOKE_ALL;
        return rc;
    }
    request->kind = WIRE_REVOKE_KEY;
    rc = ask_keys(&one, request->realm, &list, why);
    if (rc == ERR_OK) {
        rc = key_choice_find(&list, args->words[2], request->name, why);
    }
    wire_key_list_fini(&list);
    return rc;
}

/* Asks until it is complete, or the time is over. A daemon that does not answer now may answer
 * again: the last question counts. */
static enum err follow(const struct args *args, const struct patience *patience, const char *realm,
                       struct wire_revoked *revoked, struct errbuf *why)
{
    struct wire_revoke check = {.kind = WIRE_REVOKE_CHECK};
    enum err rc = text_copy(check.realm, sizeof(check.realm), realm);

    while ((rc != ERR_OK || !cmd_revoke_is_complete(revoked)) && patience_pause(patience)) {
        const struct args one = patience_args(patience, args);
        struct wire_revoked next = {0};
        rc = ask_revoke(&one, &check, &next, why);
        if (rc == ERR_OK) {
            wire_revoked_fini(revoked);
            *revoked = next;
        } else if (rc != ERR_UNAVAILABLE && rc != ERR_TIMEOUT && rc != ERR_REFUSED) {
            break;
        }
    }
    if (rc != ERR_OK) {
        errbuf_prefix(why, "revoked, but how far that is cannot be told");
    }
    return rc;
}

static enum err check_usage(const struct args *args, struct errbuf *why)
{
    bool has_name = args->word_count > 2;

    if (has_name == args->is_all) {
        errbuf_set(why, "usage: stekctl revoke REALM NAME|--all [--reason TEXT]");
        return ERR_INVALID;
    }
    return has_name ? key_choice_check(args->words[2], why) : ERR_OK;
}

enum exit_code cmd_revoke(const struct args *args)
{
    struct patience patience = patience_start(args);
    struct wire_revoke request = {.realm = ""};
    struct wire_revoked revoked = {0};
    struct errbuf why = {""};
    enum exit_code code = EXIT_CODE_USAGE;

    if (check_usage(args, &why) != ERR_OK) {
        (void)exit_code_report(ERR_INVALID, &why);
        return EXIT_CODE_USAGE;
    }
    const struct args one = patience_args(&patience, args);
    enum err rc = make_request(args, &patience, &request, &why);
    if (rc == ERR_OK) {
        rc = ask_revoke(&one, &request, &revoked, &why);
        if (rc == ERR_TIMEOUT) {
            errbuf_prefix(&why, "whether it is revoked is not known");
        }
    }
    struct cmd_revoke_outcome outcome = {
        .keys = revoked.keys, .has_promoted = revoked.has_promoted, .last = &revoked};
    memcpy(outcome.promoted, revoked.promoted, KEY_NAME_LEN);
    if (rc == ERR_OK) {
        rc = follow(args, &patience, request.realm, &revoked, &why);
    }
    if (rc != ERR_OK) {
        code = exit_code_report(rc, &why);
    } else {
        cmd_revoke_show(&request, &outcome, args->output, stdout);
        code = cmd_revoke_is_complete(&revoked) ? EXIT_CODE_DONE : EXIT_CODE_DEGRADED;
    }
    wire_revoked_fini(&revoked);
    return code;
}
