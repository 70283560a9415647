/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/log_line.h"

struct log {
    struct log_options options;
    int fd;     /* what is written to: options.fd or own_fd */
    int own_fd; /* owned; -1: none */
    bool is_socket;
    bool is_torn;      /* a part of the last line was written, and no newline */
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

/* A pipe or terminal that is full must not stop the daemon. O_NONBLOCK belongs to the open file,
 * which others share (the shell, its other jobs), so open it a second time for ourselves. Files do
 * not block; sockets take MSG_DONTWAIT. -1: not possible, or no need. */
static int open_own(int fd, mode_t type)
{
    char path[32];

    if (!S_ISFIFO(type) && !S_ISCHR(type)) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

enum err log_new(const struct log_options *options, struct log **out_log)
{
    struct log *log = calloc(1, sizeof(*log));
    struct stat st;

    if (log == NULL) {
        return ERR_NOMEM;
    }
    log->options = *options;
    log->last_ms = INT64_MIN;
    mode_t type = fstat(options->fd, &st) == 0 ? st.st_mode : 0;
    log->is_socket = S_ISSOCK(type);
    log->own_fd = open_own(options->fd, type);
    log->fd = log->own_fd >= 0 ? log->own_fd : options->fd;
    *out_log = log;
    return ERR_OK;
}

void log_free(struct log *log)
{
    if (log != NULL && log->own_fd >= 0) {
        (void)close(log->own_fd);
    }
    free(log);
}

void log_set_level(struct log *log, enum log_level level)
{
    log->options.level = level;
}

void log_set_format(struct log *log, enum log_format format)
{
    log->options.format = format;
}

uint64_t log_get_dropped(const struct log *log)
{
    return log->dropped;
}

static ssize_t send_bytes(const struct log *log, const char *bytes, size_t len)
{
    return log->is_socket ? send(log->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL)
                          : write(log->fd, bytes, len);
}

/* The poll is for a descriptor that could not be opened again: a pipe that polls as writable takes
 * PIPE_BUF bytes whole. Sockets and terminals may take a part; the rest of that line is lost, the
 * line counts as dropped, and the next one begins on a new line. */
static bool send_line(struct log *log)
{
    struct pollfd ready = {.fd = log->fd, .events = POLLOUT};

    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        return false;
    }
    if (log->is_torn && send_bytes(log, "\n", 1) != 1) {
        return false;
    }
    ssize_t sent = send_bytes(log, log->line.text, log->line.len);
    log->is_torn = sent > 0 && (size_t)sent < log->line.len;
    return sent == (ssize_t)log->line.len;
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
    if (send_line(log)) {
        log->reported = log->dropped;
    } else {
        log->dropped++;
    }
}
