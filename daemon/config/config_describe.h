/* SPDX-License-Identifier: Apache-2.0 */
/* A row of the table in words, for the sample file and the manual page. */
#ifndef STEKD_CONFIG_CONFIG_DESCRIBE_H
#define STEKD_CONFIG_CONFIG_DESCRIBE_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config_keys.h"

/* Whether the row has keys below it and no value of its own. */
bool config_describe_is_container(const struct config_key *key);

/* What its value looks like, with its range: "duration, 1s to 7d", "memory | file | redis". */
void config_describe_value(const struct config_key *key, FILE *to);

#endif
