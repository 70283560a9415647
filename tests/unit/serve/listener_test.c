/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/listener.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "support/fake_time.h"

#define ACCEPTED_MAX 64

struct fixture {
    char folder[64];
    char path[96];
    struct event_base *base;
    struct fake_time *time;
    int accepted[ACCEPTED_MAX];
    size_t accepted_count;
    size_t exhausted_count;
};

static void on_accept(void *ctx, int fd)
{
    struct fixture *f = ctx;

    assert_true(f->accepted_count < ACCEPTED_MAX);
    f->accepted[f->accepted_count++] = fd;
}

static void on_exhausted(void *ctx, int error)
{
    struct fixture *f = ctx;

    assert_int_equal(error, EMFILE);
    f->exhausted_count++;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/stek-listener-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/s.sock", f->folder);
    f->base = event_base_new();
    assert_non_null(f->base);
    f->time = fake_time_new();
    *state = f;
    return 0;
}

static void close_accepted(struct fixture *f)
{
    while (f->accepted_count > 0) {
        (void)close(f->accepted[--f->accepted_count]);
    }
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close_accepted(f);
    (void)unlink(f->path);
    assert_int_equal(rmdir(f->folder), 0);
    event_base_free(f->base);
    fake_time_free(f->time);
    free(f);
    return 0;
}

static enum err open_at(struct fixture *f, const char *path, struct listener **out,
                        struct errbuf *why)
{
    const struct listener_options options = {
        .base = f->base,
        .timers = fake_time_timers(f->time),
        .path = path,
        .mode = 0660,
        .on_accept = on_accept,
        .on_exhausted = on_exhausted,
        .ctx = f,
    };

    return listener_open(&options, out, why);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void turn(struct fixture *f)
{
    assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void accepts_on_a_socket_of_the_mode_asked_for_and_removes_it(void **state)
{
    struct fixture *f = *state;
    struct listener *listener = NULL;
    struct errbuf why = {""};
    struct stat st;

    assert_int_equal(open_at(f, f->path, &listener, &why), ERR_OK);
    assert_string_equal(listener_name(listener), f->path);
    assert_int_equal(lstat(f->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0660);
    int client = connect_to(f->path);
    assert_true(client >= 0);
    turn(f);
    assert_int_equal(f->accepted_count, 1);
    (void)close(client);
    listener_close(listener);
    assert_false(exists(f->path));
}

static void a_socket_nobody_answers_on_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct listener *listener = NULL;
    struct errbuf why = {""};
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
    assert_int_equal(bind(dead, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(dead, 1), 0);
    (void)close(dead);
    assert_true(exists(f->path));
    assert_int_equal(open_at(f, f->path, &listener, &why), ERR_OK);
    int client = connect_to(f->path);
    assert_true(client >= 0);
    (void)close(client);
    listener_close(listener);
}

static void a_socket_somebody_serves_on_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct listener *first = NULL;
    struct listener *second = NULL;
    struct errbuf why = {""};

    assert_int_equal(open_at(f, f->path, &first, &why), ERR_OK);
    assert_int_equal(open_at(f, f->path, &second, &why), ERR_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(why.text, f->path));
    assert_non_null(strstr(why.text, "running already"));
    int client = connect_to(f->path);
    assert_true(client >= 0);
    (void)close(client);
    listener_close(first);
}

static void what_is_not_a_socket_is_never_removed(void **state)
{
    struct fixture *f = *state;
    struct listener *listener = NULL;
    struct errbuf why = {""};
    FILE *file = fopen(f->path, "w");

    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(open_at(f, f->path, &listener, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "not a socket"));
    assert_true(exists(f->path));
    assert_int_equal(unlink(f->path), 0);
    /* A link is not followed either, even to a dead socket. */
    assert_int_equal(symlink("/nonexistent", f->path), 0);
    assert_int_equal(open_at(f, f->path, &listener, &why), ERR_INVALID);
    assert_true(exists(f->path));
    assert_int_equal(mkdir(f->path, 0700), -1);
}

static void a_missing_folder_and_a_long_path_are_told(void **state)
{
    struct fixture *f = *state;
    struct listener *listener = NULL;
    struct errbuf why = {""};
    char path[200];

    (void)snprintf(path, sizeof(path), "%s/none/s.sock", f->folder);
    assert_int_equal(open_at(f, path, &listener, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "its directory does not exist"));
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    /* sun_path holds 107 bytes and a NUL. */
    path[108] = '\0';
    assert_int_equal(open_at(f, path, &listener, &why), ERR_INVALID);
    assert_null(listener);
}

static void the_socket_of_a_successor_is_not_removed(void **state)
{
    struct fixture *f = *state;
    struct listener *old = NULL;
    struct listener *young = NULL;
    struct errbuf why = {""};

    assert_int_equal(open_at(f, f->path, &old, &why), ERR_OK);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(open_at(f, f->path, &young, &why), ERR_OK);
    listener_close(old);
    assert_true(exists(f->path));
    listener_close(young);
    assert_false(exists(f->path));
}

static void a_paused_listener_leaves_connections_in_the_queue(void **state)
{
    struct fixture *f = *state;
    struct listener *listener = NULL;
    struct errbuf why = {""};

    assert_int_equal(open_at(f, f->path, &listener, &why), ERR_OK);
    listener_pause(listener);
    listener_pause(listener);
    int client = connect_to(f->path);
    assert_true(client >= 0);
    turn(f);
    assert_int_equal(f->accepted_count, 0);
    listener_resume(listener);
    turn(f);
    assert_int_equal(f->accepted_count, 1);
    (void)close(client);
    listener_close(listener);
}

/* Leaves the process exactly one free descriptor number, which the client takes. */
static void limit_descriptors(int highest, struct rlimit *old)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, old), 0);
    limit = *old;
    limit.rlim_cur = (rlim_t)highest + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void without_descriptors_accepting_stops_until_the_timer_or_a_free_one(void **state)
{
    struct fixture *f = *state;
    struct listener *listener = NULL;
    struct errbuf why = {""};
    struct rlimit old;

    assert_int_equal(open_at(f, f->path, &listener, &why), ERR_OK);
    turn(f);
    int client = connect_to(f->path);
    assert_true(client >= 0);
    limit_descriptors(client, &old);
    turn(f);
    turn(f);
    assert_int_equal(f->accepted_count, 0);
    assert_int_equal(f->exhausted_count, 1); /* and not once a turn */
    fake_time_run(f->time, LISTENER_RETRY_MS - 1);
    turn(f);
    assert_int_equal(f->exhausted_count, 1);
    fake_time_run(f->time, 1);
    turn(f);
    assert_int_equal(f->exhausted_count, 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    turn(f);
    assert_int_equal(f->accepted_count, 0);
    listener_resume(listener);
    turn(f);
    assert_int_equal(f->accepted_count, 1);
    (void)close(client);
    listener_close(listener);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(accepts_on_a_socket_of_the_mode_asked_for_and_removes_it),
        WITH_FOLDER(a_socket_nobody_answers_on_is_replaced),
        WITH_FOLDER(a_socket_somebody_serves_on_is_left_alone),
        WITH_FOLDER(what_is_not_a_socket_is_never_removed),
        WITH_FOLDER(a_missing_folder_and_a_long_path_are_told),
        WITH_FOLDER(the_socket_of_a_successor_is_not_removed),
        WITH_FOLDER(a_paused_listener_leaves_connections_in_the_queue),
        WITH_FOLDER(without_descriptors_accepting_stops_until_the_timer_or_a_free_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
