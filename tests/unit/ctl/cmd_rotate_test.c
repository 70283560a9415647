/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cmd_rotate.h"

#include "page.h"

#define NOW INT64_C(1795472104123)

#define OLD "11000000000000000000000000000000"
#define NEW "22000000000000000000000000000000"

static const struct wire_rotate request = {.realm = "web", .retire = {0x11}};

static void the_answer_says_when_which_key_encrypts(void **unused)
{
    static const struct {
        bool changed;
        bool has_promoted;
        int64_t at;
        const char *text;
        const char *json;
    } rows[] = {
        {true, true, NOW - 1, NEW " encrypts now; " OLD " is retired", "\"encrypts_now\": true"},
        {true, true, NOW, NEW " encrypts now; " OLD " is retired", "\"encrypts_now\": true"},
        {true, true, NOW + 1, NEW " encrypts in 1ms; " OLD " retires then",
         "\"encrypts_now\": false"},
        {true, true, NOW + 28000, NEW " encrypts in 28s; " OLD " retires then",
         "\"promoted\": \"" NEW "\""},
        {false, false, NOW - 5000, "nothing to change: " OLD " was retired before (5s ago)",
         "\"promoted\": null"},
        {false, false, NOW + 5000, "nothing to change: " OLD " already retires in 5s",
         "\"changed\": false"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct wire_rotated rotated = {
            .changed = rows[i].changed,
            .has_promoted = rows[i].has_promoted,
            .promoted = {0x22},
            .at_ms = rows[i].at,
            .moment = {.server_time_ms = NOW},
        };
        struct page page;
        page_open(&page);
        cmd_rotate_show(&request, &rotated, ARGS_OUTPUT_TABLE, page.to);
        page_finish(&page);
        page_must_say(&page, rows[i].text);
        page_free(&page);
        page_open(&page);
        cmd_rotate_show(&request, &rotated, ARGS_OUTPUT_JSON, page.to);
        page_finish(&page);
        page_must_say(&page, "\"schema\": \"stekctl/v1/rotate\"");
        page_must_say(&page, rows[i].json);
        page_free(&page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_says_when_which_key_encrypts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
