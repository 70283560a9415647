/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    int from;
    int to;
    int64_t now_ms;
    struct clock clock;
    struct log *log;
    char text[65536];
};

static int64_t set_time(void *ctx)
{
    const struct fixture *f = ctx;

    return f->now_ms;
}

static int set_up(void **state)
{
    int fds[2];
    struct fixture *f = calloc(1, sizeof(*f));

    if (f == NULL || pipe2(fds, O_NONBLOCK) != 0) {
        free(f);
        return -1;
    }
    f->from = fds[0];
    f->to = fds[1];
    f->clock = (struct clock){.wall_ms = set_time, .boot_ms = set_time, .ctx = f};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    log_free(f->log);
    (void)close(f->from);
    (void)close(f->to);
    free(f);
    return 0;
}

static void open_log(struct fixture *f, enum log_format format, enum log_level level)
{
    struct log_options options = {
        .fd = f->to,
        .format = format,
        .level = level,
        .clock = &f->clock,
    };

    assert_int_equal(log_new(&options, &f->log), ERR_OK);
}

/* What has been written since the last call. */
static const char *written(struct fixture *f)
{
    ssize_t got = read(f->from, f->text, sizeof(f->text) - 1);

    f->text[got < 0 ? 0 : got] = '\0';
    return f->text;
}

