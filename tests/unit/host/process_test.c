/* SPDX-License-Identifier: Apache-2.0 */
/* Everything here changes a process for good, so each test does it in a child and looks at the
 * child's exit code. */
#include "host/process.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The line number of the first thing that is not as it should be. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

static void assert_child(int (*body)(void))
{
    int fds[2];
    int line = -1;
    int status = 0;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        line = body();
        _exit(write(fds[1], &line, sizeof(line)) == (ssize_t)sizeof(line) ? 0 : 1);
    }
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &line, sizeof(line)), sizeof(line));
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(line, 0);
}

static int harden_and_look(void)
{
    struct errbuf why = {""};
    struct rlimit core;
    struct sigaction pipe_action;
    int fds[2];

    REQUIRE(process_harden(&why) == ERR_OK);
    REQUIRE(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    REQUIRE(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    REQUIRE(getrlimit(RLIMIT_CORE, &core) == 0);
    REQUIRE(core.rlim_cur <= 1 && core.rlim_max <= 1);
    REQUIRE(umask(0) == 077);
    REQUIRE(sigaction(SIGPIPE, NULL, &pipe_action) == 0);
    REQUIRE(pipe_action.sa_handler == SIG_IGN);

    REQUIRE(pipe(fds) == 0);
    (void)close(fds[0]);
    REQUIRE(write(fds[1], "x", 1) == -1 && errno == EPIPE);
    return 0;
}

static void a_hardened_process_has_every_promised_property(void **unused)
{
    (void)unused;
    assert_child(harden_and_look);
}

static int limit_core_first(rlim_t hard)
{
    struct errbuf why = {""};
    struct rlimit core = {.rlim_cur = 0, .rlim_max = hard};
    struct rlimit seen;

    REQUIRE(setrlimit(RLIMIT_CORE, &core) == 0);
    REQUIRE(process_harden(&why) == ERR_OK);
    REQUIRE(getrlimit(RLIMIT_CORE, &seen) == 0);
    /* Root may raise a hard limit; others keep the 0 they inherited. */
    REQUIRE(seen.rlim_cur == (hard >= 1 || geteuid() == 0 ? 1 : 0));
    REQUIRE(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    return 0;
}

static int core_hard_limit_zero(void)
{
    if (geteuid() == 0) {
        REQUIRE(setresuid(65534, 65534, 65534) == 0);
    }
    return limit_core_first(0);
}

static int core_hard_limit_two(void)
{
    return limit_core_first(2);
}

static void an_inherited_core_limit_of_zero_is_no_error(void **unused)
{
    (void)unused;
    assert_child(core_hard_limit_zero);
    assert_child(core_hard_limit_two);
}

static int lock_without_limit(void)
{
    struct errbuf why = {""};
    struct rlimit none = {0};

    /* Root needs no limit to lock memory, so give that up. */
    if (geteuid() == 0) {
        REQUIRE(setresuid(65534, 65534, 65534) == 0);
    }
    REQUIRE(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    REQUIRE(process_check_locked_memory(4096, &why) == ERR_LIMIT);
    REQUIRE(strstr(why.text, "RLIMIT_MEMLOCK is 0 bytes") != NULL);
    REQUIRE(strstr(why.text, "LimitMEMLOCK") != NULL);
    return 0;
}

static void a_missing_memlock_limit_is_named_with_what_to_do(void **unused)
{
    (void)unused;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: the sanitizers make mlock() do nothing\n");
    skip();
#endif
    assert_child(lock_without_limit);
}

static void a_page_can_be_locked_here(void **unused)
{
    struct errbuf why = {""};

    (void)unused;
    assert_int_equal(process_check_locked_memory(4096, &why), ERR_OK);
    assert_string_equal(why.text, "");
}

static int fill_standard_files(unsigned int closed)
{
    struct errbuf why = {""};
    struct stat null;
    struct stat seen;
    int next = dup(0);

    REQUIRE(next > 2 && close(next) == 0);
    REQUIRE(stat("/dev/null", &null) == 0);
    for (int fd = 0; fd <= 2; fd++) {
        REQUIRE((closed & 1u << fd) == 0 || close(fd) == 0);
    }
    REQUIRE(process_fill_standard_files(&why) == ERR_OK);
    for (int fd = 0; fd <= 2; fd++) {
        REQUIRE(fstat(fd, &seen) == 0);
        REQUIRE((closed & 1u << fd) == 0 || seen.st_rdev == null.st_rdev);
    }
    REQUIRE(dup(0) == next); /* nothing else was left open */
    return 0;
}

static int fill_none(void)
{
    return fill_standard_files(0);
}

static int fill_standard_error(void)
{
    return fill_standard_files(4);
}

static int fill_all(void)
{
    return fill_standard_files(7);
}

static void closed_standard_files_become_dev_null(void **unused)
{
    (void)unused;
    assert_child(fill_none);
    assert_child(fill_standard_error);
    assert_child(fill_all);
}

static int raise_from(rlim_t soft, rlim_t hard)
{
    const struct rlimit first = {.rlim_cur = soft, .rlim_max = hard};
    struct rlimit seen;

    REQUIRE(setrlimit(RLIMIT_NOFILE, &first) == 0);
    const struct process_descriptors got = process_raise_descriptors();
    REQUIRE(got.before == soft && got.now == hard);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &seen) == 0);
    REQUIRE(seen.rlim_cur == hard && seen.rlim_max == hard);
    return 0;
}

static int raise_descriptors_from_below(void)
{
    return raise_from(20, 40);
}

static int raise_descriptors_from_the_top(void)
{
    return raise_from(40, 40);
}

static void the_descriptor_limit_is_raised_to_the_hard_one(void **unused)
{
    (void)unused;
    assert_child(raise_descriptors_from_below);
    assert_child(raise_descriptors_from_the_top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hardened_process_has_every_promised_property),
        cmocka_unit_test(an_inherited_core_limit_of_zero_is_no_error),
        cmocka_unit_test(a_missing_memlock_limit_is_named_with_what_to_do),
        cmocka_unit_test(a_page_can_be_locked_here),
        cmocka_unit_test(closed_standard_files_become_dev_null),
        cmocka_unit_test(the_descriptor_limit_is_raised_to_the_hard_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
