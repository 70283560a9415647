/* SPDX-License-Identifier: Apache-2.0 */
/* Who did what to which keys, when, why, and what came of it: one line of event=audit in the log,
 * written whatever the log level is. The time is the line's own. */
#ifndef STEKD_OPS_AUDIT_H
#define STEKD_OPS_AUDIT_H

#include <stdint.h>

#include "base/err.h"
#include "ops/log.h"

struct audit_entry {
    const char *who;         /* the peer as authorised, e.g. "uid:0 pid:4711" */
    const char *what;        /* the act: "rotate" */
    const char *realm;       /* NULL: all realms */
    const uint8_t *key_name; /* LOG_KEY_NAME_LEN bytes; NULL: no single key */
    const char *why;         /* the operator's reason, from outside; NULL or "": none given */
    enum err outcome;
    const char *detail; /* the sentence given to the caller; NULL: none */
};

/* `entry` and everything in it is borrowed during the call. */
void audit_write(struct log *log, const struct audit_entry *entry);

#endif
