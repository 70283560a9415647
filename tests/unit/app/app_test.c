/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/app_places.h"
#include "app/app_private.h"
#include "config/config_load.h"
#include "host/clock_system.h"
#include "serve/server.h"

struct fixture {
    char folder[64];
    char path[96]; /* of the socket */
    char file[96]; /* of the configuration */
    struct config *config;
    struct clock clock;
    int log_fd;
    struct log *log;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct config_problems problems = {0};
    char text[512];

    assert_non_null(f);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/stek-app-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof(f->path), "%s/s.sock", f->folder);
    int len = snprintf(text, sizeof(text),
                       "deployment: test\n"
                       "listen:\n"
                       "  - unix: %s\n"
                       "store:\n"
                       "  type: memory\n"
                       "realms:\n"
                       "  web:\n"
                       "    readers: [\"uid:33\"]\n"
                       "  mail:\n"
                       "    readers: [\"uid:34\"]\n",
                       f->path);
    (void)snprintf(f->file, sizeof(f->file), "%s/stekd.yaml", f->folder);
    FILE *to = fopen(f->file, "we");
    assert_non_null(to);
    assert_int_equal(fwrite(text, 1, (size_t)len, to), len);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(config_load(f->file, &f->config, &problems), ERR_OK);
    config_problems_fini(&problems);
    f->clock = clock_system_make();
    f->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(f->log_fd >= 0);
    const struct log_options options = {
        .fd = f->log_fd, .format = LOG_FORMAT_LOGFMT, .level = LOG_LEVEL_DEBUG, .clock = &f->clock};
    assert_int_equal(log_new(&options, &f->log), ERR_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    log_free(f->log);
    (void)close(f->log_fd);
    config_free(f->config);
    assert_int_equal(unlink(f->file), 0);
    assert_int_equal(rmdir(f->folder), 0); /* no socket was left */
    free(f);
    return 0;
}

/* With a configuration of its own. */
static enum err start(struct fixture *f, struct app **out, struct errbuf *why)
{
    struct config_problems problems = {0};
    struct config *config = NULL;

    assert_int_equal(config_load(f->file, &config, &problems), ERR_OK);
    config_problems_fini(&problems);
    const struct app_options options = {
        .config = config, .config_path = f->file, .log = f->log, .version = "1.2.3"};
    enum err rc = app_new(&options, out, why);
    if (rc != ERR_OK) {
        config_free(config);
    }
    return rc;
}

static bool has_logged(const struct fixture *f, const char *part)
{
    char text[16384] = "";

    assert_true(pread(f->log_fd, text, sizeof(text) - 1, 0) >= 0);
    return strstr(text, part) != NULL;
}

static void a_signal_drains_the_daemon_and_ends_the_loop(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        struct app *app = NULL;
        struct errbuf why = {""};
        struct stat st;
        assert_int_equal(start(f, &app, &why), ERR_OK);
        assert_int_equal(lstat(f->path, &st), 0);
        assert_true(has_logged(f, "event=ready"));
        assert_true(has_logged(f, f->path));
        assert_true(has_logged(f, "web,mail"));
        assert_int_equal(raise(signals[i]), 0);
        assert_int_equal(app_run(app, &why), ERR_OK);
        assert_int_not_equal(lstat(f->path, &st), 0);
        app_free(app);
    }
    assert_true(has_logged(f, "signal=SIGTERM"));
    assert_true(has_logged(f, "signal=SIGINT"));
    assert_true(has_logged(f, "event=stopped"));
}

