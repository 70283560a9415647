/* SPDX-License-Identifier: Apache-2.0 */
/* AdminService/Rekey: a realm's record is sealed under the first key-encryption key. */
#ifndef STEKD_SERVE_RPC_REKEY_H
#define STEKD_SERVE_RPC_REKEY_H

#include "serve/call.h"

extern const struct method rpc_admin_rekey;

#endif
