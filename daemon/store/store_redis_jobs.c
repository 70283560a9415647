/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way: operations as commands, replies as results, and what fails without either. */
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "store/redis_reply.h"
#include "store/store_redis_private.h"

/* --- jobs --- */

static void note_jobs(struct store_redis *store)
{
    const struct redis_job *first = store->jobs.first;

    store->stats->in_flight = store->jobs.count;
    if (first == NULL) {
        timer_disarm(store->timers, store->deadline);
        return;
    }
    int64_t wait = first->deadline_boot - clock_boot_ms(store->clock);
    timer_arm(store->timers, store->deadline, wait > 0 ? wait : 0);
}

static void append_job(struct store_redis *store, struct redis_job *job)
{
    redis_jobs_append(&store->jobs, job);
    note_jobs(store);
}

static void remove_job(struct store_redis *store, struct redis_job *job)
{
    redis_jobs_remove(&store->jobs, job);
    note_jobs(store);
}

/* Takes the job away, then tells. The store may be closed afterwards. */
static void finish_job(struct store_redis *store, struct redis_job *job,
                       const struct store_result *result)
{
    struct store_op *op = job->op;

    remove_job(store, job);
    if (op != NULL) {
        store_op_finish(op, result);
    }
    free(job);
}

static void fail_job(struct store_redis *store, struct redis_job *job, enum err code,
                     const char *why)
{
    const struct store_result result = {.code = code, .why = why};

    finish_job(store, job, &result);
}

/* Jobs that callbacks start meanwhile have no such doom, so that this ends. */
static void fail_doomed(struct store_redis *store, enum redis_doom doom, enum err code,
                        const char *why)
{
    struct redis_job *job = redis_jobs_find_doomed(&store->jobs, doom);

    while (job != NULL && !store->is_closed) {
        fail_job(store, job, code, why);
        job = redis_jobs_find_doomed(&store->jobs, doom);
    }
}

static void send_job(struct store_redis *store, struct redis_job *job)
{
    const bool with_role = store->sentinels.count > 0;
    enum err rc = job->kind == STORE_OP_LOAD
                      ? redis_commands_load(store->link, &store->names, job->op->realm, with_role)
                      : redis_commands_put(store->link, &store->names, job->op, job->is_eval);

    job->is_sent = true;
    job->has_role = !with_role;
    store->stats->commands++;
    store->stats->evals += job->is_eval;
    if (rc != ERR_OK) {
        job->doom = REDIS_DOOM_NOT_SENT;
        timer_arm(store->timers, store->turn, 0);
    }
}

/* --- replies --- */

/* Of an error reply, or of one of a shape no Redis gives. */
static struct redis_refusal read_refusal(struct store_redis *store, const redisReply *reply,
                                         struct errbuf *why)
{
    if (reply->type != REDIS_REPLY_ERROR) {
        errbuf_set(why, "Redis answers with something else than was asked for");
        return (struct redis_refusal){ERR_PROTOCOL, REDIS_NEXT_REDIAL};
    }
    store->stats->refusals++;
    return redis_reply_classify(reply->str, (size_t)reply->len, why);
}

/* The job is done with. */
static void refuse_job(struct store_redis *store, struct redis_job *job, const redisReply *reply)
{
    struct errbuf why;
    struct redis_refusal refusal = read_refusal(store, reply, &why);

    fail_job(store, job, refusal.code, why.text);
    if (refusal.next == REDIS_NEXT_REDIAL && !store->is_closed) {
        redis_link_drop(store->link, refusal.code, why.text);
    }
}

/* TIME failed: what follows it will be refused, too, and is waited for. */
static void note_refused_time(struct store_redis *store, struct redis_job *job,
                              const redisReply *reply)
{
    struct errbuf why;
    struct redis_refusal refusal = read_refusal(store, reply, &why);

    job->failure = refusal.code;
    job->why = why;
    if (refusal.next == REDIS_NEXT_REDIAL) {
        redis_link_drop(store->link, refusal.code, why.text);
    }
}

