/* SPDX-License-Identifier: Apache-2.0 */
#include "support/faults.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct {
    _Atomic int kind;
    _Atomic size_t at;
    _Atomic size_t seen;
    _Atomic int error;
    _Atomic bool goes_on;
    _Atomic bool is_short;
    _Atomic bool has_fired;
} plan;

static _Thread_local int armed;

const char *faults_kind_name(enum fault_kind kind)
{
    static const char *const names[FAULT_KINDS] = {"none",   "memory", "locking", "openssl",
                                                   "random", "crypto", "write",   "system"};

    return names[kind];
}

void faults_plan(enum fault_kind kind, size_t at, int error, bool goes_on)
{
    armed = 0;
    plan.kind = (int)kind;
    plan.at = at;
    plan.error = error;
    plan.goes_on = goes_on;
    plan.is_short = false;
    plan.seen = 0;
    plan.has_fired = false;
}

void faults_write_short(void)
{
    plan.is_short = true;
}

void faults_arm(void)
{
    armed++;
}

void faults_disarm(void)
{
    armed--;
}

bool faults_have_fired(void)
{
    return plan.has_fired;
}

size_t faults_seen(void)
{
    return plan.seen;
}

static int usual_error(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_WRITE:
        return EIO;
    case FAULT_SYSTEM:
        return EMFILE;
    case FAULT_RANDOM:
        return EAGAIN;
    default:
        return ENOMEM;
    }
}

bool faults_hit(enum fault_kind kind)
{
    if (armed <= 0 || plan.kind != (int)kind) {
        return false;
    }
    const size_t number = ++plan.seen;
    if (number != plan.at && !(plan.goes_on && number > plan.at)) {
        return false;
    }
    plan.has_fired = true;
    errno = plan.error != 0 ? plan.error : usual_error(kind);
    return true;
}

bool faults_hit_short(void)
{
    return plan.is_short;
}

size_t faults_open_files(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");

    if (dir == NULL) {
        abort();
    }
    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}
