/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_wait.h"

#include <inttypes.h>

#include "ctl/ask.h"
#include "ctl/patience.h"
#include "ctl/show.h"
#include "ctl/show_frontend.h"

bool cmd_wait_is_converged(const struct wire_frontend_list *list)
{
    const struct wire_realm_frontends *realm = &list->realms[0];

    return realm->ready && realm->is_stored && realm->current == realm->connected &&
           realm->confirmed == realm->connected + realm->gone;
}

/* Who left is waited for only if a revocation did not reach him. */
static bool is_awaited(const struct wire_frontend *frontend)
{
    return !frontend->has_revocations || (frontend->left_at == 0 && !frontend->is_current);
}

static void show_text(const struct wire_frontend_list *list, FILE *to)
{
    const struct wire_realm_frontends *realm = &list->realms[0];
    char digest[17];

    text_hex_encode(realm->digest, 8, digest);
    (void)fprintf(to,
                  "realm %s: %s: keyring %s; %" PRIu32 " of %" PRIu32
                  " frontends connected to this daemon hold it, the store %s it\n",
                  realm->realm, cmd_wait_is_converged(list) ? "converged" : "not converged", digest,
                  realm->current, realm->connected, realm->is_stored ? "holds" : "does not hold");
    if (realm->not_stored_why[0] != '\0') {
        (void)fprintf(to, "  store: %s\n", realm->not_stored_why);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (is_awaited(&list->frontends[i])) {
            show_frontend_line(&list->frontends[i], list->moment.server_time_ms, to);
        }
    }
    if (list->omitted > 0) {
        (void)fprintf(to, "  and perhaps some of %" PRIu32 " that do not fit into one answer\n",
                      list->omitted);
    }
}

static void show_json(const struct wire_frontend_list *list, FILE *to)
{
    const struct wire_realm_frontends *realm = &list->realms[0];
    struct json json = show_json_start(to, "wait");

    json_string(&json, "realm", realm->realm);
    json_bool(&json, "converged", cmd_wait_is_converged(list));
    json_hex(&json, "digest", realm->digest, DIGEST_LEN);
    json_bool(&json, "stored", realm->is_stored);
    json_string(&json, "not_stored_why", realm->not_stored_why);
    json_uint(&json, "connected", realm->connected);
    json_uint(&json, "current", realm->current);
    json_uint(&json, "gone", realm->gone);
    json_uint(&json, "confirmed", realm->confirmed);
    show_json_moment(&json, &list->moment);
    /* Whoever lacks something stands first. */
    size_t awaited = 0;
    while (awaited < list->count && is_awaited(&list->frontends[awaited])) {
        awaited++;
    }
    show_frontend_json(&json, "awaited", list->frontends, awaited, list->moment.server_time_ms);
    json_uint(&json, "omitted", list->omitted);
    json_close_object(&json);
}

void cmd_wait_show(const struct wire_frontend_list *list, enum args_output output, FILE *to)
{
    if (output == ARGS_OUTPUT_JSON) {
        show_json(list, to);
    } else {
        show_text(list, to);
    }
}

static bool may_pass(enum err rc)
{
    return rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT || rc == ERR_REFUSED;
}

/* ERR_PROTOCOL: the answer is not about one realm. */
static enum err ask_once(const struct args *args, const char *realm, struct wire_frontend_list *out,
                         struct errbuf *why)
{
    enum err rc = ask_frontends(args, realm, out, why);

    if (rc == ERR_OK && out->realm_count != 1) {
        wire_frontend_list_fini(out);
        errbuf_set(why, "the daemon's answer is not about realm %s", realm);
        return ERR_PROTOCOL;
    }
    return rc;
}

enum exit_code cmd_wait(const struct args *args)
{
    struct patience patience = patience_start(args);
    struct wire_frontend_list list = {0};
    struct errbuf why = {""};
    bool is_converged = false;
    enum err rc = ERR_OK;

    if (!args->is_converged) {
        errbuf_set(&why, "usage: stekctl wait REALM --converged [--timeout 30s]");
        (void)exit_code_report(ERR_INVALID, &why);
        return EXIT_CODE_USAGE;
    }
    do {
        const struct args one = patience_args(&patience, args);
        wire_frontend_list_fini(&list);
        rc = ask_once(&one, args->words[1], &list, &why);
        is_converged = rc == ERR_OK && cmd_wait_is_converged(&list);
    } while (!is_converged && (rc == ERR_OK || may_pass(rc)) && patience_pause(&patience));
    if (rc != ERR_OK) {
        return exit_code_report(rc, &why);
    }
    cmd_wait_show(&list, args->output, stdout);
    wire_frontend_list_fini(&list);
    return is_converged ? EXIT_CODE_DONE : EXIT_CODE_DEGRADED;
}
