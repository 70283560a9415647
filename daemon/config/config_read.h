/* SPDX-License-Identifier: Apache-2.0 */
/* From a tree of nodes, by the table of keys, to a struct config. */
#ifndef STEKD_CONFIG_CONFIG_READ_H
#define STEKD_CONFIG_CONFIG_READ_H

#include "config/config.h"
#include "config/config_parse.h"
#include "config/config_problems.h"

/* Reads everything it can and reports everything it cannot; `config` (zeroed by the caller, who
 * frees it) is complete only if no error was added. ERR_NOMEM is the only failure. */
enum err config_read(const struct config_node *root, struct config *config,
                     struct config_problems *problems) MUST_USE;

#endif
