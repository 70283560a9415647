/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_frontends.h"

#include "ctl/cmd_wait.h"
#include "page.h"

#define NOW INT64_C(1795472104123)

struct sample {
    struct wire_frontend frontends[4];
    struct wire_realm_frontends realm;
    struct wire_frontend_list list;
};

static void make_frontend(struct wire_frontend *to, const char *name, bool is_current,
                          bool has_revocations, int64_t left_at)
{
    *to = (struct wire_frontend){
        .realm = "web",
        .identity = "uid:33",
        .library_version = "stek-c/1",
        .left_at = left_at,
        .last_heard = NOW - 2000,
        .as_of = NOW - 4000,
        .has_digest = true,
        .is_current = is_current,
        .has_revocations = has_revocations,
        .clock_skew_ms = -1500,
        .counters = {.issued = 11, .decrypted = 22, .renewed = 33, .unknown_key = 44},
    };
    (void)snprintf(to->name, sizeof(to->name), "%s", name);
}

/* Four frontends: as the daemon sends them, who lacks most stands first. */
static void make_sample(struct sample *sample)
{
    *sample = (struct sample){0};
    make_frontend(&sample->frontends[0], "fe-gone", false, false, NOW - 9000);
    make_frontend(&sample->frontends[1], "fe-deaf", false, false, 0);
    make_frontend(&sample->frontends[2], "fe-slow", false, true, 0);
    make_frontend(&sample->frontends[3], "fe-good", true, true, 0);
    sample->realm = (struct wire_realm_frontends){
        .realm = "web",
        .ready = true,
        .is_stored = true,
        .connected = 3,
        .current = 1,
        .gone = 1,
        .confirmed = 2,
        .lost = 6,
    };
    sample->list = (struct wire_frontend_list){
        .realms = &sample->realm,
        .realm_count = 1,
        .frontends = sample->frontends,
        .count = 4,
        .omitted = 5,
        .moment = {.server_time_ms = NOW},
    };
}

static void every_frontend_has_its_row(void **unused)
{
    static const char *const parts[] = {
        "REALM",
        "CLOCK",
        "fe-gone",
        "not revoked",
        "behind",
        "current",
        "-1s",
        "2s ago",
        "4s",
        "stek-c/1",
        "5 more do not fit into one answer",
        ("realm web: 1 of 3 connected hold the present keyring, 1 left and may still hold keys, "
         "2 lack a revocation; the store holds it"),
        "6 more that left are not remembered any more",
        "These are the frontends of the daemon that was asked",
    };
    static const char *const members[] = {
        "\"schema\": \"stekctl/v1/frontends\"",
        "\"state\": \"gone\"",
        "\"age_ms\": 4000",
        "\"clock_skew_ms\": -1500",
        "\"unknown_key\": 44",
        "\"lost\": 6",
        "\"omitted\": 5",
        "\"left_at\": null",
        "\"identity\": \"uid:33\"",
    };
    struct sample sample;
    struct page page;

    (void)unused;
    make_sample(&sample);
    page_open(&page);
    assert_int_equal(cmd_frontends_show(&sample.list, ARGS_OUTPUT_TABLE, page.to), ERR_OK);
    page_finish(&page);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        page_must_say(&page, parts[i]);
    }
    page_free(&page);
    page_open(&page);
    assert_int_equal(cmd_frontends_show(&sample.list, ARGS_OUTPUT_JSON, page.to), ERR_OK);
    page_finish(&page);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        page_must_say(&page, members[i]);
    }
    page_free(&page);
}

static void converged_is_stored_and_installed_by_all_and_revoked_for_the_gone(void **unused)
{
    static const struct {
        struct wire_realm_frontends realm;
        bool want;
    } rows[] = {
        {{.ready = true, .is_stored = true}, true}, /* nobody watches */
        {{.is_stored = true}, false},
        {{.ready = true}, false},
        {{.ready = true, .is_stored = true, .connected = 2, .current = 2, .confirmed = 2}, true},
        {{.ready = true, .is_stored = true, .connected = 2, .current = 1, .confirmed = 2}, false},
        /* Who left and missed nothing but a rotation is not waited for. */
        {{.ready = true,
          .is_stored = true,
          .connected = 1,
          .current = 1,
          .gone = 1,
          .confirmed = 2},
         true},
        {{.ready = true,
          .is_stored = true,
          .connected = 1,
          .current = 1,
          .gone = 1,
          .confirmed = 1},
         false},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire_realm_frontends realm = rows[i].realm;
        const struct wire_frontend_list list = {.realms = &realm, .realm_count = 1};
        assert_int_equal(cmd_wait_is_converged(&list), rows[i].want);
    }
}

static void waiting_in_vain_names_those_waited_for(void **unused)
{
    struct sample sample;
    struct page page;

    (void)unused;
    make_sample(&sample);
    sample.realm.is_stored = false;
    (void)snprintf(sample.realm.not_stored_why, sizeof(sample.realm.not_stored_why),
                   "the put is under way");
    page_open(&page);
    cmd_wait_show(&sample.list, ARGS_OUTPUT_TABLE, page.to);
    page_finish(&page);
    page_must_say(&page, "realm web: not converged: keyring 0000000000000000; 1 of 3 frontends");
    page_must_say(&page, "store: the put is under way");
    page_must_say(&page, "fe-gone (uid:33): gone since");
    page_must_say(&page, "fe-deaf (uid:33): connected, holds an older keyring");
    page_must_say(&page, "fe-slow");
    assert_null(strstr(page.text, "fe-good"));
    page_free(&page);
    page_open(&page);
    cmd_wait_show(&sample.list, ARGS_OUTPUT_JSON, page.to);
    page_finish(&page);
    page_must_say(&page, "\"converged\": false");
    page_must_say(&page, "fe-slow");
    assert_null(strstr(page.text, "fe-good"));
    page_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frontend_has_its_row),
        cmocka_unit_test(converged_is_stored_and_installed_by_all_and_revoked_for_the_gone),
        cmocka_unit_test(waiting_in_vain_names_those_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
