/* SPDX-License-Identifier: Apache-2.0 */
/* How long a verb goes on asking. */
#ifndef STEKD_CTL_PATIENCE_H
#define STEKD_CTL_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/args.h"

#define PATIENCE_PAUSE_MS  200  /* between two questions */
#define PATIENCE_ANSWER_MS 1000 /* that an answer may take even when the time is nearly over */

struct patience {
    int64_t end_ms; /* of the monotonic clock */
};

/* For --timeout if it was given, else ARGS_WAIT_MS. */
struct patience patience_start(const struct args *args);
/* `args` for one question: it waits no longer than one answer may take, and hardly beyond the end:
 * the last question must not fail for want of the time its answer takes. */
struct args patience_args(const struct patience *patience, const struct args *args);
/* Lets a moment pass. False, at once: the time is over. */
bool patience_pause(const struct patience *patience);

#endif
