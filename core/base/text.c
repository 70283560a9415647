/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"

/* 1 when low <= c <= high, else 0, without a branch. */
static unsigned in_range(unsigned c, unsigned low, unsigned high)
{
    return (((low - 1U - c) & (c - high - 1U)) >> 31) & 1U;
}

static char digit_of(unsigned nibble)
{
    const unsigned is_letter = in_range(nibble, 10, 15);
    return (char)('0' + nibble + ((0U - is_letter) & ('a' - '0' - 10U)));
}

void text_hex_encode(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digit_of(bytes[i] >> 4);
        out[2 * i + 1] = digit_of(bytes[i] & 15U);
    }
    out[2 * len] = '\0';
}

/* The digit's value; *bad becomes non-zero when it is none. */
static unsigned value_of(char digit, unsigned *bad)
{
    const unsigned c = (unsigned char)digit;
    const unsigned is_digit = in_range(c, '0', '9');
    const unsigned is_lower = in_range(c, 'a', 'f');
    const unsigned is_upper = in_range(c, 'A', 'F');
    *bad |= 1U ^ (is_digit | is_lower | is_upper);
    return ((0U - is_digit) & (c - '0')) | ((0U - is_lower) & (c - 'a' + 10U)) |
           ((0U - is_upper) & (c - 'A' + 10U));
}

enum err text_hex_decode(const char *hex, uint8_t *out, size_t len)
{
    /* The length is not secret; the digits are, so they are judged together at the end. */
    if (strnlen(hex, 2 * len + 1) != 2 * len) {
        secret_wipe(out, len);
        return ERR_INVALID;
    }
    unsigned bad = 0;
    for (size_t i = 0; i < len; i++) {
        const unsigned high = value_of(hex[2 * i], &bad);
        const unsigned low = value_of(hex[2 * i + 1], &bad);
        out[i] = (uint8_t)(high << 4 | low);
    }
    if (bad != 0) {
        secret_wipe(out, len);
        return ERR_INVALID;
    }
    return ERR_OK;
}

enum err text_copy(char *to, size_t cap, const char *from)
{
    const size_t len = strnlen(from, cap);
    if (len == cap) {
        if (cap > 0) {
            to[0] = '\0';
        }
        return ERR_LIMIT;
    }
    memmove(to, from, len);
    to[len] = '\0';
    return ERR_OK;
}

bool text_is_realm_name(const char *name)
{
    static const char alnum[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t len = strnlen(name, REALM_NAME_MAX + 1);
    return len >= 1 && len <= REALM_NAME_MAX && strchr(alnum, name[0]) != NULL &&
           strspn(name, allowed) == len;
}

/* Code points that move the cursor, end a line or turn the reading direction: a peer's name must
 * not be able to forge a log line or a table row. */
static bool is_hostile(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c ||
           (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

/* Decodes one UTF-8 sequence (RFC 3629) of a NUL-terminated text. Returns its length, 0 when it
 * is ill-formed. A NUL is never a continuation byte, so nothing past it is read. */
static size_t decode_point(const unsigned char *at, uint32_t *point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (at[0] < 0x80) {
        *point = at[0];
        return 1;
    }
    const size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc0 || at[0] > 0xf7) {
        return 0;
    }
    uint32_t value = at[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0U) != 0x80) {
            return 0;
        }
        value = value << 6 | (at[i] & 0x3fU);
    }
    const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < smallest[len] || value > 0x10ffff || is_surrogate) {
        return 0;
    }
    *point = value;
    return len;
}

bool text_is_label(const char *text, size_t max)
{
    if (strnlen(text, max + 1) > max) {
        return false;
    }
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        uint32_t point = 0;
        const size_t len = decode_point(at, &point);
        if (len == 0 || is_hostile(point)) {
            return false;
        }
        at += len;
    }
    return true;
}

struct text_span text_span_of(int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *text;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};

    struct text_span span = {"0s"};
    for (size_t i = 0; ms != 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (ms % units[i].ms == 0) {
            (void)snprintf(span.text, sizeof(span.text), "%" PRId64 "%s", ms / units[i].ms,
                           units[i].text);
            break;
        }
    }
    return span;
}
