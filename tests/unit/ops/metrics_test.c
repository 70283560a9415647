/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The caller frees it. */
static char *print(const struct metrics_facts *facts)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    metrics_print(to, facts);
    assert_int_equal(fclose(to), 0);
    return text;
}

/* A whole line of the text. */
static bool has_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        if ((at == text || at[-1] == '\n') && at[len] == '\n') {
            return true;
        }
    }
    return false;
}

static const struct metrics_keys web_keys[] = {{"next", 1}, {"active", 1}, {"revoked", 0}};

static struct metrics_realm web(void)
{
    return (struct metrics_realm){
        .realm = "web",
        .is_ready = true,
        .is_store_up = true,
        .has_active = true,
        .active_from_ms = INT64_C(1700000000007),
        .next_rotation_ms = INT64_C(1700000100000),
        .rotate_every_ms = 43200000,
        .rotations = 7,
        .watchers = 3,
        .watchers_current = 2,
        .puts = 11,
        .conflicts = 12,
        .put_failures = 13,
        .heals = 14,
        .records_refused = 19,
        .keys_created = UINT64_C(4000000000),
        .keys = web_keys,
        .keys_count = 3,
    };
}

static void each_fact_is_one_line(void **unused)
{
    struct metrics_realm realms[] = {web(), {.realm = "mail"}};
    const struct metrics_calls calls[] = {
        {"stek.v1.KeyService/GetKeyring", "OK", 5},
        {"stek.v1.KeyService/GetKeyring", "PERMISSION_DENIED", 6},
    };
    const struct metrics_count tls[] = {{"done", 31}, {"expired", 32}};
    const struct metrics_count redis[] = {{"connected", 41}, {"connection-lost", 42}};
    const struct metrics_count limits[] = {{"idle", 33}};
    const struct metrics_count refusals[] = {{"streams", 51}, {"compressed", 52}};
    const struct metrics_count http[] = {{"ok", 53}, {"timed_out", 54}};
    const struct metrics_context contexts[] = {
        {"listen[1]", INT64_C(1700000200000), INT64_C(1700000300000)},
        {"store", INT64_MAX, INT64_MAX},
    };
    const struct metrics_facts facts = {
        .version = "1.2.3",
        .store_type = "memory",
        .started_ms = INT64_C(1699999999050),
        .connections = 1,
        .connections_accepted = 2,
        .connections_refused = 3,
        .handshakes = 21,
        .connections_cut = 22,
        .calls_cut = 23,
        .tls = tls,
        .tls_count = 2,
        .has_redis = true,
        .is_redis_up = true,
        .redis = redis,
        .redis_count = 2,
        .limits = limits,
        .limit_count = 1,
        .denied = 4,
        .log_lines_dropped = 5,
        .refusals = refusals,
        .refusal_count = 2,
        .http = http,
        .http_count = 2,
        .reloads_done = 21,
        .reloads_failed = 22,
        .reload_last_ms = INT64_C(1700000400000),
        .contexts = contexts,
        .context_count = 2,
        .realms = realms,
        .realm_count = 2,
        .calls = calls,
        .call_count = 2,
    };
    static const char *const want[] = {
        "stekd_build_info{version=\"1.2.3\",store=\"memory\"} 1",
        "stekd_start_time_seconds 1699999999.050",
        "stekd_connections 1",
        "stekd_connections_accepted_total 2",
        "stekd_connections_refused_total 3",
        "stekd_handshakes_pending 21",
        "stekd_connections_cut_total 22",
        "stekd_calls_cut_total 23",
        "stekd_redis_up 1",
        "stekd_redis_events_total{event=\"connected\"} 41",
        "stekd_redis_events_total{event=\"connection-lost\"} 42",
        "stekd_tls_handshakes_total{result=\"done\"} 31",
        "stekd_tls_handshakes_total{result=\"expired\"} 32",
        "stekd_limits_reached_total{limit=\"idle\"} 33",
        "stekd_authz_denied_total 4",
        "stekd_log_lines_dropped_total 5",
        "stekd_requests_refused_total{reason=\"streams\"} 51",
        "stekd_requests_refused_total{reason=\"compressed\"} 52",
        "stekd_http_requests_total{result=\"ok\"} 53",
        "stekd_http_requests_total{result=\"timed_out\"} 54",
        "stekd_reloads_total{result=\"done\"} 21",
        "stekd_reloads_total{result=\"failed\"} 22",
        "stekd_reload_last_successful 0",
        "stekd_reload_last_timestamp_seconds 1700000400.000",
        "stekd_tls_certificate_expiry_timestamp_seconds{of=\"listen[1]\"} 1700000200.000",
        "stekd_tls_crl_expiry_timestamp_seconds{of=\"listen[1]\"} 1700000300.000",
        "stekd_realm_ready{realm=\"web\"} 1",
        "stekd_realm_ready{realm=\"mail\"} 0",
        "stekd_realm_clock_suspect{realm=\"web\"} 0",
        "stekd_realm_policy_differs{realm=\"web\"} 0",
        "stekd_realm_active_key_timestamp_seconds{realm=\"web\"} 1700000000.007",
        "stekd_realm_next_rotation_timestamp_seconds{realm=\"web\"} 1700000100.000",
        "stekd_realm_rotation_interval_seconds{realm=\"web\"} 43200.000",
        "stekd_rotations_total{realm=\"web\"} 7",
        "stekd_keys_created_total{realm=\"web\"} 4000000000",
        "stekd_watchers{realm=\"web\"} 3",
        "stekd_watchers_current{realm=\"web\"} 2",
        "stekd_store_up{realm=\"web\"} 1",
        "stekd_store_up{realm=\"mail\"} 0",
        "stekd_store_puts_total{realm=\"web\"} 11",
        "stekd_store_put_conflicts_total{realm=\"web\"} 12",
        "stekd_store_put_failures_total{realm=\"web\"} 13",
        "stekd_store_heals_total{realm=\"web\"} 14",
        "stekd_store_records_refused_total{realm=\"web\"} 19",
        "stekd_realm_keys{realm=\"web\",state=\"next\"} 1",
        "stekd_realm_keys{realm=\"web\",state=\"revoked\"} 0",
        ("stekd_rpc_server_calls_total{rpc_method=\"stek.v1.KeyService/GetKeyring\","
         "rpc_response_status_code=\"PERMISSION_DENIED\"} 6"),
        "# TYPE stekd_rotations_total counter",
        "# TYPE stekd_watchers gauge",
    };

    (void)unused;
    char *text = print(&facts);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        if (!has_line(text, want[i])) {
            fail_msg("missing: %s\n%s", want[i], text);
        }
    }
    assert_null(strstr(text, "{of=\"store\"}"));
    free(text);
}

