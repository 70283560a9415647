/* SPDX-License-Identifier: Apache-2.0 */
/* What each act of "stekctl pki" does with files, time and randomness. */
#ifndef STEKD_CTL_PKI_MAKE_H
#define STEKD_CTL_PKI_MAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "ctl/pki_args.h"
#include "ctl/pki_file.h"
#include "ctl/pki_name.h"

/* What was made. Starts as {0}. */
struct pki_made {
    char paths[PKI_FILES_MAX][PKI_PATH_MAX + 1]; /* certificate and key, or the one file */
    size_t path_count;
    struct pki_name names[PKI_ARGS_WORDS_MAX];
    size_t name_count;
    int64_t until_ms;              /* 0: has no end */
    char domain[PKI_NAME_MAX + 1]; /* of a CA, else "" */
};

/* ERR_INVALID: a name on the command line makes no sense (wrong usage). Everything else (files that
 * are there or are not, a CA that is none) is ERR_REFUSED, ERR_NOT_FOUND, ERR_IO, ERR_CRYPTO or
 * ERR_NOMEM. Then nothing was written, and *out is untouched. */
enum err pki_make(const struct pki_args *args, int64_t now_ms, const struct random_source *random,
                  struct pki_made *out, struct errbuf *why) MUST_USE;

#endif
