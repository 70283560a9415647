/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/metrics.h"

#include <inttypes.h>

enum kind { KIND_GAUGE, KIND_COUNTER };

static void print_head(FILE *to, const char *name, enum kind kind, const char *help)
{
    (void)fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                  kind == KIND_COUNTER ? "counter" : "gauge");
}

/* name="value", with the three escapes of the format. */
static void print_label(FILE *to, const char *name, const char *value)
{
    (void)fprintf(to, "%s=\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        switch (*at) {
        case '\\':
            (void)fputs("\\\\", to);
            break;
        case '"':
            (void)fputs("\\\"", to);
            break;
        case '\n':
            (void)fputs("\\n", to);
            break;
        default:
            (void)fputc(*at, to);
        }
    }
    (void)fputc('"', to);
}

static void print_number(FILE *to, uint64_t value)
{
    (void)fprintf(to, " %" PRIu64 "\n", value);
}

/* Milliseconds as seconds; times before 1970 are nobody's. */
static void print_seconds(FILE *to, int64_t ms)
{
    int64_t safe = ms < 0 ? 0 : ms;

    (void)fprintf(to, " %" PRId64 ".%03d\n", safe / 1000, (int)(safe % 1000));
}

static void print_one(FILE *to, const char *name, enum kind kind, const char *help, uint64_t value)
{
    print_head(to, name, kind, help);
    (void)fputs(name, to);
    print_number(to, value);
}

static void print_counts(FILE *to, const char *name, const char *help, const char *label,
                         const struct metrics_count *counts, size_t count)
{
    print_head(to, name, KIND_COUNTER, help);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(to, "%s{", name);
        print_label(to, label, counts[i].label);
        (void)fputc('}', to);
        print_number(to, counts[i].count);
    }
}

static void print_daemon(FILE *to, const struct metrics_facts *facts)
{
    print_head(to, "stekd_build_info", KIND_GAUGE, "Always 1; the labels say what is running.");
    (void)fputs("stekd_build_info{", to);
    print_label(to, "version", facts->version);
    (void)fputc(',', to);
    print_label(to, "store", facts->store_type);
    (void)fputs("} 1\n", to);
    print_head(to, "stekd_start_time_seconds", KIND_GAUGE, "When this daemon started.");
    (void)fputs("stekd_start_time_seconds", to);
    print_seconds(to, facts->started_ms);
    print_one(to, "stekd_connections", KIND_GAUGE, "RPC connections open now.", facts->connections);
    print_one(to, "stekd_connections_accepted_total", KIND_COUNTER, "RPC connections accepted.",
              facts->connections_accepted);
    print_one(to, "stekd_connections_refused_total", KIND_COUNTER,
              "RPC connections accepted that could not be set up.", facts->connections_refused);
    print_one(to, "stekd_authz_denied_total", KIND_COUNTER,
              "Calls refused because the caller may not make them.", facts->denied);
    print_one(to, "stekd_log_lines_dropped_total", KIND_COUNTER,
              "Log lines lost because nobody took them.", facts->log_lines_dropped);
    print_counts(to, "stekd_http_requests_total", "Connections to this page, by how they ended.",
                 "result", facts->http, facts->http_count);
}

static void print_peers(FILE *to, const struct metrics_facts *facts)
{
    print_one(to, "stekd_handshakes_pending", KIND_GAUGE,
              "TCP connections open now whose peer is not known yet.", facts->handshakes);
    print_counts(to, "stekd_tls_handshakes_total", "TLS handshakes of clients, by how they ended.",
                 "result", facts->tls, facts->tls_count);
    print_counts(to, "stekd_limits_reached_total",
                 "Times a limit on what peers may make the daemon hold was reached.", "limit",
                 facts->limits, facts->limit_count);
    print_counts(to, "stekd_requests_refused_total",
                 "Streams, requests and messages refused before a method saw them.", "reason",
                 facts->refusals, facts->refusal_count);
    print_one(to, "stekd_connections_cut_total", KIND_COUNTER,
              "Open connections ended because a certificate ended, or trust or rules changed.",
              facts->connections_cut);
    print_one(to, "stekd_calls_cut_total", KIND_COUNTER,
              "Open calls ended because rules or realms changed, on connections that stayed.",
              facts->calls_cut);
}

static void print_redis(FILE *to, const struct metrics_facts *facts)
{
    if (facts->has_redis) {
        print_one(to, "stekd_redis_up", KIND_GAUGE, "1 while there is a connection to Redis.",
                  facts->is_redis_up ? 1 : 0);
        print_counts(to, "stekd_redis_events_total", "What happened between this daemon and Redis.",
                     "event", facts->redis, facts->redis_count);
    }
}

