/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frontend without its socket and its TLS: the library's production follower and mapping, and
 * a plain telling of its connection's rules: watch one daemon, leave it when it is silent for half
 * a sync_interval, try another within 100 ms.
 */
#ifndef STEK_TESTS_SIM_FRONTEND_H
#define STEK_TESTS_SIM_FRONTEND_H

#include <stdint.h>

#include "base/bytes.h"
#include "host/timers.h"
#include "sim/model.h"
#include "src/ringmap.h"

struct world;
struct stream;
struct follower;

struct sim_frontend {
    struct world *world;
    unsigned int id;
    struct ringmap *map;
    size_t context;
    struct follower *follower;
    struct model model;
    struct stream *stream; /* NULL while between two daemons */
    unsigned int daemon;   /* tried last */
    struct timer *connect;
    struct timer *silence;
};

void sim_frontend_init(struct sim_frontend *frontend, struct world *world, unsigned int id);
void sim_frontend_fini(struct sim_frontend *frontend);
/* The process dies and begins anew, knowing nothing. */
void sim_frontend_restart(struct sim_frontend *frontend);
/* From its stream. */
void sim_frontend_receive(struct sim_frontend *frontend, struct slice message);
void sim_frontend_stream_ended(struct sim_frontend *frontend);

#endif
