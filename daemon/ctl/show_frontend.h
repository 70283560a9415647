/* SPDX-License-Identifier: Apache-2.0 */
/* A frontend as operators read of it. */
#ifndef STEKD_CTL_SHOW_FRONTEND_H
#define STEKD_CTL_SHOW_FRONTEND_H

#include <stdio.h>

#include "ctl/json.h"
#include "wire/messages.h"

/* "current", "behind", "not revoked", "no keyring", "gone": what matters most. A constant. */
const char *show_frontend_state(const struct wire_frontend *frontend);

/* One indented line: who it is, and why it does not have what it should. */
void show_frontend_line(const struct wire_frontend *frontend, int64_t now_ms, FILE *to);

/* An array of objects. */
void show_frontend_json(struct json *json, const char *name, const struct wire_frontend *frontends,
                        size_t count, int64_t now_ms);

#endif
