/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured log lines, one event a line, to one file descriptor.
 *
 *   - Fields have a type each, and there is no type for arbitrary bytes: key material cannot be
 *     passed to this interface by an honest caller. The 16-byte key name is public.
 *   - Values from outside are escaped: one call makes one line, whatever the text contains.
 *   - A line is at most LOG_LINE_MAX bytes (what a pipe takes whole); longer values are cut and
 *     the line says so.
 *   - Logging never blocks and never fails: a line that a pipe, terminal or socket has no room for
 *     is counted and dropped, and the next line that fits says how many were. (One exception: a
 *     terminal that this user may not open again.)
 * One thread.
 */
#ifndef STEKD_OPS_LOG_H
#define STEKD_OPS_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

#define LOG_LINE_MAX     4096 /* PIPE_BUF on Linux, newline included */
#define LOG_VALUE_MAX    1024 /* bytes of one string value before escaping */
#define LOG_KEY_NAME_LEN 16

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_AUDIT, /* for audit.c: above every threshold */
};

/* "debug", "info", ... */
const char *log_level_text(enum log_level level);

enum log_kind {
    LOG_KIND_STRING,
    LOG_KIND_INT,
    LOG_KIND_BOOL,
    LOG_KIND_DURATION, /* milliseconds; printed in seconds, "name_s" */
    LOG_KIND_TIME,     /* Unix milliseconds; printed as ISO 8601 UTC */
    LOG_KIND_KEY_NAME,
};

/* Make one with the functions below. Everything is borrowed during log_write(). */
struct log_field {
    const char *name; /* [a-z0-9_]+ */
    enum log_kind kind;
    union {
        const char *string;
        int64_t number;
        bool truth;
        const uint8_t *key_name;
    } value;
};

/* NULL is printed as "". */
static inline struct log_field log_string(const char *name, const char *value)
{
    return (struct log_field){name, LOG_KIND_STRING, {.string = value}};
}

static inline struct log_field log_int(const char *name, int64_t value)
{
    return (struct log_field){name, LOG_KIND_INT, {.number = value}};
}

static inline struct log_field log_bool(const char *name, bool value)
{
    return (struct log_field){name, LOG_KIND_BOOL, {.truth = value}};
}

/* `name` without a unit: a duration of 1500 under the name "lead" is printed as lead_s=1.500. */
static inline struct log_field log_duration(const char *name, int64_t ms)
{
    return (struct log_field){name, LOG_KIND_DURATION, {.number = ms}};
}

static inline struct log_field log_time(const char *name, int64_t unix_ms)
{
    return (struct log_field){name, LOG_KIND_TIME, {.number = unix_ms}};
}

static inline struct log_field log_key_name(const char *name,
                                            const uint8_t key_name[LOG_KEY_NAME_LEN])
{
    return (struct log_field){name, LOG_KIND_KEY_NAME, {.key_name = key_name}};
}

struct log_options {
    int fd; /* borrowed; usually 2; a pipe or terminal is opened a second time */
    enum log_format format;
    enum log_level level;      /* lines below it are not written */
    const struct clock *clock; /* borrowed until log_free() */
};

struct log;

enum err log_new(const struct log_options *options, struct log **out_log) MUST_USE;
/* NULL allowed. */
void log_free(struct log *log);
void log_set_level(struct log *log, enum log_level level);
void log_set_format(struct log *log, enum log_format format);
/* Lines lost so far because the descriptor took no more. */
uint64_t log_get_dropped(const struct log *log);

/* Writes one line. `event` is a constant like "key-activated". The time printed never goes back
 * within one log, even when the wall clock does. A NULL log swallows the line. */
void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);

/* Two arguments for log_write(): log_write(log, LOG_LEVEL_INFO, "event",
 *                                         LOG_FIELDS(log_string("realm", realm))); */
#define LOG_FIELDS(...)                                                                            \
    (const struct log_field[]){__VA_ARGS__},                                                       \
        sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)
#define LOG_NO_FIELDS NULL, 0

#endif
