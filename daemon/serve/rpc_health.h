/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.health.v1.Health. "" and "stek.v1.KeyService" are SERVING once every realm was ready and
 * until the daemon drains. Anybody who can connect may ask.
 */
#ifndef STEKD_SERVE_RPC_HEALTH_H
#define STEKD_SERVE_RPC_HEALTH_H

#include <stdbool.h>

#include "base/err.h"
#include "replica/hub.h"
#include "serve/call.h"

extern const struct method rpc_health_check;
extern const struct method rpc_health_watch;

struct health;

/* Listens to every replica of the hub: make it after hub_add_realm() and before replica_start().
 * `hub` is borrowed until health_free(). */
enum err health_new(struct hub *hub, struct health **out_health) MUST_USE;
/* A realm the hub has had added since: while it is not ready, what was SERVING stays so, for the
 * other realms are served. */
enum err health_add_realm(struct health *health, struct replica *replica) MUST_USE;
/* Before the hub lets go of it. */
void health_remove_realm(struct health *health, struct replica *replica);
/* Its calls must be closed. NULL allowed. */
void health_free(struct health *health);

bool health_is_serving(const struct health *health);
/* NOT_SERVING from now on; those who watch are told. */
void health_set_draining(struct health *health);

#endif
