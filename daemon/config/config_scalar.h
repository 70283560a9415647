/* SPDX-License-Identifier: Apache-2.0 */
/* One node, by its row of the table, into the member that the row names. */
#ifndef STEKD_CONFIG_CONFIG_SCALAR_H
#define STEKD_CONFIG_CONFIG_SCALAR_H

#include "base/err.h"
#include "config/config_keys.h"
#include "config/config_parse.h"
#include "config/config_problems.h"

/* Checks type and range. `target` is the struct that key->offset counts in; untouched after a
 * problem. */
void config_scalar_read(const struct config_node *node, const struct config_key *key, void *target,
                        struct config_problems *problems);

/* The row's own preset (a value, not a sentence); empty lists stay as they are. */
void config_scalar_read_preset(const struct config_key *key, void *target);

/* `node` is a sequence. ERR_NOMEM is the only failure. */
enum err config_scalar_read_principals(const struct config_node *node, const struct config_key *key,
                                       void *target, struct config_problems *problems) MUST_USE;

/* Likewise, for a list of paths. */
enum err config_scalar_read_paths(const struct config_node *node, const struct config_key *key,
                                  void *target, struct config_problems *problems) MUST_USE;

/* Likewise, for a list of addresses. */
enum err config_scalar_read_addresses(const struct config_node *node, const struct config_key *key,
                                      void *target, struct config_problems *problems) MUST_USE;

#endif
