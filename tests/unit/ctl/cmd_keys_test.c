/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_keys.h"

#include "ctl/cmd_realms.h"
#include "page.h"

#define NOW INT64_C(1795472104123)

static struct wire_key_info two_keys[] = {
    {.name = {0x11},
     .state = "active",
     .published_at = NOW - 70000,
     .active_from = NOW - 40000,
     .retired_from = NOW + 20000,
     .dropped_from = NOW + 50000,
     .forgotten_from = NOW + 50000,
     .encrypting = true},
    {.name = {0x22},
     .state = "next",
     .published_at = NOW - 10000,
     .active_from = NOW + 20000,
     .retired_from = NOW + 80000,
     .dropped_from = NOW + 110000,
     .forgotten_from = NOW + 110000},
};

static const struct wire_key_list list = {
    .realm = "web",
    .keys = two_keys,
    .count = 2,
    .digest = {0xd1},
    .moment = {.server_time_ms = NOW, .as_of_ms = NOW},
};

static void keys_are_a_table_of_names_states_and_relative_dates(void **unused)
{
    struct page page;

    (void)unused;
    page_open(&page);
    assert_int_equal(cmd_keys_show(&list, ARGS_OUTPUT_TABLE, page.to), ERR_OK);
    page_finish(&page);
    assert_string_equal(
        page.text,
        "NAME                              STATE       PUBLISHED  ACTIVE   RETIRED   DROPPED   "
        "FORGOTTEN\n"
        "11000000000000000000000000000000  encrypting  1m10s ago  40s ago  in 20s    in 50s    "
        "in 50s\n"
        "22000000000000000000000000000000  next        10s ago    in 20s   in 1m20s  in 1m50s  "
        "in 1m50s\n");
    page_free(&page);
}

static void keys_in_json_keep_the_state_and_say_which_encrypts(void **unused)
{
    struct page page;

    (void)unused;
    page_open(&page);
    assert_int_equal(cmd_keys_show(&list, ARGS_OUTPUT_JSON, page.to), ERR_OK);
    page_finish(&page);
    page_must_say(&page, "\"schema\": \"stekctl/v1/keys\"");
    page_must_say(&page, "\"name\": \"11000000000000000000000000000000\",\n"
                         "      \"state\": \"active\",\n"
                         "      \"encrypting\": true,\n"
                         "      \"revoked\": false,\n");
    page_must_say(&page, "\"active_from\": \"2026-11-23T22:15:24.123Z\"");
    page_free(&page);
}

static void realms_show_their_policies_as_operators_wrote_them(void **unused)
{
    struct wire_realm_status realm = {
        .realm = "web",
        .revision = 7,
        .digest = {0xd1, 2, 3, 4, 5, 6, 7, 8, 9},
        .policy = {.rotate_every_ms = 43200000,
                   .ticket_lifetime_ms = 5400000,
                   .sync_interval_ms = 250,
                   .max_session_age_ms = 86400000,
                   .keys_ahead = 2},
    };
    const struct wire_status realms = {
        .moment = {.server_time_ms = NOW}, .realms = &realm, .realm_count = 1};
    struct page page;

    (void)unused;
    page_open(&page);
    assert_int_equal(cmd_realms_show(&realms, ARGS_OUTPUT_TABLE, page.to), ERR_OK);
    page_finish(&page);
    page_must_say(&page, "web             12h              90m           2          250ms"
                         "            -           1d         7  d102030405060708\n");
    page_free(&page);
    page_open(&page);
    assert_int_equal(cmd_realms_show(&realms, ARGS_OUTPUT_JSON, page.to), ERR_OK);
    page_finish(&page);
    page_must_say(&page, "\"schema\": \"stekctl/v1/realms\"");
    page_must_say(&page, "\"sync_interval_ms\": 250");
    page_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_a_table_of_names_states_and_relative_dates),
        cmocka_unit_test(keys_in_json_keep_the_state_and_say_which_encrypts),
        cmocka_unit_test(realms_show_their_policies_as_operators_wrote_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
