/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdminService/Revoke. It acts at once and answers at once: how far the revocation has come is part
 * of the answer, and `check` asks again without acting. Whatever is counted is of this daemon's
 * frontends; another daemon counts its own.
 */
#ifndef STEKD_SERVE_RPC_REVOKE_H
#define STEKD_SERVE_RPC_REVOKE_H

#include "serve/call.h"

#define RPC_REVOKE_STRAGGLER_BYTES ((size_t)65536) /* named in one answer; more are counted */

extern const struct method rpc_admin_revoke;

#endif