/* It was a master when it greeted us. What follows in this connection is a replica's. */
static void take_role(struct store_redis *store, struct redis_job *job, const redisReply *reply)
{
    struct errbuf why;
    struct errbuf told;
    enum err rc = redis_sentinels_read_role(reply, &why);

    job->has_role = true;
    if (rc == ERR_OK) {
        return;
    }
    errbuf_set(&told, "Redis is no longer the master: %s", why.text);
    redis_hints_drop(store->hints, told.text);
    redis_link_drop(store->link, rc, told.text);
}

static void take_load(struct store_redis *store, struct redis_job *job, const redisReply *reply)
{
    struct store_result result = {.code = ERR_OK, .why = "", .store_time_ms = job->store_time_ms};

    if (!job->has_role) {
        take_role(store, job, reply);
    } else if (!job->has_time) {
        job->has_time = true;
        if (!redis_commands_read_time(reply, &job->store_time_ms)) {
            note_refused_time(store, job, reply);
        }
    } else if (job->failure != ERR_OK) {
        struct errbuf why = job->why;
        fail_job(store, job, job->failure, why.text);
    } else if (redis_commands_read_record(reply, &result)) {
        finish_job(store, job, &result);
    } else {
        refuse_job(store, job, reply);
    }
}

/* Whether the reply is NOSCRIPT, and the job goes round once more. */
static bool send_script(struct store_redis *store, struct redis_job *job, const redisReply *reply)
{
    struct errbuf why;

    if (reply->type != REDIS_REPLY_ERROR || job->is_eval || job->op == NULL ||
        redis_reply_classify(reply->str, (size_t)reply->len, &why).next != REDIS_NEXT_EVAL) {
        return false;
    }
    remove_job(store, job);
    job->is_eval = true;
    append_job(store, job);
    send_job(store, job);
    return true;
}

static void take_put(struct store_redis *store, struct redis_job *job, const redisReply *reply)
{
    struct store_result result = {.why = ""};

    if (redis_commands_read_put(reply, &result)) {
        finish_job(store, job, &result);
    } else if (!send_script(store, job, reply)) {
        refuse_job(store, job, reply);
    }
}

static void on_reply(void *ctx, const redisReply *reply)
{
    struct store_redis *store = ctx;
    struct redis_job *job = store->jobs.first;

    store_redis_enter(store);
    if (job == NULL || !job->is_sent) {
        redis_link_drop(store->link, ERR_PROTOCOL, "Redis answers what nobody asked");
    } else if (job->kind == STORE_OP_LOAD) {
        take_load(store, job, reply);
    } else {
        take_put(store, job, reply);
    }
    store_redis_leave(store);
}

/* --- the connection --- */

static void on_up(void *ctx)
{
    struct store_redis *store = ctx;

    store->stats->connects++;
    store->stats->is_up = true;
    for (struct redis_job *job = store->jobs.first; job != NULL; job = job->next) {
        if (!job->is_sent && job->doom == REDIS_DOOM_NONE) {
            send_job(store, job);
        }
    }
}

static void on_down(void *ctx, enum err code, const char *why)
{
    struct store_redis *store = ctx;

    store_redis_enter(store);
    store->stats->losses++;
    store->stats->is_up = false;
    for (struct redis_job *job = store->jobs.first; job != NULL; job = job->next) {
        job->doom = REDIS_DOOM_LINK_LOST;
    }
    fail_doomed(store, REDIS_DOOM_LINK_LOST, code, why);
    store_redis_leave(store);
}

static void fail_unsent(struct store_redis *store, struct redis_job *job)
{
    struct errbuf why;
    const char *last = redis_link_why(store->link);

    errbuf_set(&why, "there was no connection to Redis in time%s%s", last[0] == '\0' ? "" : "; ",
               last);
    fail_job(store, job, ERR_TIMEOUT, why.text);
}

