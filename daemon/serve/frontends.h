/* SPDX-License-Identifier: Apache-2.0 */
/* A picture of one realm's frontends at this daemon, bounded in bytes. */
#ifndef STEKD_SERVE_FRONTENDS_H
#define STEKD_SERVE_FRONTENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "replica/hub.h"
#include "wire/messages.h"

struct frontends {
    uint32_t connected;
    uint32_t current; /* of them, with the present digest */
    uint32_t gone;
    uint32_t confirmed; /* of connected and gone, with every revocation */
    uint64_t lost;
    struct wire_frontend *at; /* owned */
    size_t count;
    uint32_t omitted;    /* did not fit */
    size_t bytes;        /* that `at` takes in an answer, at most */
    int64_t last_caught; /* when the last one without every revocation may have read its keys */
};

/* All of them or only those without every revocation; whoever lacks something comes first. On
 * ERR_NOMEM *out is untouched. */
enum err frontends_collect(struct hub *hub, const char *realm, bool only_stragglers,
                           size_t bytes_max, struct frontends *out) MUST_USE;
/* Safe on {0} and twice. */
void frontends_fini(struct frontends *frontends);

#endif
