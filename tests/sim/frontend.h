/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frontend without its socket and its TLS: the library's production follower, fleet clock and
 * mapping, and a plain telling of its connection's rules (client-lib/src/conn.h): watch one daemon,
 * leave it when it is silent for half a sync_interval, when its time is not believed, when it keeps
 * the frontend not synced; try another within 100 ms.
 */
#ifndef STEK_TESTS_SIM_FRONTEND_H
#define STEK_TESTS_SIM_FRONTEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "host/timers.h"
#include "sim/model.h"
#include "src/fleet_clock.h"
#include "src/follower.h"
#include "src/ringmap.h"

struct world;
struct stream;

struct sim_frontend {
    struct world *world;
    unsigned int id;
    struct ringmap *map;
    size_t context;
    struct follower follower;
    struct fleet_clock clock;
    struct model model;
    struct stream *stream; /* NULL while between two daemons */
    unsigned int daemon;   /* tried last */
    struct timer *connect;
    int64_t asked_at;   /* boot: the open, until it is answered; -1 afterwards */
    int64_t stay_until; /* boot: as long a daemon that keeps it not synced is given time; 0: all
                           is well */
    unsigned int moves; /* left such daemons in a row */
    struct timer *silence;
    struct timer *tick;
};

void sim_frontend_init(struct sim_frontend *frontend, struct world *world, unsigned int id);
void sim_frontend_fini(struct sim_frontend *frontend);
/* The process dies and begins anew, knowing nothing. */
void sim_frontend_restart(struct sim_frontend *frontend);
/* From its stream. */
void sim_frontend_receive(struct sim_frontend *frontend, struct slice message);
void sim_frontend_stream_ended(struct sim_frontend *frontend);

#endif
