/* SPDX-License-Identifier: Apache-2.0 */
/* stek.v1.AdminService: what operators see and do. Never a key byte. Each act leaves an audit
 * line: who, what, why, outcome. */
#ifndef STEKD_SERVE_RPC_ADMIN_H
#define STEKD_SERVE_RPC_ADMIN_H

#include "serve/call.h"

extern const struct method rpc_admin_get_status;
extern const struct method rpc_admin_list_realms;
extern const struct method rpc_admin_list_keys;
extern const struct method rpc_admin_rotate;

#endif
