/* SPDX-License-Identifier: Apache-2.0 */
#include "host/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/fake_time.h"

#define OUR_PID 4711

/* A service manager: a real datagram socket, on a path or in the abstract name space. */
struct fixture {
    struct fake_time *time;
    char folder[64];
    char path[96];
    char abstract[64];
    int manager;
    char status[512]; /* what describe() says */
};

static void describe(void *ctx, char *text, size_t cap)
{
    const struct fixture *f = ctx;

    (void)snprintf(text, cap, "%s", f->status);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->time = fake_time_new();
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/stek-notify-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/manager", f->folder);
    (void)snprintf(f->abstract, sizeof(f->abstract), "@stek-notify-test-%ld", (long)getpid());
    (void)snprintf(f->status, sizeof(f->status), "all is well");
    f->manager = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->manager >= 0) {
        (void)close(f->manager);
    }
    (void)unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0);
    fake_time_free(f->time);
    free(f);
    return 0;
}

static void listen_on(struct fixture *f, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);

    memcpy(address.sun_path, name, len);
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    f->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(f->manager >= 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    assert_int_equal(bind(f->manager, (struct sockaddr *)&address, size), 0);
}

static struct notify_options options_of(struct fixture *f, const char *socket_name)
{
    return (struct notify_options){
        .socket = socket_name,
        .pid = OUR_PID,
        .timers = fake_time_timers(f->time),
        .describe = describe,
        .ctx = f,
    };
}

/* The next datagram is exactly this; NULL: there is none. */
static void expect_told(const struct fixture *f, const char *want)
{
    char text[1024] = "";
    ssize_t len = recv(f->manager, text, sizeof(text) - 1, 0);

    if (want == NULL) {
        assert_true(len < 0);
        return;
    }
    assert_true(len >= 0);
    assert_string_equal(text, want);
}

static struct notify *notify_on(struct fixture *f, const struct notify_options *options)
{
    struct notify *notify = NULL;
    struct errbuf why = {""};

    (void)f;
    enum err rc = notify_new(options, &notify, &why);
    assert_string_equal(why.text, "");
    assert_int_equal(rc, ERR_OK);
    return notify;
}

static void a_manager_on_a_path_or_an_abstract_name_hears_how_the_daemon_is(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {f->path, f->abstract};

    for (size_t i = 0; i < 2; i++) {
        listen_on(f, names[i]);
        const struct notify_options options = options_of(f, names[i]);
        struct notify *notify = notify_on(f, &options);
        struct errbuf why = {""};
        expect_told(f, NULL);
        assert_int_equal(notify_ready(notify, &why), ERR_OK);
        expect_told(f, "READY=1\nSTATUS=all is well\n");
        notify_reloading(notify, UINT64_C(18446744073709551615));
        expect_told(f, "RELOADING=1\nMONOTONIC_USEC=18446744073709551615\n");
        assert_int_equal(notify_ready(notify, &why), ERR_OK);
        expect_told(f, "READY=1\n");
        notify_stopping(notify);
        expect_told(f, "STOPPING=1\n");
        expect_told(f, NULL);
        notify_free(notify);
        (void)close(f->manager);
        f->manager = -1;
    }
}

static void the_watchdog_is_fed_at_half_its_time_from_ready_on(void **state)
{
    struct fixture *f = *state;
    struct notify_options options = options_of(f, f->path);
    struct errbuf why = {""};

    listen_on(f, f->path);
    options.watchdog_usec = "30000000";
    options.watchdog_pid = "4711";
    struct notify *notify = notify_on(f, &options);
    assert_int_equal(notify_watchdog_ms(notify), 15000);
    fake_time_run(f->time, 60000);
    expect_told(f, NULL); /* not ready: the manager counts from READY=1 */
    assert_int_equal(notify_ready(notify, &why), ERR_OK);
    expect_told(f, "READY=1\nSTATUS=all is well\n");
    fake_time_run(f->time, 14999);
    expect_told(f, NULL);
    fake_time_run(f->time, 1);
    expect_told(f, "WATCHDOG=1\n");
    notify_stopping(notify);
    expect_told(f, "STOPPING=1\n");
    fake_time_run(f->time, 15000);
    expect_told(f, "WATCHDOG=1\n"); /* a daemon that drains is alive */
    notify_free(notify);
}

static void the_status_is_told_when_it_has_changed_and_is_one_line(void **state)
{
    struct fixture *f = *state;
    const struct notify_options options = options_of(f, f->path);
    struct errbuf why = {""};

    listen_on(f, f->path);
    struct notify *notify = notify_on(f, &options);
    assert_int_equal(notify_watchdog_ms(notify), 0);
    assert_int_equal(notify_ready(notify, &why), ERR_OK);
    expect_told(f, "READY=1\nSTATUS=all is well\n");
    fake_time_run(f->time, NOTIFY_STATUS_MS);
    expect_told(f, NULL);
    (void)snprintf(f->status, sizeof(f->status), "two\nMAINPID=1 \x7f");
    fake_time_run(f->time, NOTIFY_STATUS_MS);
    expect_told(f, "STATUS=two?MAINPID=1 ?\n");
    memset(f->status, 'x', sizeof(f->status) - 1); /* longer than there is room for */
    fake_time_run(f->time, NOTIFY_STATUS_MS);
    char text[1024] = "";
    ssize_t len = recv(f->manager, text, sizeof(text) - 1, 0);
    assert_int_equal(len, 7 + NOTIFY_STATUS_MAX - 1 + 1);
    assert_int_equal(text[len - 1], '\n');
    notify_free(notify);
}

