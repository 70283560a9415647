/* SPDX-License-Identifier: Apache-2.0 */
/* The sample configuration, from the table of keys. */
#ifndef STEKD_CONFIG_CONFIG_SAMPLE_H
#define STEKD_CONFIG_CONFIG_SAMPLE_H

#include <stdio.h>

/* Writes what deploy/config/stekd.yaml holds: every key of this version with its sentence. What
 * need not be set is commented out and shows its default. */
void config_sample_print(FILE *to);

#endif
