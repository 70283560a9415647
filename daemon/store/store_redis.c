/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_redis.h"

#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "store/hint_list.h"
#include "store/redis_commands.h"
#include "store/redis_jobs.h"
#include "store/redis_link.h"
#include "store/redis_reply.h"

struct store_redis {
    struct store base;
    const struct clock *clock;
    const struct timers *timers;
    int64_t timeout_ms;
    struct store_redis_stats *stats;
    struct redis_server server;
    struct redis_names names;

    struct redis_link *link;    /* owned */
    struct redis_hints *hints;  /* owned */
    struct redis_jobs jobs;     /* sent ones first */
    struct store_op *stillborn; /* borrowed: they could not become jobs */
    struct timer *turn;         /* what failed without Redis is told here */
    struct timer *deadline;     /* the first job's */
    struct hint_list watchers;
    unsigned int depth; /* callbacks of ours on the stack */
    bool is_closed;
};

static void destroy(struct store_redis *store)
{
    timer_free(store->timers, store->turn);
    timer_free(store->timers, store->deadline);
    hint_list_fini(&store->watchers);
    redis_server_fini(&store->server);
    free(store);
}

static void enter(struct store_redis *store)
{
    store->depth++;
}

/* Last statement of whatever the loop calls. */
static void leave(struct store_redis *store)
{
    store->depth--;
    if (store->is_closed && store->depth == 0) {
        destroy(store);
    }
}

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
    enum err rc = job->kind == STORE_OP_LOAD
                      ? redis_commands_load(store->link, &store->names, job->op->realm)
                      : redis_commands_put(store->link, &store->names, job->op, job->is_eval);

    job->is_sent = true;
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

static void take_load(struct store_redis *store, struct redis_job *job, const redisReply *reply)
{
    struct store_result result = {.code = ERR_OK, .why = "", .store_time_ms = job->store_time_ms};

    if (!job->has_time) {
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

    enter(store);
    if (job == NULL || !job->is_sent) {
        redis_link_drop(store->link, ERR_PROTOCOL, "Redis answers what nobody asked");
    } else if (job->kind == STORE_OP_LOAD) {
        take_load(store, job, reply);
    } else {
        take_put(store, job, reply);
    }
    leave(store);
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

    enter(store);
    store->stats->losses++;
    store->stats->is_up = false;
    for (struct redis_job *job = store->jobs.first; job != NULL; job = job->next) {
        job->doom = REDIS_DOOM_LINK_LOST;
    }
    fail_doomed(store, REDIS_DOOM_LINK_LOST, code, why);
    leave(store);
}

static void on_deadline(void *arg)
{
    struct store_redis *store = arg;
    struct redis_job *job = store->jobs.first;

    enter(store);
    if (job == NULL || clock_boot_ms(store->clock) < job->deadline_boot) {
        note_jobs(store);
    } else {
        store->stats->timeouts++;
        if (job->is_sent) {
            redis_link_drop(store->link, ERR_TIMEOUT, "Redis did not answer in time");
        } else {
            fail_job(store, job, ERR_TIMEOUT, "there was no connection to Redis in time");
        }
    }
    leave(store);
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

static void on_turn(void *arg)
{
    struct store_redis *store = arg;

    enter(store);
    while (!store->is_closed && store->stillborn != NULL) {
        finish_stillborn(store);
    }
    fail_unlinked(store);
    if (!store->is_closed && redis_jobs_find_doomed(&store->jobs, REDIS_DOOM_NOT_SENT) != NULL) {
        redis_link_drop(store->link, ERR_NOMEM, "out of memory");
    }
    leave(store);
}

/* --- hints --- */

static void on_changed(void *ctx, const char *realm)
{
    struct store_redis *store = ctx;

    enter(store);
    hint_list_mark(&store->watchers, realm);
    hint_list_give(&store->watchers, &store->is_closed);
    leave(store);
}

/* --- the interface --- */

static void redis_start(struct store *base, struct store_op *op)
{
    struct store_redis *store = (struct store_redis *)base;
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

static void redis_cancel(struct store *base, struct store_op *op)
{
    struct store_redis *store = (struct store_redis *)base;
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

static enum err redis_watch(struct store *base, const char *realm, store_changed_fn changed,
                            void *ctx)
{
    return hint_list_watch(&((struct store_redis *)base)->watchers, realm, changed, ctx);
}

static void cancel_all(struct store_redis *store)
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

static void redis_close(struct store *base)
{
    struct store_redis *store = (struct store_redis *)base;

    cancel_all(store);
    store->is_closed = true;
    redis_hints_close(store->hints);
    redis_link_close(store->link);
    timer_disarm(store->timers, store->turn);
    timer_disarm(store->timers, store->deadline);
    store->stats->is_open = false;
    store->stats->is_up = false;
    if (store->depth == 0) {
        destroy(store);
    }
}

static void redis_place(const struct store *base, const char *realm, struct errbuf *out)
{
    char key[REDIS_KEY_MAX];

    redis_names_key(&((const struct store_redis *)base)->names, realm, key);
    errbuf_set(out, "Redis key %s", key);
}

static const struct store_ops redis_ops = {
    .type = "redis",
    .load = redis_start,
    .put = redis_start,
    .cancel = redis_cancel,
    .watch = redis_watch,
    .close = redis_close,
    .place = redis_place,
};

/* --- life --- */

static enum err open_links(struct store_redis *store, const struct store_redis_options *options)
{
    const struct redis_link_options link = {
        .base = options->base,
        .timers = options->timers,
        .random = options->random,
        .server = &store->server,
        .timeout_ms = options->timeout_ms,
        .owner = {.on_up = on_up, .on_reply = on_reply, .on_down = on_down, .ctx = store},
    };
    const struct redis_hints_options hints = {
        .base = options->base,
        .timers = options->timers,
        .random = options->random,
        .server = &store->server,
        .timeout_ms = options->timeout_ms,
        .channel = store->names.channel,
        .on_changed = on_changed,
        .ctx = store,
        .stats = &options->stats->hints,
    };

    enum err rc = redis_link_open(&link, &store->link);
    return rc == ERR_OK ? redis_hints_open(&hints, &store->hints) : rc;
}

static enum err build(struct store_redis *store, const struct store_redis_options *options)
{
    if (store->turn == NULL || store->deadline == NULL) {
        return ERR_NOMEM;
    }
    enum err rc = redis_server_init(&store->server, &options->address);
    if (rc == ERR_OK) {
        rc = redis_names_init(&store->names, options->prefix);
    }
    return rc == ERR_OK ? open_links(store, options) : rc;
}

enum err store_redis_new(const struct store_redis_options *options, struct store **out_store)
{
    struct store_redis *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        return ERR_NOMEM;
    }
    store->base.ops = &redis_ops;
    store->clock = options->clock;
    store->timers = options->timers;
    store->timeout_ms = options->timeout_ms;
    store->stats = options->stats;
    store->turn = timer_new(options->timers, on_turn, store);
    store->deadline = timer_new(options->timers, on_deadline, store);
    *options->stats = (struct store_redis_stats){.is_open = true};
    enum err rc = build(store, options);
    if (rc != ERR_OK) {
        options->stats->is_open = false;
        redis_link_close(store->link);
        destroy(store);
        return rc;
    }
    *out_store = &store->base; /* moves to the caller */
    return ERR_OK;
}
