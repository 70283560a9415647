/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_revoke.h"

#include "page.h"

#define NOW INT64_C(1795472104123)

#define OLD "11000000000000000000000000000000"
#define NEW "22000000000000000000000000000000"

static struct wire_frontend straggler(const char *name, int64_t left_at)
{
    struct wire_frontend out = {
        .realm = "web",
        .identity = "uid:33",
        .left_at = left_at,
        .last_heard = NOW - 3000,
        .has_digest = true,
    };

    (void)snprintf(out.name, sizeof(out.name), "%s", name);
    return out;
}

static struct page show(const struct wire_revoke *request, const struct wire_revoked *revoked,
                        enum args_output output)
{
    struct cmd_revoke_outcome outcome = {
        .keys = revoked->keys, .has_promoted = revoked->has_promoted, .last = revoked};
    struct page page;

    memcpy(outcome.promoted, revoked->promoted, KEY_NAME_LEN);
    page_open(&page);
    cmd_revoke_show(request, &outcome, output, page.to);
    page_finish(&page);
    return page;
}

static void an_incomplete_revocation_names_who_lacks_it_and_until_when(void **unused)
{
    const struct wire_revoke request = {.realm = "web", .kind = WIRE_REVOKE_KEY, .name = {0x11}};
    struct wire_frontend stragglers[2] = {straggler("fe-3", 0), straggler("", NOW - 60000)};
    const struct wire_revoked revoked = {
        .keys = 1,
        .has_promoted = true,
        .promoted = {0x22},
        .encrypts_from = NOW,
        .not_stored_why = "put as soon as the store answers",
        .confirmed = 2,
        .frontends = 4,
        .stragglers = stragglers,
        .straggler_count = 2,
        .stragglers_omitted = 7,
        .bound_ms = NOW + 3600000,
        .moment = {.server_time_ms = NOW},
    };
    static const char *const lines[] = {
        "realm web: " OLD " is revoked\n",
        "tickets: issued under " NEW "\n",
        "store: not yet: put as soon as the store answers\n",
        "2 of 4 of this daemon's have it; other daemons count their own",
        "  fe-3 (uid:33): connected, holds an older keyring, last heard 3s ago\n",
        "  - (uid:33): gone since 2026-11-23T22:14:04.123Z",
        "and 7 more",
        "accepts it until 2026-11-23T23:15:04.123Z (in 1h)",
        "stekctl revoke web --all",
        "not complete",
    };
    static const char *const members[] = {
        "\"schema\": \"stekctl/v1/revoke\"",
        "\"complete\": false",
        "\"key\": \"" OLD "\"",
        "\"promoted\": \"" NEW "\"",
        "\"stored\": false",
        "\"state\": \"not revoked\"",
        "\"state\": \"gone\"",
        "\"stragglers_omitted\": 7",
        "\"bound\": \"2026-11-23T23:15:04.123Z\"",
    };

    (void)unused;
    assert_false(cmd_revoke_is_complete(&revoked));
    struct page page = show(&request, &revoked, ARGS_OUTPUT_TABLE);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        page_must_say(&page, lines[i]);
    }
    page_free(&page);
    page = show(&request, &revoked, ARGS_OUTPUT_JSON);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        page_must_say(&page, members[i]);
    }
    page_free(&page);
}

static void what_is_said_follows_what_was_done(void **unused)
{
    static const struct {
        enum wire_revoke_kind kind;
        uint32_t keys;
        int64_t encrypts_from;
        bool is_stored;
        uint32_t confirmed;
        bool is_complete;
        const char *text;
    } rows[] = {
        {WIRE_REVOKE_KEY, 1, NOW - 5, true, 2, true, "tickets: issued\n"},
        {WIRE_REVOKE_KEY, 0, NOW - 5, true, 2, true, OLD " was revoked before"},
        {WIRE_REVOKE_KEY, 1, NOW, true, 1, false, "store: has it"},
        {WIRE_REVOKE_KEY, 1, NOW, false, 2, false, "store: not yet"},
        {WIRE_REVOKE_ALL, 5, NOW + 28000, true, 2, true,
         "none is issued until a fresh key "
         "encrypts, in 28s"},
        {WIRE_REVOKE_ALL, 5, 0, false, 2, false, "before the store has taken a fresh key"},
        {WIRE_REVOKE_ALL, 5, NOW, true, 2, true, "all keys are revoked (5 by this)"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct wire_revoke request = {.realm = "web", .kind = rows[i].kind, .name = {0x11}};
        const struct wire_revoked revoked = {
            .keys = rows[i].keys,
            .encrypts_from = rows[i].encrypts_from,
            .is_stored = rows[i].is_stored,
            .confirmed = rows[i].confirmed,
            .frontends = 2,
            .moment = {.server_time_ms = NOW},
        };
        assert_int_equal(cmd_revoke_is_complete(&revoked), rows[i].is_complete);
        struct page page = show(&request, &revoked, ARGS_OUTPUT_TABLE);
        page_must_say(&page, rows[i].text);
        assert_int_equal(strstr(page.text, "not complete") == NULL, rows[i].is_complete);
        page_free(&page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_incomplete_revocation_names_who_lacks_it_and_until_when),
        cmocka_unit_test(what_is_said_follows_what_was_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
