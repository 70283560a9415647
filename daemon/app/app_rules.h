/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's lists of principals in the form serve/authz.h decides on. */
#ifndef STEKD_APP_APP_RULES_H
#define STEKD_APP_APP_RULES_H

#include "base/err.h"
#include "config/config.h"
#include "serve/authz.h"

/* Starts as {0}. `rules` points into the rest, and to the realm names and patterns of the
 * configuration. */
struct app_rules {
    struct authz_rules rules;
    struct authz_principal *principals; /* owned: all lists, one after the other */
    struct authz_realm *realms;         /* owned */
};

/* `config` is borrowed until app_rules_fini(). On failure *out is untouched. */
enum err app_rules_make(const struct config *config, struct app_rules *out) MUST_USE;
/* Safe on {0} and twice. */
void app_rules_fini(struct app_rules *rules);

#endif
