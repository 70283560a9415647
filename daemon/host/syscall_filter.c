/* SPDX-License-Identifier: Apache-2.0 */
#include "host/syscall_filter.h"

#include <asm/termbits.h>
#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A list that is too short must show in the tests, and must not stop a fleet. */
#ifdef STEKD_SYSCALL_FILTER_KILLS
#define REFUSAL SCMP_ACT_KILL_PROCESS
#else
#define REFUSAL SCMP_ACT_ERRNO(EPERM)
#endif

/* Calls that may be made with any arguments. */
static const int always[] = {
    /* memory */
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(mremap),
    SCMP_SYS(munlock),
    SCMP_SYS(munmap),
    /* files: the configuration and what it names, the file store, /proc/self */
    SCMP_SYS(access),
    SCMP_SYS(close),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fchmod),
    SCMP_SYS(fcntl),
    SCMP_SYS(fdatasync),
    SCMP_SYS(flock),
    SCMP_SYS(fstat),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(lseek),
    SCMP_SYS(lstat),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(read),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(umask),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    /* sockets: those that listen are open already, so there is no bind() and no listen() */
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    /* the loop; epoll_pwait2 and ppoll are what newer C libraries make of the older ones */
    SCMP_SYS(dup),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(timerfd_settime),
    /* time, signals, randomness, identity, the end */
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(futex),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(nanosleep),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sysinfo),
    SCMP_SYS(time),
    SCMP_SYS(uname),
};

/* Calls that may be made with some arguments only: several lines for one call are alternatives. */
struct condition {
    int call;
    struct scmp_arg_cmp argument;
};

static int allow_conditions(scmp_filter_ctx filter)
{
    const uint64_t low = UINT32_MAX; /* the kernel looks at the low half of an int only */
    const struct condition conditions[] = {
        {SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
        {SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
        {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_MASKED_EQ, low, AF_UNIX)},
        {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_MASKED_EQ, low, AF_INET)},
        {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_MASKED_EQ, low, AF_INET6)},
        {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, low, FIONREAD)},
        {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, low, FIONBIO)},
        {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, low, TCGETS)},
        /* abort() */
        {SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_MASKED_EQ, low, (scmp_datum_t)getpid())},
        /* Limits are looked at, and no longer changed. */
        {SCMP_SYS(prlimit64), SCMP_A2(SCMP_CMP_EQ, 0, 0)},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]) && rc == 0; i++) {
        const struct condition *at = &conditions[i];
        rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, at->call, 1, &at->argument);
    }
    return rc;
}

static int fill(scmp_filter_ctx filter)
{
    int rc = 0;

    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]) && rc == 0; i++) {
        if (always[i] >= 0) { /* negative: not a call of this architecture */
            rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, always[i], 0, NULL);
        }
    }
    if (rc == 0) {
        rc = allow_conditions(filter);
    }
    if (rc == 0) {
        /* libevent asks for the interfaces by netlink, and does without when there is none. */
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_NETLINK));
    }
    return rc;
}

static int load(scmp_filter_ctx filter)
{
    /* Both only make it better: the audit log, and fewer steps for the calls at the list's end. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return seccomp_load(filter);
}

bool syscall_filter_is_built(void)
{
#ifdef STEKD_SYSCALL_FILTER_ABSENT
    return false;
#else
    return true;
#endif
}

enum err syscall_filter_apply(enum syscall_filter_mode mode, struct errbuf *why)
{
    if (mode == SYSCALL_FILTER_OFF || !syscall_filter_is_built()) {
        return ERR_OK;
    }
    scmp_filter_ctx filter = seccomp_init(mode == SYSCALL_FILTER_LOG ? SCMP_ACT_LOG : REFUSAL);
    if (filter == NULL) {
        /* libseccomp asks the kernel what it can do, and says no more than this. */
        errbuf_set(why, "cannot make a filter of system calls: this kernel, or a filter around "
                        "stekd that has no \"seccomp\", does not let it");
        return ERR_UNAVAILABLE;
    }
    int rc = fill(filter);
    const bool is_filled = rc == 0;
    if (is_filled) {
        rc = load(filter);
    }
    seccomp_release(filter);
    if (rc == 0) {
        return ERR_OK;
    }
    errbuf_set(why,
               "cannot %s the filter of system calls: %s; \"syscall_filter: off\" does without it",
               is_filled ? "load" : "make", strerror(-rc));
    return is_filled ? ERR_UNAVAILABLE : ERR_NOMEM;
}
