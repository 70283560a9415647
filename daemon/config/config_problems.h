/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is wrong with a configuration, at once, each with its place. */
#ifndef STEKD_CONFIG_CONFIG_PROBLEMS_H
#define STEKD_CONFIG_CONFIG_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

#define CONFIG_PROBLEMS_MAX 100 /* kept; more are only counted */

/* Line and column begin at 1; 0 and 0: the file as a whole. */
struct config_mark {
    size_t line;
    size_t column;
};

struct config_problem {
    struct config_mark mark;
    bool is_note; /* worth saying, but the configuration is good */
    struct errbuf what;
};

/* Starts as {0}. */
struct config_problems {
    struct config_problem *at; /* owned; sorted by place once config_load() returns */
    size_t count;
    size_t cap;
    size_t errors;   /* how many are not notes, those not kept included */
    size_t not_kept; /* beyond CONFIG_PROBLEMS_MAX, or out of memory */
};

void config_problems_add(struct config_problems *problems, struct config_mark mark,
                         const char *format, ...) __attribute__((format(printf, 3, 4)));
void config_problems_note(struct config_problems *problems, struct config_mark mark,
                          const char *format, ...) __attribute__((format(printf, 3, 4)));
void config_problems_sort(struct config_problems *problems);

/* One line each: "FILE:LINE:COLUMN: sentence", notes as "FILE:LINE:COLUMN: note: sentence". */
void config_problems_print(const struct config_problems *problems, const char *file, FILE *to);

void config_problems_fini(struct config_problems *problems);

#endif
