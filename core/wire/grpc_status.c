/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/grpc_status.h"

#include <stdbool.h>
#include <stdio.h>

enum grpc_status grpc_status_from_err(enum err code)
{
    switch (code) {
    case ERR_OK:
        return GRPC_OK;
    case ERR_INVALID:
        return GRPC_INVALID_ARGUMENT;
    case ERR_NOMEM:
    case ERR_LIMIT:
        return GRPC_RESOURCE_EXHAUSTED;
    case ERR_IO:
    case ERR_CRYPTO:
    case ERR_PROTOCOL:
        return GRPC_INTERNAL;
    case ERR_CONFLICT:
        return GRPC_ABORTED;
    case ERR_UNAVAILABLE:
        return GRPC_UNAVAILABLE;
    case ERR_TIMEOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case ERR_DENIED:
        return GRPC_PERMISSION_DENIED;
    case ERR_NOT_FOUND:
        return GRPC_NOT_FOUND;
    case ERR_REFUSED:
        return GRPC_FAILED_PRECONDITION;
    case ERR_CANCELLED:
        return GRPC_CANCELLED;
    case ERR_UNSUPPORTED:
        return GRPC_UNIMPLEMENTED;
    }
    return GRPC_UNKNOWN;
}

static const struct {
    enum err code;
    const char *name;
} statuses[] = {
    [GRPC_OK] = {ERR_OK, "OK"},
    [GRPC_CANCELLED] = {ERR_CANCELLED, "CANCELLED"},
    [GRPC_UNKNOWN] = {ERR_IO, "UNKNOWN"},
    [GRPC_INVALID_ARGUMENT] = {ERR_INVALID, "INVALID_ARGUMENT"},
    [GRPC_DEADLINE_EXCEEDED] = {ERR_TIMEOUT, "DEADLINE_EXCEEDED"},
    [GRPC_NOT_FOUND] = {ERR_NOT_FOUND, "NOT_FOUND"},
    [GRPC_ALREADY_EXISTS] = {ERR_CONFLICT, "ALREADY_EXISTS"},
    [GRPC_PERMISSION_DENIED] = {ERR_DENIED, "PERMISSION_DENIED"},
    [GRPC_RESOURCE_EXHAUSTED] = {ERR_LIMIT, "RESOURCE_EXHAUSTED"},
    [GRPC_FAILED_PRECONDITION] = {ERR_REFUSED, "FAILED_PRECONDITION"},
    [GRPC_ABORTED] = {ERR_CONFLICT, "ABORTED"},
    [GRPC_OUT_OF_RANGE] = {ERR_INVALID, "OUT_OF_RANGE"},
    [GRPC_UNIMPLEMENTED] = {ERR_UNSUPPORTED, "UNIMPLEMENTED"},
    [GRPC_INTERNAL] = {ERR_IO, "INTERNAL"},
    [GRPC_UNAVAILABLE] = {ERR_UNAVAILABLE, "UNAVAILABLE"},
    [GRPC_DATA_LOSS] = {ERR_IO, "DATA_LOSS"},
    [GRPC_UNAUTHENTICATED] = {ERR_DENIED, "UNAUTHENTICATED"},
};

#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

enum err grpc_status_to_err(unsigned int status)
{
    return status < STATUS_COUNT ? statuses[status].code : ERR_PROTOCOL;
}

const char *grpc_status_name(unsigned int status)
{
    return status < STATUS_COUNT ? statuses[status].name : "?";
}

static bool travels_as_it_is(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e && c != '%';
}

size_t grpc_message_encode(const char *text, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        const size_t unit = travels_as_it_is(c) ? 1 : 3;
        if (unit >= cap - len) {
            break;
        }
        if (unit == 1) {
            out[len] = (char)c;
        } else {
            out[len] = '%';
            out[len + 1] = digits[c >> 4];
            out[len + 2] = digits[c & 15U];
        }
        len += unit;
    }
    out[len] = '\0';
    return len;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character at `at`, an escape or a plain one; `*used` is how many bytes it took. */
static unsigned char decode_unit(const char *at, size_t left, size_t *used)
{
    *used = 1;
    if (at[0] != '%' || left < 3) {
        return (unsigned char)at[0];
    }
    const int high = digit_value(at[1]);
    const int low = digit_value(at[2]);
    if (high < 0 || low < 0) {
        return (unsigned char)at[0];
    }
    *used = 3;
    return (unsigned char)(high * 16 + low);
}

size_t grpc_message_decode(const char *encoded, size_t len, char *out, size_t cap)
{
    size_t to = 0;
    size_t used = 0;

    for (size_t from = 0; from < len && to + 1 < cap; from += used) {
        const unsigned char c = decode_unit(encoded + from, len - from, &used);
        out[to++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    out[to] = '\0';
    return to;
}

/* The unit as a fraction of milliseconds. */
static bool unit_in_ms(char unit, int64_t *times, int64_t *divided_by)
{
    static const struct {
        char unit;
        int64_t times;
        int64_t divided_by;
    } units[] = {{'H', 3600000, 1}, {'M', 60000, 1}, {'S', 1000, 1},
                 {'m', 1, 1},       {'u', 1, 1000},  {'n', 1, 1000000}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].unit == unit) {
            *times = units[i].times;
            *divided_by = units[i].divided_by;
            return true;
        }
    }
    return false;
}

#define TIMEOUT_DIGITS_MAX 8
#define TIMEOUT_VALUE_MAX  INT64_C(99999999)

enum err grpc_timeout_parse(const char *text, size_t len, int64_t *out_ms)
{
    int64_t value = 0;
    int64_t times = 0;
    int64_t divided_by = 1;

    if (len < 2 || len > TIMEOUT_DIGITS_MAX + 1 ||
        !unit_in_ms(text[len - 1], &times, &divided_by)) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < len - 1; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return ERR_INVALID;
        }
        value = value * 10 + (text[i] - '0');
    }
    *out_ms = (value * times + divided_by - 1) / divided_by;
    return ERR_OK;
}

void grpc_timeout_format(int64_t timeout_ms, char out[16])
{
    /* The protocol knows no zero: what has run out already gets the shortest time there is. */
    int64_t value = timeout_ms < 1 ? 1 : timeout_ms;
    char unit = 'm';

    if (value % 1000 == 0 || value > TIMEOUT_VALUE_MAX) {
        value = value / 1000 + (value % 1000 != 0);
        unit = 'S';
    }
    if (value > TIMEOUT_VALUE_MAX) {
        value = TIMEOUT_VALUE_MAX;
    }
    (void)snprintf(out, 16, "%d%c", (int)value, unit);
}
