/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on their way through a connection, in the order of their replies. */
#ifndef STEKD_STORE_REDIS_JOBS_H
#define STEKD_STORE_REDIS_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

enum redis_doom {
    REDIS_DOOM_NONE,
    REDIS_DOOM_NO_LINK,  /* started while there was no connection: the next turn says so */
    REDIS_DOOM_NOT_SENT, /* no memory to send it: the connection is out of step */
    REDIS_DOOM_LINK_LOST,
};

/* Lives until its last reply, be the operation cancelled or not. */
struct redis_job {
    struct redis_job *next;
    struct store_op *op; /* borrowed; NULL: cancelled */
    enum store_op_kind kind;
    enum redis_doom doom;
    bool is_sent;
    bool has_role; /* load: ROLE was answered, or not asked */
    bool has_time; /* load: TIME was answered, the record is next */
    bool is_eval;  /* put: sent as EVAL */
    int64_t deadline_boot;
    int64_t store_time_ms;
    enum err failure; /* load: of TIME */
    struct errbuf why;
};

/* Starts as {0}. */
struct redis_jobs {
    struct redis_job *first; /* owned */
    struct redis_job *last;
    size_t count;
};

void redis_jobs_append(struct redis_jobs *jobs, struct redis_job *job);
/* The job is the caller's then. */
void redis_jobs_remove(struct redis_jobs *jobs, struct redis_job *job);
/* NULL: the operation has none. */
struct redis_job *redis_jobs_find(const struct redis_jobs *jobs, const struct store_op *op);
/* The first with this doom, or NULL. */
struct redis_job *redis_jobs_find_doomed(const struct redis_jobs *jobs, enum redis_doom doom);

#endif
