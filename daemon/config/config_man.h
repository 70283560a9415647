/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page of the configuration, from the table of keys. */
#ifndef STEKD_CONFIG_CONFIG_MAN_H
#define STEKD_CONFIG_CONFIG_MAN_H

#include <stdio.h>

/* Writes what docs/man/stekd.yaml.5.scd holds, in scdoc's notation: the rules of the format, every
 * key of this version with type, range, default, sentence and whether SIGHUP is enough to change
 * it, the rules between keys, and an example. */
void config_man_print(FILE *to);

/* The example in it: a daemon of a fleet. */
const char *config_man_example(void);

#endif
