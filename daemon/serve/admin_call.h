/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's acts have in common: whose realm it is, and the audit line. */
#ifndef STEKD_SERVE_ADMIN_CALL_H
#define STEKD_SERVE_ADMIN_CALL_H

#include <stdint.h>

#include "base/err.h"
#include "serve/call.h"

/* The realm if the caller may operate on it. On any failure (ERR_DENIED, ERR_NOT_FOUND) the call
 * has ended with it. */
enum err admin_call_find_realm(struct call *call, const char *realm,
                               struct replica **out_replica) MUST_USE;

/* Borrowed during the calls below. */
struct admin_act {
    const char *what; /* "rotate" */
    const char *realm;
    const uint8_t *key_name; /* NULL: no single key */
    const char *reason;
};

void admin_call_audit(struct call *call, const struct admin_act *act, enum err outcome,
                      const char *detail);
/* The log does not follow whoever is denied as often as he likes. */
void admin_call_audit_denied(struct call *call, const struct admin_act *act);
/* The one of both that fits the failure of admin_call_find_realm(). */
void admin_call_audit_failed(struct call *call, const struct admin_act *act, enum err rc);

#endif
