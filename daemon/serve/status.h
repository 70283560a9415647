/* SPDX-License-Identifier: Apache-2.0 */
/* What GetStatus and ListRealms tell: a picture of the realms one caller may operate on. */
#ifndef STEKD_SERVE_STATUS_H
#define STEKD_SERVE_STATUS_H

#include "base/err.h"
#include "serve/services.h"
#include "wire/messages.h"

bool status_may_operate(const struct services *services, const struct peer *peer,
                        const char *realm);

/* True when the caller may operate on all realms or on at least one. */
bool status_is_visible_to(const struct services *services, const struct peer *peer);

/* The caller gives *out to wire_status_fini(). On failure *out is untouched. */
enum err status_collect(const struct services *services, const struct peer *peer,
                        struct wire_status *out) MUST_USE;

/* One realm, with the sentence that says what is wrong with it ("" when nothing is). */
void status_of_realm(const struct services *services, struct replica *replica,
                     struct wire_realm_status *out);

#endif