static size_t count_logged(const struct fixture *f, const char *part)
{
    char text[16384] = "";
    size_t count = 0;

    assert_true(pread(f->log_fd, text, sizeof(text) - 1, 0) >= 0);
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static void stop_later(void *arg)
{
    (void)arg;
    assert_int_equal(raise(SIGTERM), 0);
}

static void many_reload_signals_are_one_reload(void **state)
{
    struct fixture *f = *state;
    struct app *app = NULL;
    struct errbuf why = {""};

    assert_int_equal(start(f, &app, &why), ERR_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(raise(SIGHUP), 0);
    }
    struct timer *timer = timer_new(&app->timers, stop_later, NULL);
    assert_non_null(timer);
    timer_arm(&app->timers, timer, 50);
    assert_int_equal(app_run(app, &why), ERR_OK);
    assert_int_equal(count_logged(f, "event=reloaded"), 1);
    timer_free(&app->timers, timer);
    app_free(app);
}

static void a_daemon_that_stops_does_not_reload(void **state)
{
    struct fixture *f = *state;
    struct app *app = NULL;
    struct errbuf why = {""};

    assert_int_equal(start(f, &app, &why), ERR_OK);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(app_run(app, &why), ERR_OK);
    assert_int_equal(count_logged(f, "event=reloaded"), 0);
    app_free(app);
}

static void a_socket_in_use_is_the_reason_it_does_not_start(void **state)
{
    struct fixture *f = *state;
    struct app *first = NULL;
    struct app *second = NULL;
    struct errbuf why = {""};

    assert_int_equal(start(f, &first, &why), ERR_OK);
    assert_int_equal(start(f, &second, &why), ERR_CONFLICT);
    assert_null(second);
    assert_non_null(strstr(why.text, f->path));
    app_free(first);
}

static void peers_get_what_the_daemon_does_not_need_itself(void **state)
{
    const struct fixture *f = *state;
    const size_t wanted = app_places_wanted(f->config);
    struct app_places places = {0};
    struct errbuf why = {""};

    assert_true(wanted > SERVER_CONNECTIONS_MAX + SERVER_HANDSHAKES_MAX);
    assert_int_equal(app_places_make(f->config, 0, &places, &why), ERR_OK);
    assert_int_equal(places.connections, SERVER_CONNECTIONS_MAX);
    assert_int_equal(places.handshakes, SERVER_HANDSHAKES_MAX);
    size_t least = 0;
    for (uint64_t descriptors = 1; descriptors <= wanted + 1; descriptors++) {
        enum err rc = app_places_make(f->config, descriptors, &places, &why);
        least = rc == ERR_OK && least == 0 ? descriptors : least;
        assert_int_equal(rc, least == 0 ? ERR_LIMIT : ERR_OK);
        if (rc == ERR_OK) {
            assert_true(places.connections > 0 && places.handshakes > 0);
            assert_true(places.connections <= SERVER_CONNECTIONS_MAX);
            assert_true(descriptors - places.connections - places.handshakes >= 32);
        }
    }
    assert_non_null(strstr(why.text, "RLIMIT_NOFILE"));
    assert_in_range(least, 34, 64);
    assert_int_equal(places.connections, SERVER_CONNECTIONS_MAX);
}

static void too_few_descriptors_are_a_reason_not_to_start(void **state)
{
    struct fixture *f = *state;
    struct config_problems problems = {0};
    struct config *config = NULL;
    struct app *app = NULL;
    struct errbuf why = {""};

    assert_int_equal(config_load(f->file, &config, &problems), ERR_OK);
    config_problems_fini(&problems);
    const struct app_options options = {.config = config,
                                        .config_path = f->file,
                                        .log = f->log,
                                        .version = "1.2.3",
                                        .descriptors = 20};
    assert_int_equal(app_new(&options, &app, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "20 descriptors (RLIMIT_NOFILE) are too few"));
    config_free(config);
}

static void freeing_nothing_is_allowed(void **state)
{
    const struct fixture *f = *state;

    app_free(NULL);
    assert_true(app_locked_memory_need(f->config) >= 1024 * 1024);
}

int main(void)
{
#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_CONFIG(a_signal_drains_the_daemon_and_ends_the_loop),
        WITH_CONFIG(many_reload_signals_are_one_reload),
        WITH_CONFIG(a_daemon_that_stops_does_not_reload),
        WITH_CONFIG(a_socket_in_use_is_the_reason_it_does_not_start),
        WITH_CONFIG(peers_get_what_the_daemon_does_not_need_itself),
        WITH_CONFIG(too_few_descriptors_are_a_reason_not_to_start),
        WITH_CONFIG(freeing_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