/* ---- realms: a row a metric ---- */

enum unit { UNIT_NUMBER, UNIT_SECONDS };

/* False: this realm has no such value now, and is left out rather than shown as 0. */
typedef bool (*realm_value_fn)(const struct metrics_realm *realm, int64_t *out);

#define REALM_VALUE(name, expression)                                                              \
    static bool name(const struct metrics_realm *realm, int64_t *out)                              \
    {                                                                                              \
        *out = (int64_t)(expression);                                                              \
        return true;                                                                               \
    }

REALM_VALUE(ready_of, realm->is_ready)
REALM_VALUE(suspect_of, realm->is_suspect)
REALM_VALUE(policy_differs_of, realm->policy_differs)
REALM_VALUE(store_up_of, realm->is_store_up)
REALM_VALUE(interval_of, realm->rotate_every_ms)
REALM_VALUE(rotations_of, realm->rotations)
REALM_VALUE(watchers_of, realm->watchers)
REALM_VALUE(watchers_current_of, realm->watchers_current)
REALM_VALUE(puts_of, realm->puts)
REALM_VALUE(conflicts_of, realm->conflicts)
REALM_VALUE(put_failures_of, realm->put_failures)
REALM_VALUE(heals_of, realm->heals)
REALM_VALUE(records_refused_of, realm->records_refused)
REALM_VALUE(keys_created_of, realm->keys_created)

static bool active_of(const struct metrics_realm *realm, int64_t *out)
{
    *out = realm->active_from_ms;
    return realm->has_active;
}

static bool next_rotation_of(const struct metrics_realm *realm, int64_t *out)
{
    *out = realm->next_rotation_ms;
    return realm->next_rotation_ms != 0;
}

static const struct realm_metric {
    const char *name;
    enum kind kind;
    enum unit unit;
    realm_value_fn value;
    const char *help;
} realm_metrics[] = {
    {"stekd_realm_ready", KIND_GAUGE, UNIT_NUMBER, ready_of,
     "1 once the realm's record was loaded and its keys are served."},
    {"stekd_realm_clock_suspect", KIND_GAUGE, UNIT_NUMBER, suspect_of,
     "1 while this daemon's clock disagrees and it changes nothing."},
    {"stekd_realm_policy_differs", KIND_GAUGE, UNIT_NUMBER, policy_differs_of,
     "1 while the stored record is of a daemon with another policy."},
    {"stekd_realm_active_key_timestamp_seconds", KIND_GAUGE, UNIT_SECONDS, active_of,
     "Since when the encrypting key is active; absent while none is."},
    {"stekd_realm_next_rotation_timestamp_seconds", KIND_GAUGE, UNIT_SECONDS, next_rotation_of,
     "When the next key becomes active; absent while none is scheduled."},
    {"stekd_realm_rotation_interval_seconds", KIND_GAUGE, UNIT_SECONDS, interval_of,
     "The configured rotate_every."},
    {"stekd_rotations_total", KIND_COUNTER, UNIT_NUMBER, rotations_of,
     "Times one encrypting key followed another, as seen by this daemon."},
    {"stekd_keys_created_total", KIND_COUNTER, UNIT_NUMBER, keys_created_of,
     "Keys this daemon made and the store accepted."},
    {"stekd_watchers", KIND_GAUGE, UNIT_NUMBER, watchers_of,
     "Frontends that watch the realm at this daemon."},
    {"stekd_watchers_current", KIND_GAUGE, UNIT_NUMBER, watchers_current_of,
     "Of these, how many have installed the present keyring."},
    {"stekd_store_up", KIND_GAUGE, UNIT_NUMBER, store_up_of,
     "1 while the store answers this realm's loads."},
    {"stekd_store_puts_total", KIND_COUNTER, UNIT_NUMBER, puts_of,
     "Records the store accepted from this daemon."},
    {"stekd_store_put_conflicts_total", KIND_COUNTER, UNIT_NUMBER, conflicts_of,
     "Puts that somebody else's came before."},
    {"stekd_store_put_failures_total", KIND_COUNTER, UNIT_NUMBER, put_failures_of,
     "Puts that failed for any other reason."},
    {"stekd_store_heals_total", KIND_COUNTER, UNIT_NUMBER, heals_of,
     "Times a store that had lost something got it back."},
    {"stekd_store_records_refused_total", KIND_COUNTER, UNIT_NUMBER, records_refused_of,
     "Loads whose record was damaged, out of place, or under a key that is not ours."},
};

