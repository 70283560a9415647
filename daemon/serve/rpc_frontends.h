/* SPDX-License-Identifier: Apache-2.0 */
/* AdminService/ListFrontends: who watches at this daemon, and who left it and may still hold keys.
 * One answer stays under the limit of a message; what does not fit is counted. */
#ifndef STEKD_SERVE_RPC_FRONTENDS_H
#define STEKD_SERVE_RPC_FRONTENDS_H

#include "serve/call.h"

extern const struct method rpc_admin_list_frontends;

#endif
