/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/json.h"

#include <inttypes.h>
#include <string.h>

#include "ctl/moment.h"

static void start_line(const struct json *json)
{
    if (json->depth > 0) {
        (void)fputc('\n', json->to);
    }
    for (unsigned int i = 0; i < json->depth; i++) {
        (void)fputs("  ", json->to);
    }
}

/* How many bytes the UTF-8 character at `at` has; 0: it is not one. */
static size_t character_length(const unsigned char *at)
{
    /* First byte's range, length, and the second byte's range (RFC 3629: no overlong form, no
     * surrogate, nothing above U+10FFFF). */
    static const struct {
        unsigned char from;
        unsigned char to;
        unsigned char len;
        unsigned char second_from;
        unsigned char second_to;
    } rows[] = {
        {0x01, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
        {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (at[0] < rows[i].from || at[0] > rows[i].to) {
            continue;
        }
        if (rows[i].len > 1 && (at[1] < rows[i].second_from || at[1] > rows[i].second_to)) {
            return 0;
        }
        for (size_t j = 2; j < rows[i].len; j++) {
            if ((at[j] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return rows[i].len;
    }
    return 0;
}

/* U+0080 to U+009F are commands to a terminal, like U+0000 to U+001F and U+007F. */
static bool is_control(const unsigned char *at, size_t len)
{
    return (len == 1 && (at[0] < 0x20 || at[0] == 0x7f)) ||
           (len == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

static void write_string(FILE *to, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    (void)fputc('"', to);
    while (*at != '\0') {
        size_t len = character_length(at);
        if (len == 0) {
            (void)fputs("\\ufffd", to);
            at++;
            continue;
        }
        if (is_control(at, len)) {
            (void)fprintf(to, "\\u%04x", at[len - 1]);
        } else if (*at == '"' || *at == '\\') {
            (void)fprintf(to, "\\%c", *at);
        } else {
            (void)fwrite(at, 1, len, to);
        }
        at += len;
    }
    (void)fputc('"', to);
}

/* The comma, the line and the name: everything before a value. */
static void start_value(struct json *json, const char *name)
{
    if (json->has_sibling) {
        (void)fputc(',', json->to);
    }
    start_line(json);
    json->has_sibling = true;
    if (name != NULL) {
        write_string(json->to, name);
        (void)fputs(": ", json->to);
    }
}

static void open_level(struct json *json, const char *name, char bracket)
{
    start_value(json, name);
    (void)fputc(bracket, json->to);
    json->depth++;
    json->has_sibling = false;
}

static void close_level(struct json *json, char bracket)
{
    bool was_empty = !json->has_sibling;

    json->depth--;
    if (!was_empty) {
        if (json->depth == 0) {
            (void)fputc('\n', json->to);
        }
        start_line(json);
    }
    (void)fputc(bracket, json->to);
    json->has_sibling = true;
    if (json->depth == 0) {
        (void)fputc('\n', json->to);
    }
}

void json_open_object(struct json *json, const char *name)
{
    open_level(json, name, '{');
}

void json_close_object(struct json *json)
{
    close_level(json, '}');
}

void json_open_array(struct json *json, const char *name)
{
    open_level(json, name, '[');
}

void json_close_array(struct json *json)
{
    close_level(json, ']');
}

void json_string(struct json *json, const char *name, const char *value)
{
    start_value(json, name);
    write_string(json->to, value);
}

void json_int(struct json *json, const char *name, int64_t value)
{
    start_value(json, name);
    (void)fprintf(json->to, "%" PRId64, value);
}

void json_uint(struct json *json, const char *name, uint64_t value)
{
    start_value(json, name);
    (void)fprintf(json->to, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *name, bool value)
{
    start_value(json, name);
    (void)fputs(value ? "true" : "false", json->to);
}

void json_null(struct json *json, const char *name)
{
    start_value(json, name);
    (void)fputs("null", json->to);
}

void json_hex(struct json *json, const char *name, const uint8_t *bytes, size_t len)
{
    start_value(json, name);
    (void)fputc('"', json->to);
    for (size_t i = 0; i < len; i++) {
        (void)fprintf(json->to, "%02x", bytes[i]);
    }
    (void)fputc('"', json->to);
}

void json_time(struct json *json, const char *name, int64_t at_ms)
{
    struct moment_text text = moment_iso(at_ms);

    if (at_ms == 0 || text.text[0] == '\0') {
        json_null(json, name);
    } else {
        json_string(json, name, text.text);
    }
}
