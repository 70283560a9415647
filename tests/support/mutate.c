/* SPDX-License-Identifier: Apache-2.0 */
#include "support/mutate.h"

#include <string.h>

void mutate_seed(struct mutate *m, uint64_t seed)
{
    m->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

/* splitmix64 */
uint64_t mutate_next(struct mutate *m)
{
    m->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = m->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t mutate_below(struct mutate *m, size_t limit)
{
    return (size_t)(mutate_next(m) % limit);
}

/* Makes a gap of `gap` bytes at `at`, of zeros; the new length. */
static size_t open_gap(uint8_t *bytes, size_t len, size_t cap, size_t at, size_t gap)
{
    gap = gap < cap - len ? gap : cap - len;
    memmove(bytes + at + gap, bytes + at, len - at);
    memset(bytes + at, 0, gap);
    return len + gap;
}

static size_t cut(struct mutate *m, uint8_t *bytes, size_t len)
{
    const size_t at = mutate_below(m, len);
    const size_t gone = 1 + mutate_below(m, len - at);

    memmove(bytes + at, bytes + at + gone, len - at - gone);
    return len - gone;
}

static size_t put_in(struct mutate *m, uint8_t *bytes, size_t len, size_t cap)
{
    const size_t at = mutate_below(m, len + 1);
    const size_t more = open_gap(bytes, len, cap, at, 1 + mutate_below(m, 16));

    for (size_t i = at; i < at + (more - len); i++) {
        bytes[i] = (uint8_t)mutate_next(m);
    }
    return more;
}

static size_t double_part(struct mutate *m, uint8_t *bytes, size_t len, size_t cap)
{
    const size_t at = mutate_below(m, len);
    const size_t more = open_gap(bytes, len, cap, at, 1 + mutate_below(m, len - at));

    memcpy(bytes + at, bytes + at + (more - len), more - len);
    return more;
}

/* Ends of ranges, in the widths that lengths and varints have. */
static void write_edge(struct mutate *m, uint8_t *bytes, size_t len)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe};
    const size_t at = mutate_below(m, len);
    const size_t width = 1 + mutate_below(m, 10);
    const uint8_t edge = edges[mutate_below(m, sizeof(edges))];

    memset(bytes + at, edge, width < len - at ? width : len - at);
}

static size_t change_once(struct mutate *m, uint8_t *bytes, size_t len, size_t cap)
{
    if (len == 0) {
        return put_in(m, bytes, len, cap);
    }
    switch (mutate_below(m, 6)) {
    case 0:
        bytes[mutate_below(m, len)] ^= (uint8_t)(1U << mutate_below(m, 8));
        return len;
    case 1:
        bytes[mutate_below(m, len)] = (uint8_t)mutate_next(m);
        return len;
    case 2:
        return cut(m, bytes, len);
    case 3:
        return put_in(m, bytes, len, cap);
    case 4:
        return double_part(m, bytes, len, cap);
    default:
        write_edge(m, bytes, len);
        return len;
    }
}

size_t mutate_bytes(struct mutate *m, struct slice from, uint8_t *to, size_t cap)
{
    size_t len = from.len < cap ? from.len : cap;

    memcpy(to, from.at, len);
    for (size_t changes = 1 + mutate_below(m, 4); changes > 0; changes--) {
        len = change_once(m, to, len, cap);
    }
    return len;
}
