/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/moment.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

struct moment_text moment_span(int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *text;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
    struct moment_text out = {""};
    int64_t left = ms < 0 ? clock_between_ms(ms, 0) : ms;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (left < units[i].ms) {
            continue;
        }
        bool is_last = i + 1 == sizeof(units) / sizeof(units[0]);
        int64_t rest = is_last ? 0 : left % units[i].ms / units[i + 1].ms;
        int len = snprintf(out.text, sizeof(out.text), "%" PRId64 "%s", left / units[i].ms,
                           units[i].text);
        if (rest > 0) {
            (void)snprintf(out.text + len, sizeof(out.text) - (size_t)len, "%" PRId64 "%s", rest,
                           units[i + 1].text);
        }
        return out;
    }
    (void)snprintf(out.text, sizeof(out.text), "%" PRId64 "ms", left);
    return out;
}

struct moment_text moment_relative(int64_t at_ms, int64_t now_ms)
{
    struct moment_text out = {"-"};

    if (at_ms == 0) {
        return out;
    }
    struct moment_text span = moment_span(clock_between_ms(now_ms, at_ms));
    if (at_ms == now_ms) {
        (void)snprintf(out.text, sizeof(out.text), "now");
    } else if (at_ms > now_ms) {
        (void)snprintf(out.text, sizeof(out.text), "in %.30s", span.text);
    } else {
        (void)snprintf(out.text, sizeof(out.text), "%.30s ago", span.text);
    }
    return out;
}

struct moment_text moment_iso(int64_t at_ms)
{
    struct moment_text out = {""};
    struct tm parts;
    int64_t part_ms = at_ms % 1000;
    time_t seconds = (time_t)(at_ms / 1000);

    if (part_ms < 0) { /* division rounds towards zero, clocks round down */
        part_ms += 1000;
        seconds--;
    }
    if (gmtime_r(&seconds, &parts) == NULL || parts.tm_year < -900 || parts.tm_year > 8099) {
        return out;
    }
    size_t len = strftime(out.text, sizeof(out.text), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out.text + len, sizeof(out.text) - len, ".%03dZ", (int)part_ms);
    return out;
}
