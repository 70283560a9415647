/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that span keys, in words an operator can act on, at the place of the value to change. */
#ifndef STEKD_CONFIG_CONFIG_CHECK_H
#define STEKD_CONFIG_CONFIG_CHECK_H

#include "config/config.h"
#include "config/config_parse.h"
#include "config/config_problems.h"

/* Whether the realm's dates can work together (policy_check()). `node` is the realm's mapping. */
void config_check_policy(const struct config_realm *realm, const struct config_node *node,
                         struct config_problems *problems);

/* Notes what is legal and seldom meant. */
void config_check_realm(const struct config_realm *realm, const struct config_node *node,
                        struct config_problems *problems);

/* Each a path, or an address and TLS; none twice. `node` is the sequence; its entries are config's
 * listeners, in order. */
void config_check_listeners(const struct config *config, const struct config_node *node,
                            struct config_problems *problems);

/* Notes names of certificates that nobody can show, for nothing listens by TLS. `root` is the whole
 * tree, all of which was read well. */
void config_check_names(const struct config *config, const struct config_node *root,
                        struct config_problems *problems);

/* Whether the keys of `store` fit its type. */
void config_check_store(const struct config_storage *store, const struct config_node *node,
                        struct config_problems *problems);

#endif