void store_redis_on_deadline(void *arg)
{
    struct store_redis *store = arg;
    struct redis_job *job = store->jobs.first;

    store_redis_enter(store);
    if (job == NULL || clock_boot_ms(store->clock) < job->deadline_boot) {
        note_jobs(store);
    } else {
        store->stats->timeouts++;
        if (job->is_sent) {
            redis_link_drop(store->link, ERR_TIMEOUT, "Redis did not answer in time");
        } else {
            fail_unsent(store, job);
        }
    }
    store_redis_leave(store);
}

static void finish_stillborn(struct store_redis *store)
{
    struct store_op *op = store->stillborn;
    bool is_large = op->failure == ERR_LIMIT;
    const struct store_result result = {.code = is_large ? ERR_LIMIT : ERR_NOMEM,
                                        .why =
                                            is_large ? "the record is too large" : "out of memory"};

    store->stillborn = op->next;
    store_op_finish(op, &result);
}

static void fail_unlinked(struct store_redis *store)
{
    struct errbuf why;

    errbuf_set(&why, "%s", store->is_closed ? "" : redis_link_why(store->link));
    for (struct redis_job *job = store->jobs.first; job != NULL; job = job->next) {
        if (job->doom == REDIS_DOOM_NO_LINK) {
            job->doom = REDIS_DOOM_LINK_LOST;
        }
    }
    fail_doomed(store, REDIS_DOOM_LINK_LOST, ERR_UNAVAILABLE, why.text);
}

void store_redis_on_turn(void *arg)
{
    struct store_redis *store = arg;

    store_redis_enter(store);
    while (!store->is_closed && store->stillborn != NULL) {
        finish_stillborn(store);
    }
    fail_unlinked(store);
    if (!store->is_closed && redis_jobs_find_doomed(&store->jobs, REDIS_DOOM_NOT_SENT) != NULL) {
        redis_link_drop(store->link, ERR_NOMEM, "out of memory");
    }
    store_redis_leave(store);
}

struct redis_link_owner store_redis_link_owner(struct store_redis *store)
{
    return (struct redis_link_owner){
        .on_up = on_up, .on_reply = on_reply, .on_down = on_down, .ctx = store};
}

/* --- starting and cancelling --- */

void store_redis_start_job(struct store_redis *store, struct store_op *op)
{
    struct redis_job *job = op->failure != ERR_OK ? NULL : calloc(1, sizeof(*job));

    if (job == NULL) {
        op->next = store->stillborn;
        store->stillborn = op;
        timer_arm(store->timers, store->turn, 0);
        return;
    }
    job->op = op;
    job->kind = op->kind;
    job->deadline_boot = clock_boot_ms(store->clock) + store->timeout_ms;
    append_job(store, job);
    if (redis_link_is_up(store->link)) {
        send_job(store, job);
    } else if (redis_link_is_waiting(store->link)) {
        job->doom = REDIS_DOOM_NO_LINK;
        timer_arm(store->timers, store->turn, 0);
    }
}

void store_redis_cancel_job(struct store_redis *store, struct store_op *op)
{
    struct redis_job *job = redis_jobs_find(&store->jobs, op);

    for (struct store_op **at = &store->stillborn; *at != NULL; at = &(*at)->next) {
        if (*at == op) {
            *at = op->next;
            return;
        }
    }
    if (job != NULL && job->is_sent) {
        job->op = NULL; /* its replies still come */
    } else if (job != NULL) {
        remove_job(store, job);
        free(job);
    }
}

void store_redis_cancel_jobs(struct store_redis *store)
{
    while (store->stillborn != NULL) {
        store_cancel(&store->base, store->stillborn);
    }
    while (store->jobs.first != NULL) {
        struct redis_job *job = store->jobs.first;
        job->is_sent = true; /* so that cancelling it leaves the job to us */
        if (job->op != NULL) {
            store_cancel(&store->base, job->op);
        }
        remove_job(store, job);
        free(job);
    }
}