static void a_line_has_time_level_event_and_fields(void **state)
{
    struct fixture *f = *state;

    open_log(f, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    f->now_ms = 1709164800001;
    log_write(f->log, LOG_LEVEL_INFO, "key-activated",
              LOG_FIELDS(log_string("realm", "web"), log_int("revision", 3)));
    assert_string_equal(written(f), "time=2024-02-29T00:00:00.001Z level=info event=key-activated "
                                    "realm=web revision=3\n");
    log_write(f->log, LOG_LEVEL_WARNING, "stopping", LOG_NO_FIELDS);
    assert_string_equal(written(f), "time=2024-02-29T00:00:00.001Z level=warning event=stopping\n");
}

static void json_lines_are_objects(void **state)
{
    struct fixture *f = *state;

    open_log(f, LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
    log_write(f->log, LOG_LEVEL_DEBUG, "x", LOG_FIELDS(log_bool("ok", true)));
    assert_string_equal(written(f), "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"debug\","
                                    "\"event\":\"x\",\"ok\":true}\n");
}

static void lines_below_the_level_are_not_written(void **state)
{
    struct fixture *f = *state;

    open_log(f, LOG_FORMAT_LOGFMT, LOG_LEVEL_WARNING);
    for (int threshold = LOG_LEVEL_DEBUG; threshold <= LOG_LEVEL_ERROR; threshold++) {
        log_set_level(f->log, (enum log_level)threshold);
        for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_AUDIT; level++) {
            log_write(f->log, (enum log_level)level, "x", LOG_NO_FIELDS);
            assert_int_equal(written(f)[0] != '\0', level >= threshold);
        }
    }
}

static void the_format_can_change_between_two_lines(void **state)
{
    struct fixture *f = *state;

    open_log(f, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    log_write(f->log, LOG_LEVEL_INFO, "x", LOG_NO_FIELDS);
    assert_non_null(strstr(written(f), "event=x"));
    log_set_format(f->log, LOG_FORMAT_JSON);
    log_write(f->log, LOG_LEVEL_INFO, "x", LOG_NO_FIELDS);
    assert_non_null(strstr(written(f), "\"event\":\"x\""));
}

static void time_never_goes_back(void **state)
{
    struct fixture *f = *state;

    open_log(f, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    f->now_ms = 2000;
    log_write(f->log, LOG_LEVEL_INFO, "a", LOG_NO_FIELDS);
    f->now_ms = 1000;
    log_write(f->log, LOG_LEVEL_INFO, "b", LOG_NO_FIELDS);
    f->now_ms = 2001;
    log_write(f->log, LOG_LEVEL_INFO, "c", LOG_NO_FIELDS);
    assert_string_equal(written(f), "time=1970-01-01T00:00:02.000Z level=info event=a\n"
                                    "time=1970-01-01T00:00:02.000Z level=info event=b\n"
                                    "time=1970-01-01T00:00:02.001Z level=info event=c\n");
}

static void a_full_pipe_drops_whole_lines_and_says_how_many(void **state)
{
    struct fixture *f = *state;
    char filler[1000];

    open_log(f, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    /* A blocking descriptor must not block us either. */
    assert_int_equal(fcntl(f->to, F_SETFL, 0), 0);
    memset(filler, 'x', sizeof(filler));
    filler[sizeof(filler) - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        log_write(f->log, LOG_LEVEL_INFO, "fill", LOG_FIELDS(log_string("text", filler)));
    }
    uint64_t dropped = log_get_dropped(f->log);
    assert_in_range(dropped, 1, 199);

    const char *all = written(f);
    while (all[0] != '\0') {
        all = written(f);
    }
    char want[128];
    (void)snprintf(want, sizeof(want), "event=after lines_dropped=%d a=1\n", (int)dropped);
    log_write(f->log, LOG_LEVEL_INFO, "after", LOG_FIELDS(log_int("a", 1)));
    assert_non_null(strstr(written(f), want));
    log_write(f->log, LOG_LEVEL_INFO, "later", LOG_NO_FIELDS);
    assert_null(strstr(written(f), "lines_dropped"));
    assert_int_equal(log_get_dropped(f->log), dropped);
}

static void a_closed_descriptor_is_only_counted(void **state)
{
    struct fixture *f = *state;

    int spare = dup(f->to);
    (void)close(f->to);
    open_log(f, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
    log_write(f->log, LOG_LEVEL_INFO, "x", LOG_NO_FIELDS);
    assert_int_equal(log_get_dropped(f->log), 1);
    f->to = spare;
}

/* What nobody reads, of each kind; blocking, as a daemon inherits it. */
static void open_unread(int kind, int fds[2])
{
    if (kind == 0) {
        assert_int_equal(pipe(fds), 0);
    } else if (kind == 1) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    } else {
        fds[0] = posix_openpt(O_RDWR | O_NOCTTY);
        assert_true(fds[0] >= 0);
        assert_int_equal(grantpt(fds[0]), 0);
        assert_int_equal(unlockpt(fds[0]), 0);
        fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY);
        assert_true(fds[1] >= 0);
    }
}

static void a_reader_that_stands_still_never_blocks_us(void **state)
{
    struct fixture *f = *state;
    char filler[400];

    memset(filler, 'x', sizeof(filler));
    filler[sizeof(filler) - 1] = '\0';
    for (int kind = 0; kind < 3; kind++) {
        const int saved[2] = {f->from, f->to};
        int fds[2];
        open_unread(kind, fds);
        f->from = fds[0];
        f->to = fds[1];
        open_log(f, LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO);
        for (int i = 0; i < 3000; i++) {
            log_write(f->log, LOG_LEVEL_INFO, "fill", LOG_FIELDS(log_string("text", filler)));
        }
        assert_in_range(log_get_dropped(f->log), 1, 2999);
        assert_int_equal(fcntl(f->to, F_GETFL) & O_NONBLOCK, 0); /* others share it */
        assert_int_equal(fcntl(f->from, F_SETFL, O_NONBLOCK), 0);
        while (written(f)[0] != '\0') {
            continue;
        }
        log_write(f->log, LOG_LEVEL_INFO, "after", LOG_NO_FIELDS);
        const char *line = strstr(written(f), "time=");
        assert_non_null(line);
        assert_true(line == f->text || line[-1] == '\n');
        assert_non_null(strstr(line, "event=after lines_dropped="));
        log_free(f->log);
        f->log = NULL;
        (void)close(fds[0]);
        (void)close(fds[1]);
        f->from = saved[0];
        f->to = saved[1];
    }
}

static void no_log_swallows_every_line(void **state)
{
    (void)state;
    log_write(NULL, LOG_LEVEL_AUDIT, "x", LOG_FIELDS(log_int("a", 1)));
    log_free(NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_time_level_event_and_fields),
        TEST(json_lines_are_objects),
        TEST(lines_below_the_level_are_not_written),
        TEST(the_format_can_change_between_two_lines),
        TEST(time_never_goes_back),
        TEST(a_full_pipe_drops_whole_lines_and_says_how_many),
        TEST(a_closed_descriptor_is_only_counted),
        TEST(a_reader_that_stands_still_never_blocks_us),
        TEST(no_log_swallows_every_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
