/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts learn from stekctl without reading a word. Codes never change their meaning. */
#ifndef STEKD_CTL_EXIT_CODE_H
#define STEKD_CTL_EXIT_CODE_H

#include "base/err.h"

enum exit_code {
    EXIT_CODE_DONE = 0,
    EXIT_CODE_REFUSED = 1,     /* or failed, or not ready: the daemon said so */
    EXIT_CODE_USAGE = 2,       /* wrong arguments or a wrong configuration file */
    EXIT_CODE_UNREACHABLE = 3, /* or timed out, or not who it should be: nobody to be believed */
    EXIT_CODE_DEGRADED = 4,    /* reachable, and something is wrong */
    EXIT_CODE_DENIED = 5,
};

enum exit_code exit_code_of(enum err code);

/* Says "stekctl: SENTENCE" on standard error (err_text() when there is no sentence), then
 * exit_code_of(). */
enum exit_code exit_code_report(enum err code, const struct errbuf *why);

#endif
