/* SPDX-License-Identifier: Apache-2.0 */
/* What a Redis error means to us. Pure. */
#ifndef STEKD_STORE_REDIS_REPLY_H
#define STEKD_STORE_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A hint how to go on, besides the code. */
enum redis_next {
    REDIS_NEXT_KEEP,   /* the connection is good */
    REDIS_NEXT_REDIAL, /* this server, or our standing with it, is not: connect anew */
    REDIS_NEXT_EVAL,   /* NOSCRIPT: nothing was done; send the script itself */
};

struct redis_refusal {
    enum err code;
    enum redis_next next;
};

/* `text` is an error reply without its '-'; it need not end in NUL. Writes a sentence for an
 * operator, with the server's own words where they may help (never a control byte). */
struct redis_refusal redis_reply_classify(const char *text, size_t len, struct errbuf *why);

#endif
