/* SPDX-License-Identifier: Apache-2.0 */
/* What the whole process promises before it holds its first key. */
#ifndef STEKD_HOST_PROCESS_H
#define STEKD_HOST_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* No core dump and no ptrace by the same user (PR_SET_DUMPABLE 0, RLIMIT_CORE), no new
 * privileges, umask 077, SIGPIPE ignored. For stekd only, never for a library: it changes the
 * process for good. */
enum err process_harden(struct errbuf *why) MUST_USE;

/* Tries to lock `bytes` of memory, as key material will be, and gives them back. ERR_LIMIT: may
 * not; the sentence names RLIMIT_MEMLOCK and what to set. */
enum err process_check_locked_memory(size_t bytes, struct errbuf *why) MUST_USE;

/* Opens /dev/null wherever descriptor 0, 1 or 2 is closed. Before anything else is opened: the next
 * descriptor would be called "standard error", and log lines would go to a peer. */
enum err process_fill_standard_files(struct errbuf *why) MUST_USE;

/* How many descriptors (RLIMIT_NOFILE) this process may open: as it was started, and now. */
struct process_descriptors {
    uint64_t before;
    uint64_t now;
};

/* Raises the soft limit to the hard one: a soft limit is kept low for the sake of programs that use
 * select(), and each frontend needs a descriptor here. Where it may not, nothing changes. */
struct process_descriptors process_raise_descriptors(void);

#endif
