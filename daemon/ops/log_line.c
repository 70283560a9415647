/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log_line.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

/* Room kept free for the mark of a cut line, the closing brace and the newline. */
#define TAIL_MAX 32

static const char hex_digits[] = "0123456789abcdef";

/* Appends all of it or nothing. */
static bool append(struct log_line *line, const char *text, size_t len)
{
    if (len > sizeof(line->text) - TAIL_MAX - line->len) {
        return false;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
    return true;
}

static bool append_text(struct log_line *line, const char *text)
{
    return append(line, text, strlen(text));
}

/* How many bytes of a well-formed UTF-8 character stand at `at` (with `left` bytes before the
 * end); 0: none do. Overlong forms, surrogates and C1 control characters count as none: a
 * terminal may act on the latter. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
    size_t need = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

    if (at[0] < 0xc2 || at[0] > 0xf4 || need > left) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f) ||
        (at[0] == 0xc2 && at[1] < 0xa0)) {
        return 0;
    }
    return need;
}

/* One byte that may not stand as it is. The forms are JSON's, and logfmt readers know them too. */
static bool append_escaped(struct log_line *line, unsigned char byte)
{
    char escape[] = {'\\', 'u', '0', '0', hex_digits[byte >> 4], hex_digits[byte & 15]};

    switch (byte) {
    case '"':
    case '\\':
        escape[1] = (char)byte;
        return append(line, escape, 2);
    case '\n':
        return append(line, "\\n", 2);
    case '\r':
        return append(line, "\\r", 2);
    case '\t':
        return append(line, "\\t", 2);
    default:
        return append(line, escape, sizeof(escape));
    }
}

/* `text` in quotes, or its first LOG_VALUE_MAX bytes and "...". */
static bool append_quoted(struct log_line *line, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t len = strnlen(text, LOG_VALUE_MAX + 1);
    size_t end = len > LOG_VALUE_MAX ? LOG_VALUE_MAX : len;
    bool fits = append(line, "\"", 1);

    for (size_t i = 0; fits && i < end;) {
        size_t whole = at[i] < 0x80 ? 1 : utf8_length(at + i, end - i);
        bool is_plain =
            whole > 1 || (at[i] >= 0x20 && at[i] < 0x7f && at[i] != '"' && at[i] != '\\');
        if (is_plain) {
            fits = append(line, text + i, whole);
            i += whole;
        } else if (whole == 0 && end - i < 4 && len > end) {
            break; /* a character that the limit cut in two */
        } else {
            fits = append_escaped(line, at[i]);
            i++;
        }
    }
    if (len > end) {
        fits = fits && append_text(line, "...");
    }
    return fits && append(line, "\"", 1);
}

/* logfmt leaves simple values bare. */
static bool is_bare(const char *text)
{
    if (text[0] == '\0' || strlen(text) > LOG_VALUE_MAX) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '=' || *at == '\\') {
            return false;
        }
    }
    return true;
}

static bool append_string(struct log_line *line, const char *text)
{
    const char *value = text == NULL ? "" : text;

    if (line->format == LOG_FORMAT_LOGFMT && is_bare(value)) {
        return append_text(line, value);
    }
    return append_quoted(line, value);
}

/* Seconds with three decimals: exact, and the same in both formats. */
static bool append_duration(struct log_line *line, int64_t ms)
{
    char text[32];
    uint64_t size = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;

    (void)snprintf(text, sizeof(text), "%s%" PRIu64 ".%03" PRIu64, ms < 0 ? "-" : "", size / 1000,
                   size % 1000);
    return append_text(line, text);
}

static bool append_time(struct log_line *line, int64_t unix_ms)
{
    char text[64];
    char date[40];
    struct tm tm;
    int64_t ms = unix_ms % 1000;
    time_t seconds = (time_t)(unix_ms / 1000);

    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    /* Years that do not fit in a struct tm: no date we accept, but a line is still wanted. */
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
        return append_string(line, "out-of-range");
    }
    (void)snprintf(text, sizeof(text), "%s.%03dZ", date, (int)ms);
    return append_string(line, text);
}

static bool append_number(struct log_line *line, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    return append_text(line, text);
}

static bool append_key_name(struct log_line *line, const uint8_t *name)
{
    char text[2 * LOG_KEY_NAME_LEN + 1];

    text_hex_encode(name, LOG_KEY_NAME_LEN, text);
    return append_string(line, text);
}

static bool append_value(struct log_line *line, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_KIND_STRING:
        return append_string(line, field->value.string);
    case LOG_KIND_INT:
        return append_number(line, field->value.number);
    case LOG_KIND_BOOL:
        return append_text(line, field->value.truth ? "true" : "false");
    case LOG_KIND_DURATION:
        return append_duration(line, field->value.number);
    case LOG_KIND_TIME:
        return append_time(line, field->value.number);
    case LOG_KIND_KEY_NAME:
        return append_key_name(line, field->value.key_name);
    }
    assert(false);
    return false;
}

static bool append_name(struct log_line *line, const struct log_field *field)
{
    bool is_json = line->format == LOG_FORMAT_JSON;
    /* Only "{" stands before the first field of a JSON line, nothing before a logfmt one. */
    bool is_first = line->len == (is_json ? 1 : 0);

    return (is_first || append(line, is_json ? "," : " ", 1)) &&
           (!is_json || append(line, "\"", 1)) && append_text(line, field->name) &&
           (field->kind != LOG_KIND_DURATION || append(line, "_s", 2)) &&
           append_text(line, is_json ? "\":" : "=");
}

void log_line_start(struct log_line *line, enum log_format format)
{
    line->len = 0;
    line->format = format;
    line->is_cut = false;
    if (format == LOG_FORMAT_JSON) {
        (void)append(line, "{", 1);
    }
}

void log_line_add(struct log_line *line, const struct log_field *field)
{
    size_t before = line->len;

    if (!append_name(line, field) || !append_value(line, field)) {
        line->len = before;
        line->is_cut = true;
    }
}

void log_line_finish(struct log_line *line)
{
    bool is_json = line->format == LOG_FORMAT_JSON;
    const char *end = is_json ? (line->is_cut ? ",\"cut\":true}\n" : "}\n")
                              : (line->is_cut ? " cut=true\n" : "\n");
    size_t len = strlen(end);

    assert(len <= TAIL_MAX);
    memcpy(line->text + line->len, end, len);
    line->len += len;
}
