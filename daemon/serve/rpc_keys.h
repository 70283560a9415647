/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stek.v1.KeyService: keyrings to those who may read them.
 *
 * GetKeyring gives the ring once. WatchKeyring is level-triggered: a snapshot goes out when one is
 * due and nothing else is queued on the stream; until then only the fact is remembered, and the
 * newest ring is taken when it can be sent. Heartbeats that cannot go out at once are skipped, and
 * counted; a client that takes nothing for RPC_KEYS_UNREAD_MS loses its watch.
 */
#ifndef STEKD_SERVE_RPC_KEYS_H
#define STEKD_SERVE_RPC_KEYS_H

#include "serve/call.h"

/* A watch that has not said which realm it wants by then is ended. */
#define RPC_KEYS_OPEN_MS   INT64_C(10000)
#define RPC_KEYS_UNREAD_MS INT64_C(60000)

extern const struct method rpc_keys_get;
extern const struct method rpc_keys_watch;

#endif
