/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "ops/log_line.h"

struct log {
    struct log_options options;
    int64_t last_ms;   /* the newest time printed */
    uint64_t dropped;  /* all so far */
    uint64_t reported; /* of these, how many a line has told of */
    struct log_line line;
};

static const char *const level_texts[] = {
    [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_AUDIT] = "audit",
};

const char *log_level_text(enum log_level level)
{
    return level_texts[level];
}

enum err log_new(const struct log_options *options, struct log **out_log)
{
    struct log *log = calloc(1, sizeof(*log));

    if (log == NULL) {
        return ERR_NOMEM;
    }
    log->options = *options;
    log->last_ms = INT64_MIN;
    *out_log = log;
    return ERR_OK;
}

void log_free(struct log *log)
{
    free(log);
}

void log_set_level(struct log *log, enum log_level level)
{
    log->options.level = level;
}

uint64_t log_get_dropped(const struct log *log)
{
    return log->dropped;
}

/* A pipe that polls as writable takes a line of PIPE_BUF bytes whole, so the write below does not
 * block whether or not somebody made the descriptor non-blocking. Sockets and terminals may take a
 * part; the rest of that line is then lost and the line counts as dropped. */
static bool send_line(int fd, const struct log_line *line)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};

    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0 &&
           write(fd, line->text, line->len) == (ssize_t)line->len;
}

static int64_t next_time(struct log *log)
{
    int64_t now = clock_wall_ms(log->options.clock);

    if (now > log->last_ms) {
        log->last_ms = now;
    }
    return log->last_ms;
}

void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
    if (log == NULL || level < log->options.level) {
        return;
    }
    uint64_t lost = log->dropped - log->reported;
    const struct log_field head[] = {
        log_time("time", next_time(log)),
        log_string("level", log_level_text(level)),
        log_string("event", event),
        log_int("lines_dropped", (int64_t)lost),
    };
    size_t head_count = sizeof(head) / sizeof(head[0]) - (lost == 0 ? 1 : 0);

    log_line_start(&log->line, log->options.format);
    for (size_t i = 0; i < head_count; i++) {
        log_line_add(&log->line, &head[i]);
    }
    for (size_t i = 0; i < count; i++) {
        log_line_add(&log->line, &fields[i]);
    }
    log_line_finish(&log->line);
    if (send_line(log->options.fd, &log->line)) {
        log->reported = log->dropped;
    } else {
        log->dropped++;
    }
}
