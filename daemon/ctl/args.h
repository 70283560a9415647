/* SPDX-License-Identifier: Apache-2.0 */
/* stekctl's command line as plain values. Pure: the environment is an argument. */
#ifndef STEKD_CTL_ARGS_H
#define STEKD_CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ARGS_WORDS_MAX      4 /* the verb and its operands; no verb takes more */
#define ARGS_SERVER_DEFAULT "unix:/run/stekd/stekd.sock"
#define ARGS_TIMEOUT_MS     5000
#define ARGS_ACT_MS         15000 /* longer than the daemon tries a rotate or rekey */
#define ARGS_TIMEOUT_MAX_MS 600000
#define ARGS_WAIT_MS        30000 /* of verbs that wait, unless a time-out is given */

enum args_output { ARGS_OUTPUT_TABLE, ARGS_OUTPUT_JSON };

/* All text is borrowed from argv or the environment. */
struct args {
    const char *server;
    const char *ca; /* PEM files for HOST:PORT; NULL: not given */
    const char *cert;
    const char *key;
    enum args_output output;
    int64_t timeout_ms;
    bool has_timeout; /* it was given */
    bool is_all;
    bool is_converged;
    const char *reason; /* NULL: none was given */
    bool is_help;
    bool is_version;
    const char *words[ARGS_WORDS_MAX]; /* words[0] is the verb */
    size_t word_count;
    /* An option nobody knows, where reading stopped; NULL: none. Whether that is a mistake depends
     * on the verb: one of a later version has options of its own. */
    const char *unknown_option;
    /* Behind a verb that reads its own line ("pki"): everything that follows it, unread. */
    char *const *rest; /* borrowed from argv */
    int rest_count;
};

/* What STEKCTL_SERVER, STEKCTL_OUTPUT, STEKCTL_CA, STEKCTL_CERT and STEKCTL_KEY say; NULL or "":
 * not set. Options win. */
struct args_environment {
    const char *server;
    const char *output;
    const char *ca;
    const char *cert;
    const char *key;
};

/* ERR_INVALID: wrong usage, with a sentence; *out is then untouched. Options may stand before,
 * between and after the words; "--" ends them. */
enum err args_parse(int argc, char *const argv[], const struct args_environment *environment,
                    struct args *out, struct errbuf *why) MUST_USE;

/* The known option nearest to `option`, or NULL. */
const char *args_suggest(const char *option);

#endif
