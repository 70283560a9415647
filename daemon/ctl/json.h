/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one JSON document (RFC 8259), two spaces a level, ASCII and valid UTF-8 only. */
#ifndef STEKD_CTL_JSON_H
#define STEKD_CTL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Starts as {.to = file}. */
struct json {
    FILE *to; /* borrowed */
    unsigned int depth;
    bool has_sibling; /* something stands before on this level */
};

/* `name` is NULL for the outermost value and inside arrays. */
void json_open_object(struct json *json, const char *name);
void json_close_object(struct json *json); /* the outermost also ends the line */
void json_open_array(struct json *json, const char *name);
void json_close_array(struct json *json);

/* Escapes quotes, backslashes and control characters; bytes that are not UTF-8 become U+FFFD. */
void json_string(struct json *json, const char *name, const char *value);
void json_int(struct json *json, const char *name, int64_t value);
void json_uint(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);
/* Lower case hexadecimal. For names and digests; there is no way to hand this program a key. */
void json_hex(struct json *json, const char *name, const uint8_t *bytes, size_t len);
/* Unix milliseconds as ISO 8601 in UTC; null for 0 and for times that have no such form. */
void json_time(struct json *json, const char *name, int64_t at_ms);

#endif
