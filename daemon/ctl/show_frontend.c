/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/show_frontend.h"

#include "base/clock.h"
#include "ctl/moment.h"

const char *show_frontend_state(const struct wire_frontend *frontend)
{
    if (frontend->left_at != 0) {
        return "gone";
    }
    if (!frontend->has_digest) {
        return "no keyring";
    }
    if (!frontend->has_revocations) {
        return "not revoked";
    }
    return frontend->is_current ? "current" : "behind";
}

static const char *explain(const struct wire_frontend *frontend)
{
    if (!frontend->has_digest) {
        return "connected, has acknowledged nothing";
    }
    if (frontend->is_current) {
        return "connected, holds the present keyring";
    }
    return "connected, holds an older keyring";
}

/* What a peer calls itself came through a check for printable text, and may be anything else. */
void show_frontend_line(const struct wire_frontend *frontend, int64_t now_ms, FILE *to)
{
    (void)fprintf(to, "  %s (%s): ", frontend->name[0] == '\0' ? "-" : frontend->name,
                  frontend->identity);
    if (frontend->left_at != 0) {
        (void)fprintf(to, "gone since %s", moment_iso(frontend->left_at).text);
    } else {
        (void)fprintf(to, "%s", explain(frontend));
    }
    (void)fprintf(to, ", last heard %s\n", moment_relative(frontend->last_heard, now_ms).text);
}

static void show_counters(struct json *json, const struct wire_counters *counters)
{
    json_open_object(json, "counters");
    json_uint(json, "issued", counters->issued);
    json_uint(json, "decrypted", counters->decrypted);
    json_uint(json, "renewed", counters->renewed);
    json_uint(json, "unknown_key", counters->unknown_key);
    json_uint(json, "refused_old", counters->refused_old);
    json_uint(json, "no_key", counters->no_key);
    json_uint(json, "policy_mismatch", counters->policy_mismatch);
    json_close_object(json);
}

static void show_one(struct json *json, const struct wire_frontend *frontend, int64_t now_ms)
{
    json_open_object(json, NULL);
    json_string(json, "realm", frontend->realm);
    json_string(json, "name", frontend->name);
    json_string(json, "identity", frontend->identity);
    json_string(json, "library_version", frontend->library_version);
    json_string(json, "state", show_frontend_state(frontend));
    json_bool(json, "connected", frontend->left_at == 0);
    json_bool(json, "current", frontend->is_current);
    json_bool(json, "has_revocations", frontend->has_revocations);
    if (frontend->has_digest) {
        json_hex(json, "digest", frontend->digest, DIGEST_LEN);
    } else {
        json_null(json, "digest");
    }
    json_time(json, "installed_at", frontend->installed_at);
    json_time(json, "connected_at", frontend->connected_at);
    json_time(json, "left_at", frontend->left_at);
    json_time(json, "last_heard", frontend->last_heard);
    json_time(json, "as_of", frontend->as_of);
    if (frontend->as_of != 0) {
        json_int(json, "age_ms", clock_between_ms(frontend->as_of, now_ms));
    } else {
        json_null(json, "age_ms");
    }
    json_int(json, "clock_skew_ms", frontend->clock_skew_ms);
    show_counters(json, &frontend->counters);
    json_close_object(json);
}

void show_frontend_json(struct json *json, const char *name, const struct wire_frontend *frontends,
                        size_t count, int64_t now_ms)
{
    json_open_array(json, name);
    for (size_t i = 0; i < count; i++) {
        show_one(json, &frontends[i], now_ms);
    }
    json_close_array(json);
}
