/* SPDX-License-Identifier: Apache-2.0 */
#include "store/redis_jobs.h"

void redis_jobs_append(struct redis_jobs *jobs, struct redis_job *job)
{
    job->next = NULL;
    if (jobs->last == NULL) {
        jobs->first = job;
    } else {
        jobs->last->next = job;
    }
    jobs->last = job;
    jobs->count++;
}

void redis_jobs_remove(struct redis_jobs *jobs, struct redis_job *job)
{
    struct redis_job *before = NULL;

    for (struct redis_job *at = jobs->first; at != job; at = at->next) {
        before = at;
    }
    if (before == NULL) {
        jobs->first = job->next;
    } else {
        before->next = job->next;
    }
    if (jobs->last == job) {
        jobs->last = before;
    }
    jobs->count--;
}

struct redis_job *redis_jobs_find(const struct redis_jobs *jobs, const struct store_op *op)
{
    struct redis_job *job = jobs->first;

    while (job != NULL && job->op != op) {
        job = job->next;
    }
    return job;
}

struct redis_job *redis_jobs_find_doomed(const struct redis_jobs *jobs, enum redis_doom doom)
{
    struct redis_job *job = jobs->first;

    while (job != NULL && job->doom != doom) {
        job = job->next;
    }
    return job;
}