static void print_realm_metric(FILE *to, const struct metrics_facts *facts,
                               const struct realm_metric *metric)
{
    print_head(to, metric->name, metric->kind, metric->help);
    for (size_t i = 0; i < facts->realm_count; i++) {
        int64_t value = 0;
        if (!metric->value(&facts->realms[i], &value)) {
            continue;
        }
        (void)fprintf(to, "%s{", metric->name);
        print_label(to, "realm", facts->realms[i].realm);
        (void)fputc('}', to);
        if (metric->unit == UNIT_SECONDS) {
            print_seconds(to, value);
        } else {
            print_number(to, (uint64_t)value);
        }
    }
}

static void print_keys(FILE *to, const struct metrics_facts *facts)
{
    print_head(to, "stekd_realm_keys", KIND_GAUGE, "Entries of the keyring by state.");
    for (size_t i = 0; i < facts->realm_count; i++) {
        const struct metrics_realm *realm = &facts->realms[i];
        for (size_t k = 0; k < realm->keys_count; k++) {
            (void)fputs("stekd_realm_keys{", to);
            print_label(to, "realm", realm->realm);
            (void)fputc(',', to);
            print_label(to, "state", realm->keys[k].state);
            (void)fputc('}', to);
            print_number(to, realm->keys[k].count);
        }
    }
}

static void print_calls(FILE *to, const struct metrics_facts *facts)
{
    print_head(to, "stekd_rpc_server_calls_total", KIND_COUNTER,
               "RPC calls that ended, by method and gRPC status.");
    for (size_t i = 0; i < facts->call_count; i++) {
        (void)fputs("stekd_rpc_server_calls_total{", to);
        print_label(to, "rpc_method", facts->calls[i].method);
        (void)fputc(',', to);
        print_label(to, "rpc_response_status_code", facts->calls[i].status);
        (void)fputc('}', to);
        print_number(to, facts->calls[i].count);
    }
}

/* ---- configuration ---- */

static void print_reloads(FILE *to, const struct metrics_facts *facts)
{
    print_head(to, "stekd_reloads_total", KIND_COUNTER,
               "Times the configuration was read anew while running, by outcome.");
    (void)fputs("stekd_reloads_total{result=\"done\"}", to);
    print_number(to, facts->reloads_done);
    (void)fputs("stekd_reloads_total{result=\"failed\"}", to);
    print_number(to, facts->reloads_failed);
    print_head(to, "stekd_reload_last_successful", KIND_GAUGE,
               "0 if the last reload failed and changed nothing; absent before the first.");
    if (facts->reload_last_ms != 0) {
        (void)fputs("stekd_reload_last_successful", to);
        print_number(to, facts->reload_is_good ? 1 : 0);
    }
    print_head(to, "stekd_reload_last_timestamp_seconds", KIND_GAUGE,
               "When the last reload was; absent before the first.");
    if (facts->reload_last_ms != 0) {
        (void)fputs("stekd_reload_last_timestamp_seconds", to);
        print_seconds(to, facts->reload_last_ms);
    }
}

static void print_end(FILE *to, const char *name, const struct metrics_context *context,
                      int64_t until_ms)
{
    if (until_ms != INT64_MAX) {
        (void)fprintf(to, "%s{", name);
        print_label(to, "of", context->name);
        (void)fputc('}', to);
        print_seconds(to, until_ms);
    }
}

static void print_contexts(FILE *to, const struct metrics_facts *facts)
{
    static const char certificate[] = "stekd_tls_certificate_expiry_timestamp_seconds";
    static const char crl[] = "stekd_tls_crl_expiry_timestamp_seconds";

    print_head(to, certificate, KIND_GAUGE, "When our certificate ends, by where it is used.");
    for (size_t i = 0; i < facts->context_count; i++) {
        print_end(to, certificate, &facts->contexts[i], facts->contexts[i].not_after_ms);
    }
    print_head(to, crl, KIND_GAUGE, "When the first revocation list ends, by where it is used.");
    for (size_t i = 0; i < facts->context_count; i++) {
        print_end(to, crl, &facts->contexts[i], facts->contexts[i].crl_until_ms);
    }
}

void metrics_print(FILE *to, const struct metrics_facts *facts)
{
    print_daemon(to, facts);
    print_peers(to, facts);
    print_redis(to, facts);
    print_reloads(to, facts);
    print_contexts(to, facts);
    for (size_t i = 0; i < sizeof(realm_metrics) / sizeof(realm_metrics[0]); i++) {
        print_realm_metric(to, facts, &realm_metrics[i]);
    }
    print_keys(to, facts);
    print_calls(to, facts);
}
