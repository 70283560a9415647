/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_bounds.h"

static void add_digit(struct redis_bounds *bounds, uint32_t digit)
{
    const uint64_t number = (uint64_t)bounds->number * 10 + digit;

    bounds->number = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* Whether what the line announces may be. */
static bool end_line(struct redis_bounds *bounds, uint32_t bulk_max)
{
    const struct redis_bounds line = *bounds;

    *bounds = (struct redis_bounds){.type = 0};
    if (line.is_minus) {
        return true; /* nil */
    }
    if (line.type == '*') {
        return line.number <= REDIS_BOUNDS_ELEMENTS;
    }
    if (line.type == '$') {
        bounds->skip = (uint64_t)line.number + 2;
        return line.number <= bulk_max;
    }
    return true;
}

static bool take_byte(struct redis_bounds *bounds, char byte, uint32_t bulk_max)
{
    if (bounds->has_cr && byte == '\n') {
        return end_line(bounds, bulk_max);
    }
    bounds->has_cr = byte == '\r';
    bounds->line++;
    if (bounds->type == 0) {
        bounds->type = byte;
    } else if (byte >= '0' && byte <= '9') {
        add_digit(bounds, (uint32_t)(byte - '0'));
    } else if (byte == '-') {
        bounds->is_minus = true;
    }
    return bounds->line <= REDIS_BOUNDS_LINE;
}

bool redis_bounds_take(struct redis_bounds *bounds, const char *bytes, size_t len,
                       uint32_t bulk_max)
{
    size_t at = 0;

    while (at < len) {
        if (bounds->skip > 0) {
            const uint64_t left = len - at;
            const uint64_t step = bounds->skip < left ? bounds->skip : left;
            bounds->skip -= step;
            at += (size_t)step;
        } else if (!take_byte(bounds, bytes[at++], bulk_max)) {
            return false;
        }
    }
    return true;
}
