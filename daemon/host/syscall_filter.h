/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that stekd makes once it serves, and no others (docs/decisions/0020). Who takes
 * it over can start no program, make no executable memory, trace nobody, open no port and speak to
 * nothing but Unix sockets and IP.
 */
#ifndef STEKD_HOST_SYSCALL_FILTER_H
#define STEKD_HOST_SYSCALL_FILTER_H

#include <stdbool.h>

#include "base/err.h"

/* What becomes of a call that is not in the list. In the order of the configuration's choices. */
enum syscall_filter_mode {
    SYSCALL_FILTER_ENFORCE, /* it fails with EPERM; in debug builds the process is killed */
    SYSCALL_FILTER_LOG, /* it is made all the same; the kernel's audit log has it in either mode */
    SYSCALL_FILTER_OFF,
};

/* False in builds with a sanitizer, which makes calls of its own: syscall_filter_apply() then does
 * nothing in any mode. */
bool syscall_filter_is_built(void);

/* For this process and for good; call it when every listener is open and there is one thread.
 * ERR_UNAVAILABLE: this kernel has no filters; nothing has changed, and the sentence says so. */
enum err syscall_filter_apply(enum syscall_filter_mode mode, struct errbuf *why) MUST_USE;

#endif
