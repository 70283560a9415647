/* SPDX-License-Identifier: Apache-2.0 */
/* A filter is for good, so each test applies it in a child and looks at how that ends. */
#include "host/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"

#define PAGE      ((size_t)4096)
#define CANNOT    250 /* the filter could not be applied */
#define WORKED    0
#define NOT_FATAL 1

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return __LINE__;                                                                       \
        }                                                                                          \
    } while (0)

struct forbidden {
    const char *name;
    long (*call)(void); /* -1 with errno, like a system call */
};

/* How a child ends that applies the filter and makes the call: its wait status. */
static int end_of(enum syscall_filter_mode mode, long (*call)(void))
{
    struct errbuf why = {""};
    int status = 0;

    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (syscall_filter_apply(mode, &why) != ERR_OK) {
            _exit(CANNOT);
        }
        errno = 0;
        _exit(call() == -1 ? errno : WORKED);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool is_refused(int status)
{
    return WIFSIGNALED(status) ? WTERMSIG(status) == SIGSYS
                               : WIFEXITED(status) && WEXITSTATUS(status) == EPERM;
}

static long call_execve(void)
{
    static char path[] = "/bin/true";
    char *argv[] = {path, NULL};
    return execve(argv[0], argv, &argv[1]);
}

static long call_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid;
}

static long call_ptrace(void)
{
    return ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static long call_executable_mmap(void)
{
    return mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? -1
               : 0;
}

static long call_executable_mprotect(void)
{
    void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NOT_FATAL : mprotect(at, PAGE, PROT_READ | PROT_EXEC);
}

static long call_packet_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static long call_vsock_socket(void)
{
    return socket(AF_VSOCK, SOCK_STREAM, 0);
}

static long call_bind(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    /* No name: the kernel gives one. */
    return fd < 0 ? NOT_FATAL : bind(fd, (struct sockaddr *)&at, sizeof(at.sun_family));
}

static long call_prctl(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long call_setrlimit(void)
{
    const struct rlimit core = {.rlim_cur = 0, .rlim_max = 0};
    return setrlimit(RLIMIT_CORE, &core);
}

static long call_kill(void)
{
    return kill(getppid(), 0);
}

static long call_tgkill_of_another(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long call_setuid(void)
{
    return setuid(getuid());
}

static long call_unshare(void)
{
    return syscall(SYS_unshare, 0);
}

static long call_process_vm_readv(void)
{
    return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static long call_memfd_create(void)
{
    return memfd_create("x", 0);
}

static long call_io_uring_setup(void)
{
    return syscall(SYS_io_uring_setup, 0, NULL);
}

static const struct forbidden forbidden[] = {
    {"execve", call_execve},
    {"fork", call_fork},
    {"ptrace", call_ptrace},
    {"mmap PROT_EXEC", call_executable_mmap},
    {"mprotect PROT_EXEC", call_executable_mprotect},
    {"socket AF_PACKET", call_packet_socket},
    {"socket AF_VSOCK", call_vsock_socket},
    {"bind", call_bind},
    {"prctl", call_prctl},
    {"setrlimit", call_setrlimit},
    {"kill", call_kill},
    {"tgkill of another", call_tgkill_of_another},
    {"setuid", call_setuid},
    {"unshare", call_unshare},
    {"process_vm_readv", call_process_vm_readv},
    {"memfd_create", call_memfd_create},
    {"io_uring_setup", call_io_uring_setup},
};
#define FORBIDDEN_COUNT (sizeof(forbidden) / sizeof(forbidden[0]))

static void what_a_thief_would_call_is_refused(void **unused)
{
    size_t killed = 0;

    (void)unused;
    for (size_t i = 0; i < FORBIDDEN_COUNT; i++) {
        int status = end_of(SYSCALL_FILTER_ENFORCE, forbidden[i].call);
        if (!is_refused(status)) {
            fail_msg("%s: wait status %#x", forbidden[i].name, (unsigned)status);
        }
        killed += WIFSIGNALED(status);
    }
    /* All in the same way: a debug build kills, another answers EPERM. */
    assert_true(killed == 0 || killed == FORBIDDEN_COUNT);
    print_message("%zu calls refused, %zu of them by death\n", FORBIDDEN_COUNT, killed);
}

static long call_netlink_socket(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0);
}

static void netlink_is_not_there_but_asking_for_it_harms_nobody(void **unused)
{
    (void)unused;
    int status = end_of(SYSCALL_FILTER_ENFORCE, call_netlink_socket);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EAFNOSUPPORT);
}

/* What a daemon does all day. The line of what did not work, or 0; the filter comes in between,
 * for its loop is there before. */
static int work_all_day(void)
{
    struct errbuf why = {""};
    struct epoll_event event = {.events = EPOLLIN};
    struct rlimit limit;
    char byte = 0;
    int fds[2];
    int loop = epoll_create1(EPOLL_CLOEXEC);

    REQUIRE(loop >= 0 && syscall_filter_apply(SYSCALL_FILTER_ENFORCE, &why) == ERR_OK);
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0 && write(fds[1], "x", 1) == 1);
    REQUIRE(epoll_ctl(loop, EPOLL_CTL_ADD, fds[0], &event) == 0);
    REQUIRE(epoll_wait(loop, &event, 1, 1000) == 1 && read(fds[0], &byte, 1) == 1);
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    REQUIRE(file >= 0 && read(file, &byte, 1) == 1 && close(file) == 0);
    REQUIRE(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    REQUIRE(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) >= 0);
    REQUIRE(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0 || errno == EAFNOSUPPORT);
    void *secret = secret_alloc(PAGE);
    REQUIRE(secret != NULL);
    secret_free(secret);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0 && getrandom(&byte, 1, 0) == 1);
    return 0;
}

static void everyday_calls_work(void **unused)
{
    int status = 0;

    (void)unused;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(work_all_day() % 256);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static long call_abort(void)
{
    abort();
}

static void a_failed_assertion_ends_as_an_abort(void **unused)
{
    (void)unused;
    int status = end_of(SYSCALL_FILTER_ENFORCE, call_abort);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void log_mode_and_off_refuse_nothing(void **unused)
{
    const enum syscall_filter_mode modes[] = {SYSCALL_FILTER_LOG, SYSCALL_FILTER_OFF};

    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        int status = end_of(modes[i], call_bind);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), WORKED);
    }
}

static long call_apply_again(void)
{
    struct errbuf why = {""};
    return syscall_filter_apply(SYSCALL_FILTER_OFF, &why) == ERR_OK ? call_bind() : NOT_FATAL;
}

static void nobody_can_take_it_off_again(void **unused)
{
    (void)unused;
    assert_true(is_refused(end_of(SYSCALL_FILTER_ENFORCE, call_apply_again)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_thief_would_call_is_refused),
        cmocka_unit_test(netlink_is_not_there_but_asking_for_it_harms_nobody),
        cmocka_unit_test(everyday_calls_work),
        cmocka_unit_test(a_failed_assertion_ends_as_an_abort),
        cmocka_unit_test(log_mode_and_off_refuse_nothing),
        cmocka_unit_test(nobody_can_take_it_off_again),
    };

    if (!syscall_filter_is_built()) {
        print_message("not run: with a sanitizer there is no filter\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