static void without_a_manager_every_call_does_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {NULL, ""};

    for (size_t i = 0; i < 2; i++) {
        struct notify_options options = options_of(f, names[i]);
        struct errbuf why = {""};
        options.watchdog_usec = "30000000";
        struct notify *notify = notify_on(f, &options);
        assert_int_equal(notify_watchdog_ms(notify), 0);
        assert_int_equal(notify_ready(notify, &why), ERR_OK);
        notify_stopping(notify);
        assert_int_equal(fake_time_timer_count(f->time), 0);
        notify_free(notify);
    }
    notify_free(NULL);
}

static void a_manager_that_is_gone_is_said_once_and_harms_nobody(void **state)
{
    struct fixture *f = *state;
    struct notify_options options = options_of(f, f->path);
    struct errbuf why = {""};

    options.watchdog_usec = "2000000";
    struct notify *notify = notify_on(f, &options);
    assert_int_equal(notify_ready(notify, &why), ERR_IO);
    assert_non_null(strstr(why.text, "service manager"));
    fake_time_run(f->time, 1000);
    notify_stopping(notify);
    listen_on(f, f->path); /* it comes back: the next beat says everything */
    fake_time_run(f->time, 1000);
    expect_told(f, "WATCHDOG=1\nSTATUS=all is well\n");
    notify_free(notify);
}

/* sendto() must not wait: a full queue loses a beat, and the daemon goes on. */
static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    struct notify_options options = options_of(f, f->path);
    struct errbuf why = {""};

    listen_on(f, f->path);
    options.watchdog_usec = "2000";
    struct notify *notify = notify_on(f, &options);
    assert_int_equal(notify_ready(notify, &why), ERR_OK);
    fake_time_run(f->time, 5000);
    size_t taken = 0;
    char text[64];
    while (recv(f->manager, text, sizeof(text), 0) > 0) {
        taken++;
    }
    assert_in_range(taken, 1, 5000); /* 5001 were meant for it: the queue was full */
    notify_free(notify);
}

static void the_watchdog_of_another_process_is_not_ours(void **state)
{
    struct fixture *f = *state;
    struct notify_options options = options_of(f, f->path);

    options.watchdog_usec = "30000000";
    options.watchdog_pid = "4712";
    struct notify *notify = notify_on(f, &options);
    assert_int_equal(notify_watchdog_ms(notify), 0);
    notify_free(notify);
}

static void an_environment_that_makes_no_sense_is_refused_in_words(void **state)
{
    struct fixture *f = *state;
    char too_long[160];
    static const struct {
        const char *socket;
        const char *usec;
        const char *pid;
        const char *part;
    } rows[] = {
        {"run/notify", NULL, NULL, "NOTIFY_SOCKET"},
        {"vsock:2:1234", NULL, NULL, "NOTIFY_SOCKET"},
        {"/", NULL, NULL, "NOTIFY_SOCKET"},
        {"@", NULL, NULL, "NOTIFY_SOCKET"},
        {"/x", "0", NULL, "WATCHDOG_USEC"},
        {"/x", "", NULL, "WATCHDOG_USEC"},
        {"/x", "-1", NULL, "WATCHDOG_USEC"},
        {"/x", "1s", NULL, "WATCHDOG_USEC"},
        {"/x", "86400000001", NULL, "WATCHDOG_USEC"},
        {"/x", "99999999999999999999999999", NULL, "WATCHDOG_USEC"},
        {"/x", "1000", "me", "WATCHDOG_PID"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct notify_options options = options_of(f, rows[i].socket);
        struct notify *notify = NULL;
        struct errbuf why = {""};
        options.watchdog_usec = rows[i].usec;
        options.watchdog_pid = rows[i].pid;
        assert_int_equal(notify_new(&options, &notify, &why), ERR_INVALID);
        assert_null(notify);
        assert_non_null(strstr(why.text, rows[i].part));
    }
    /* A path of 107 bytes fits with its NUL, an abstract name of 108 without one. */
    static const struct {
        char first;
        size_t len;
        enum err want;
    } lengths[] = {
        {'/', 107, ERR_OK}, {'/', 108, ERR_INVALID}, {'@', 108, ERR_OK}, {'@', 109, ERR_INVALID}};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(too_long, 'x', sizeof(too_long));
        too_long[0] = lengths[i].first;
        too_long[lengths[i].len] = '\0';
        const struct notify_options options = options_of(f, too_long);
        struct notify *notify = NULL;
        struct errbuf why = {""};
        assert_int_equal(notify_new(&options, &notify, &why), lengths[i].want);
        notify_free(notify);
    }
}

static void the_least_and_the_greatest_watchdog_are_taken(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *usec;
        int64_t want;
    } rows[] = {{"1", 1}, {"1999", 1}, {"2000", 1}, {"4000", 2}, {"86400000000", 43200000}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct notify_options options = options_of(f, f->path);
        options.watchdog_usec = rows[i].usec;
        struct notify *notify = notify_on(f, &options);
        assert_int_equal(notify_watchdog_ms(notify), rows[i].want);
        notify_free(notify);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_manager_on_a_path_or_an_abstract_name_hears_how_the_daemon_is),
        TEST(the_watchdog_is_fed_at_half_its_time_from_ready_on),
        TEST(the_status_is_told_when_it_has_changed_and_is_one_line),
        TEST(without_a_manager_every_call_does_nothing),
        TEST(a_manager_that_is_gone_is_said_once_and_harms_nobody),
        TEST(a_manager_that_does_not_read_is_not_waited_for),
        TEST(the_watchdog_of_another_process_is_not_ours),
        TEST(an_environment_that_makes_no_sense_is_refused_in_words),
        TEST(the_least_and_the_greatest_watchdog_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