static void what_a_realm_does_not_have_is_absent_and_not_zero(void **unused)
{
    struct metrics_realm realm = web();
    const struct metrics_facts facts = {
        .version = "1", .store_type = "memory", .realms = &realm, .realm_count = 1};

    (void)unused;
    realm.has_active = false;
    realm.next_rotation_ms = 0;
    char *text = print(&facts);
    assert_null(strstr(text, "stekd_realm_active_key_timestamp_seconds{"));
    assert_null(strstr(text, "stekd_realm_next_rotation_timestamp_seconds{"));
    assert_null(strstr(text, "stekd_tls_certificate_expiry_timestamp_seconds{"));
    assert_null(strstr(text, "stekd_redis"));
    assert_null(strstr(text, "\nstekd_reload_last"));
    free(text);
}

/* A value may not end its line or its quotes. */
static void label_values_are_escaped(void **unused)
{
    const struct metrics_facts facts = {.version = "a\"b\\c\nd", .store_type = ""};

    (void)unused;
    char *text = print(&facts);
    assert_true(has_line(text, "stekd_build_info{version=\"a\\\"b\\\\c\\nd\",store=\"\"} 1"));
    free(text);
}

/* As promtool wants it: HELP and TYPE once before each metric, _total on counters and on nothing
 * else, no duplicate series. */
static void the_text_keeps_the_rules_of_the_format(void **unused)
{
    struct metrics_realm realm = web();
    const struct metrics_calls calls[] = {{"m", "OK", 1}};
    const struct metrics_facts facts = {.version = "1",
                                        .store_type = "memory",
                                        .realms = &realm,
                                        .realm_count = 1,
                                        .calls = calls,
                                        .call_count = 1};
    char name[128] = "";
    bool is_counter = false;
    size_t lines = 0;

    (void)unused;
    char *text = print(&facts);
    for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        size_t len = strcspn(line, "\n");
        assert_int_equal(line[len], '\n');
        lines++;
        if (strncmp(line, "# HELP ", 7) == 0) {
            size_t name_len = strcspn(line + 7, " ");
            assert_in_range(name_len, 1, sizeof(name) - 1);
            memcpy(name, line + 7, name_len);
            name[name_len] = '\0';
            assert_int_equal(strncmp(name, "stekd_", 6), 0);
            char type[160];
            (void)snprintf(type, sizeof(type), "# TYPE %s ", name);
            assert_int_equal(strncmp(line + len + 1, type, strlen(type)), 0);
            is_counter = strncmp(line + len + 1 + strlen(type), "counter\n", 8) == 0;
            size_t at = strlen(name) - 6;
            assert_int_equal(strcmp(name + at, "_total") == 0, is_counter);
        } else if (line[0] != '#') {
            assert_int_equal(strncmp(line, name, strlen(name)), 0);
            char after = line[strlen(name)];
            assert_true(after == ' ' || after == '{');
        }
    }
    assert_true(lines > 60);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fact_is_one_line),
        cmocka_unit_test(what_a_realm_does_not_have_is_absent_and_not_zero),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(the_text_keeps_the_rules_of_the_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
