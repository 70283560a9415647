/* SPDX-License-Identifier: Apache-2.0 */
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

/* A limit of 0 stops core files but not dumps piped to a collector; 1 byte stops both: the kernel
 * takes it as a sign, and no file of one byte is ever written. */
#define CORE_LIMIT 1

static enum err forbid_core_dumps(struct errbuf *why)
{
    struct rlimit core = {.rlim_cur = CORE_LIMIT, .rlim_max = CORE_LIMIT};

    /* An inherited hard limit of 0 may not be raised: then PR_SET_DUMPABLE alone stops the pipe. */
    if (setrlimit(RLIMIT_CORE, &core) != 0 && errno != EPERM) {
        errbuf_set(why, "cannot limit core dumps (RLIMIT_CORE): %s", strerror(errno));
        return ERR_IO;
    }
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        errbuf_set(why, "cannot forbid core dumps (PR_SET_DUMPABLE): %s", strerror(errno));
        return ERR_IO;
    }
    return ERR_OK;
}

enum err process_harden(struct errbuf *why)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    enum err rc = forbid_core_dumps(why);

    if (rc != ERR_OK) {
        return rc;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        errbuf_set(why, "cannot give up new privileges (PR_SET_NO_NEW_PRIVS): %s", strerror(errno));
        return ERR_IO;
    }
    /* A peer that hangs up is an error code at the write, not the end of the daemon. */
    if (sigaction(SIGPIPE, &ignore, NULL) != 0) {
        errbuf_set(why, "cannot ignore SIGPIPE: %s", strerror(errno));
        return ERR_IO;
    }
    (void)umask(077);
    return ERR_OK;
}

enum err process_check_locked_memory(size_t bytes, struct errbuf *why)
{
    struct rlimit limit = {0};
    void *trial = secret_alloc(bytes);
    int reason = errno;

    if (trial != NULL) {
        secret_free(trial);
        return ERR_OK;
    }
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        limit.rlim_cur = 0;
    }
    errbuf_set(why,
               "cannot lock %zu bytes for keys: %s; RLIMIT_MEMLOCK is %llu bytes: raise it "
               "(LimitMEMLOCK=64M in the systemd unit, ulimit -l in a shell, --ulimit memlock in "
               "a container)",
               bytes, strerror(reason), (unsigned long long)limit.rlim_cur);
    return ERR_LIMIT;
}

enum err process_fill_standard_files(struct errbuf *why)
{
    int fd = -1;

    /* Each open() takes the lowest number that is free. */
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0) {
        errbuf_set(why, "cannot open /dev/null: %s", strerror(errno));
        return ERR_IO;
    }
    (void)close(fd);
    return ERR_OK;
}

struct process_descriptors process_raise_descriptors(void)
{
    struct rlimit limit = {0};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return (struct process_descriptors){0};
    }
    struct process_descriptors seen = {.before = limit.rlim_cur, .now = limit.rlim_cur};
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) {
        seen.now = limit.rlim_cur;
    }
    return seen;
}
