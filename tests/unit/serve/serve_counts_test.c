/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/serve_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint64_t find(const struct metrics_count *counts, size_t count, const char *label)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(counts[i].label, label) == 0) {
            return counts[i].count;
        }
    }
    fail_msg("no \"%s\"", label);
    return 0;
}

static void each_number_stands_under_its_label(void **unused)
{
    struct serve_stats stats = {.handshakes_done = 1,
                                .handshake_timeouts = 2,
                                .idle_timeouts = 3,
                                .stall_timeouts = 4,
                                .drain_timeouts = 5,
                                .limit_reached = 6,
                                .strangers_refused = 7,
                                .descriptors_gone = 8,
                                .protocol_errors = 9,
                                .unread = 10};
    struct metrics_count out[SERVE_COUNTS_MAX];

    (void)unused;
    stats.handshakes_failed[HANDSHAKE_EXPIRED] = 11;
    stats.handshakes_failed[HANDSHAKE_OTHER] = 12;
    size_t count = serve_counts_of_handshakes(&stats, out);
    assert_int_equal(count, HANDSHAKE_FAILURES + 1);
    assert_int_equal(find(out, count, "done"), 1);
    assert_int_equal(find(out, count, "expired"), 11);
    assert_int_equal(find(out, count, "revoked"), 0);
    assert_int_equal(find(out, count, "other"), 12);
    count = serve_counts_of_limits(&stats, out);
    static const char *const limits[] = {"first_request", "idle",        "stall",
                                         "drain",         "connections", "strangers",
                                         "descriptors",   "protocol",    "unread"};
    assert_int_equal(count, sizeof(limits) / sizeof(limits[0]));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(find(out, count, limits[i]), i + 2);
    }
    stats.refusals[H2_REFUSED_STREAM] = 21;
    stats.refusals[H2_REFUSED_NOMEM] = 22;
    count = serve_counts_of_refusals(&stats, out);
    assert_int_equal(count, H2_REFUSALS);
    assert_int_equal(find(out, count, "streams"), 21);
    assert_int_equal(find(out, count, "memory"), 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_number_stands_under_its_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
