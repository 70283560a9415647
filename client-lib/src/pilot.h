/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a driving process does: follows every realm over the connection, keeps the fleet's time,
 * and publishes both into the mapping. No thread and no waiting of its own: the driver (or a test)
 * polls the descriptor and steps it.
 *
 * A daemon that speaks but keeps nobody synced (it cannot read the store, or distrusts its clock)
 * is left for another endpoint once a realm's age is beyond sync_interval: quickly once round all
 * of them, then ever more rarely, up to 16 sync_intervals apart.
 */
#ifndef STEK_SRC_PILOT_H
#define STEK_SRC_PILOT_H

#include "base/clock.h"
#include "base/err.h"
#include "src/conn.h"
#include "src/ringmap.h"

enum pilot_level { PILOT_ERROR, PILOT_WARNING, PILOT_INFO }; /* as enum stek_log_level */

struct pilot_config {
    struct ringmap *map;              /* borrowed */
    const struct clock *clock;        /* borrowed */
    const struct endpoint *endpoints; /* borrowed */
    size_t endpoint_count;
    struct credentials *credentials; /* borrowed; NULL when no endpoint is TCP */
    const char *frontend;            /* borrowed */
    uint64_t seed;
    void (*log)(void *arg, enum pilot_level level, const char *line); /* may be NULL */
    void *log_arg;
};

struct pilot;

/* Takes up what the mapping holds. `config` is copied, what it points to borrowed until
 * pilot_free(). ERR_NOMEM, ERR_IO. */
enum err pilot_new(const struct pilot_config *config, struct pilot **out_pilot) MUST_USE;
/* Closes the connection and wipes the rings; the mapping keeps what is published. */
void pilot_free(struct pilot *pilot);

int pilot_fd(const struct pilot *pilot);
short pilot_wants(const struct pilot *pilot);
/* How long poll() may wait, 0 to 60 000 ms. */
int pilot_timeout_ms(const struct pilot *pilot);
/* After poll(): whether the descriptor was reported. */
void pilot_step(struct pilot *pilot, bool is_ready);

#endif
