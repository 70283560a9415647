/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_status.h"

#include "page.h"

#define NOW INT64_C(1795472104123)

/* A realm and a daemon with nothing wrong. */
static const struct wire_realm_status sound_realm = {
    .realm = "web",
    .ready = true,
    .digest = {0xd1},
    .revision = 7,
    .keys = 3,
    .tombstones = 1,
    .has_active = true,
    .active_name = {0xab, 0xcd},
    .active_since_ms = NOW - 120000,
    .next_active_ms = NOW + 11520000,
    .watchers = 3,
    .watchers_current = 2,
    .as_of_ms = NOW - 2000,
    .policy = {.rotate_every_ms = 43200000, .keys_ahead = 1},
};

static struct wire_status make_status(struct wire_realm_status *realm)
{
    *realm = sound_realm;
    return (struct wire_status){
        .version = "0.1.0",
        .deployment = "example",
        .moment = {.server_time_ms = NOW, .as_of_ms = NOW - 2000},
        .started_ms = NOW - 3600000,
        .store = {.type = "memory", .reachable = true, .last_read_ms = NOW - 2000},
        .connections = 4,
        .realms = realm,
        .realm_count = 1,
    };
}

static void a_sound_daemon_is_shown_on_one_screen(void **unused)
{
    struct wire_realm_status realm;
    const struct wire_status status = make_status(&realm);
    struct page page;

    (void)unused;
    page_open(&page);
    assert_int_equal(cmd_status_show(&status, ARGS_OUTPUT_TABLE, page.to), EXIT_CODE_DONE);
    page_finish(&page);
    assert_string_equal(
        page.text,
        "daemon  stekd 0.1.0, deployment example, up 1h, 4 connections\n"
        "store   memory, reachable, last read 2s ago\n"
        "clock   sound\n"
        "\n"
        "REALM  STATE  ENCRYPTING KEY                    SINCE   NEXT KEY  KEYS  FRONTENDS  STORE "
        "READ\n"
        "web    ok     abcd0000000000000000000000000000  2m ago  in 3h12m     3     2 of 3  2s "
        "ago\n");
    page_free(&page);
}

enum fault {
    FAULT_NONE,
    FAULT_PROBLEM,
    FAULT_SUSPECT,
    FAULT_STORE,
    FAULT_NOT_READY,
    FAULT_NO_KEY,
    FAULT_REALM_PROBLEM,
};

static void break_status(struct wire_status *status, enum fault fault)
{
    struct wire_realm_status *realm = status->realms;

    switch (fault) {
    case FAULT_NONE:
        break;
    case FAULT_PROBLEM:
        (void)snprintf(status->problems[status->problem_count++], 384, "the sky is falling");
        break;
    case FAULT_SUSPECT:
        status->moment.suspect = true;
        break;
    case FAULT_STORE:
        status->store.reachable = false;
        break;
    case FAULT_NOT_READY:
        realm->ready = false;
        break;
    case FAULT_NO_KEY:
        realm->has_active = false;
        realm->active_since_ms = 0;
        (void)snprintf(realm->problem, sizeof(realm->problem), "first key active in 28 s");
        break;
    case FAULT_REALM_PROBLEM:
        (void)snprintf(realm->problem, sizeof(realm->problem), "something");
        break;
    }
}

static void every_fault_shows_and_makes_the_exit_code_degraded(void **unused)
{
    static const struct {
        enum fault fault;
        enum exit_code code;
        const char *table;
        const char *json;
    } rows[] = {
        {FAULT_NONE, EXIT_CODE_DONE, " ok ", "\"ok\": true"},
        {FAULT_PROBLEM, EXIT_CODE_DEGRADED, "problems\n  the sky is falling\n",
         "\"problems\": [\n    \"the sky is falling\"\n  ]"},
        {FAULT_SUSPECT, EXIT_CODE_DEGRADED, "clock   suspect", "\"suspect\": true"},
        {FAULT_STORE, EXIT_CODE_DEGRADED, "memory, not reachable", "\"reachable\": false"},
        {FAULT_NOT_READY, EXIT_CODE_DEGRADED, " not ready ", "\"state\": \"not ready\""},
        {FAULT_NO_KEY, EXIT_CODE_DEGRADED, " no key yet  -  ", "\"encrypting\": null"},
        {FAULT_REALM_PROBLEM, EXIT_CODE_DEGRADED, " problem ", "\"problem\": \"something\""},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire_realm_status realm;
        struct wire_status status = make_status(&realm);
        struct page page;
        break_status(&status, rows[i].fault);
        page_open(&page);
        assert_int_equal(cmd_status_show(&status, ARGS_OUTPUT_TABLE, page.to), rows[i].code);
        page_finish(&page);
        page_must_say(&page, rows[i].table);
        page_free(&page);
        page_open(&page);
        assert_int_equal(cmd_status_show(&status, ARGS_OUTPUT_JSON, page.to), rows[i].code);
        page_finish(&page);
        page_must_say(&page, rows[i].json);
        page_free(&page);
    }
}

static void json_names_its_schema_and_writes_dates_in_full(void **unused)
{
    struct wire_realm_status realm;
    const struct wire_status status = make_status(&realm);
    struct page page;

    (void)unused;
    page_open(&page);
    assert_int_equal(cmd_status_show(&status, ARGS_OUTPUT_JSON, page.to), EXIT_CODE_DONE);
    page_finish(&page);
    page_must_say(&page, "\"schema\": \"stekctl/v1/status\"");
    page_must_say(&page, "\"time\": \"2026-11-23T22:15:04.123Z\"");
    page_must_say(&page, "\"active_since\": \"2026-11-23T22:13:04.123Z\"");
    page_must_say(&page, "\"encrypting\": \"abcd0000000000000000000000000000\"");
    page_must_say(&page, "\"rotate_every_ms\": 43200000");
    page_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_daemon_is_shown_on_one_screen),
        cmocka_unit_test(every_fault_shows_and_makes_the_exit_code_degraded),
        cmocka_unit_test(json_names_its_schema_and_writes_dates_in_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
