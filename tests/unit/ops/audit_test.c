/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t zero(void *ctx)
{
    (void)ctx;
    return 0;
}

/* The line `entry` makes in a log that writes errors only. */
static void assert_line(const struct audit_entry *entry, const char *want)
{
    int fds[2];
    char text[LOG_LINE_MAX + 1];
    struct clock clock = {.wall_ms = zero, .boot_ms = zero};
    struct log *log = NULL;

    assert_int_equal(pipe(fds), 0);
    struct log_options options = {.fd = fds[1], .level = LOG_LEVEL_ERROR, .clock = &clock};
    assert_int_equal(log_new(&options, &log), ERR_OK);
    audit_write(log, entry);
    log_free(log);
    (void)close(fds[1]);
    ssize_t got = read(fds[0], text, sizeof(text) - 1);
    (void)close(fds[0]);
    assert_true(got > 0);
    text[got] = '\0';
    assert_string_equal(text, want);
}

static void says_who_what_where_when_why_and_the_outcome(void **unused)
{
    static const uint8_t name[LOG_KEY_NAME_LEN] = {0xaa, 0xbb};
    const struct audit_entry entry = {
        .who = "uid:0 pid:4711",
        .what = "rotate",
        .realm = "web",
        .key_name = name,
        .why = "drill\nof today",
        .outcome = ERR_OK,
        .detail = "active now",
    };

    (void)unused;
    assert_line(&entry,
                "time=1970-01-01T00:00:00.000Z level=audit event=audit who=\"uid:0 pid:4711\" "
                "what=rotate realm=web key=aabb0000000000000000000000000000 outcome=done "
                "why=\"drill\\nof today\" detail=\"active now\"\n");
}

static void a_refusal_is_written_too_and_absent_parts_are_left_out(void **unused)
{
    const struct audit_entry entry = {
        .who = "uid:1000",
        .what = "rotate",
        .why = "",
        .outcome = ERR_DENIED,
    };

    (void)unused;
    assert_line(&entry, "time=1970-01-01T00:00:00.000Z level=audit event=audit who=uid:1000 "
                        "what=rotate realm=* outcome=\"not allowed\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_who_what_where_when_why_and_the_outcome),
        cmocka_unit_test(a_refusal_is_written_too_and_absent_parts_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
