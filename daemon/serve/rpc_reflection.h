/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.reflection.v1.ServerReflection, and v1alpha: what this daemon serves, for tools. Only
 * processes at the Unix socket may ask; to all others there is no such method. It says what
 * our .proto files say and nothing about realms or keys, so of those anybody may.
 */
#ifndef STEKD_SERVE_RPC_REFLECTION_H
#define STEKD_SERVE_RPC_REFLECTION_H

#include "serve/call.h"

/* A tool asks some dozen times and goes. More than that on one stream, more than this left unread,
 * or a stream on which nothing is asked, ends. */
#define RPC_REFLECTION_REQUESTS_MAX 256
#define RPC_REFLECTION_QUEUE_MAX    65536
#define RPC_REFLECTION_IDLE_MAX_MS  INT64_C(60000)

extern const struct method rpc_reflection_v1;
extern const struct method rpc_reflection_v1alpha;

#endif
