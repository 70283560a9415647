/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest of several words, by edit distance. Pure. */
#ifndef STEKD_CONFIG_CONFIG_SUGGEST_H
#define STEKD_CONFIG_CONFIG_SUGGEST_H

#include <stddef.h>

#define CONFIG_SUGGEST_MAX 40 /* bytes of a word that is compared at all */

/* Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`; SIZE_MAX if
 * either is longer than CONFIG_SUGGEST_MAX. */
size_t config_suggest_distance(const char *a, const char *b);

/* Keeps the nearest of the words it is shown. */
struct config_suggest {
    const char *word;    /* borrowed: what was written */
    const char *nearest; /* borrowed: the best so far; NULL: none is near enough */
    size_t distance;
};

struct config_suggest config_suggest_start(const char *word);
void config_suggest_offer(struct config_suggest *suggest, const char *candidate);

#endif
