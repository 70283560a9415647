/* SPDX-License-Identifier: Apache-2.0 */
/* The command line after "stekctl pki" as plain values. Pure. */
#ifndef STEKD_CTL_PKI_ARGS_H
#define STEKD_CTL_PKI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ctl/args.h"

#define PKI_ARGS_CA_DIR    "tls"
#define PKI_ARGS_DAYS_MAX  36500
#define PKI_ARGS_WORDS_MAX 16 /* names of one certificate, or certificates of one call */

enum pki_act {
    PKI_ACT_CA,
    PKI_ACT_SERVER,
    PKI_ACT_CLIENT,
    PKI_ACT_OPERATOR,
    PKI_ACT_KEK,
    PKI_ACT_CRL
};

/* All text is borrowed from argv. */
struct pki_args {
    enum pki_act act;
    const char *act_name;
    enum args_output output;
    const char *ca_dir;
    const char *out;    /* NULL: named after whom it is for */
    const char *name;   /* NULL: not given */
    const char *domain; /* NULL: not given */
    uint32_t days;      /* the act's own number when none was given */
    bool is_force;
    bool is_help;
    const char *words[PKI_ARGS_WORDS_MAX]; /* what follows the act */
    size_t word_count;
};

/* `argv` begins after the word "pki". ERR_INVALID with a sentence; *out is then untouched. With
 * is_help nothing but is_help counts. */
enum err pki_args_parse(int argc, char *const argv[], enum args_output output, struct pki_args *out,
                        struct errbuf *why) MUST_USE;

/* The whole help of "stekctl pki"; a constant. */
const char *pki_args_help(void);

#endif
