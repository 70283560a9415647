/* SPDX-License-Identifier: Apache-2.0 */
/* From a gRPC path to the handler: a table. */
#ifndef STEKD_SERVE_ROUTER_H
#define STEKD_SERVE_ROUTER_H

#include <stddef.h>

#include "serve/call.h"

/* NULL when this version has no such method. */
const struct method *router_find(const char *path);

size_t router_method_count(void);
const struct method *router_method_at(size_t index);

/* The method's place; router_method_count() for NULL. */
size_t router_index_of(const struct method *method);

#endif
