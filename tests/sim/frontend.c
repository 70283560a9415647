/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/frontend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"
#include "wire/codec.h"

#define RETRY_MS    100
#define PATIENCE_MS 5000 /* for a stream's first message */
#define ROUNDS_MAX  4u   /* as the library's */
#define FRANK_MS    100  /* an estimate that is no further off believes every right clock */

static const struct timers *timers_of(const struct sim_frontend *frontend)
{
    return fake_time_timers(frontend->world->time);
}

static int64_t boot_of(const struct sim_frontend *frontend)
{
    return world_boot(frontend->world);
}

static int64_t fleet_now(const struct sim_frontend *frontend)
{
    return ringmap_now(frontend->map, boot_of(frontend));
}

static void leave(struct sim_frontend *frontend)
{
    if (frontend->stream != NULL) {
        stream_leave(frontend->stream);
        frontend->stream = NULL;
    }
    timer_disarm(timers_of(frontend), frontend->silence);
    timer_arm(timers_of(frontend), frontend->connect, 1 + world_draw(frontend->world, RETRY_MS));
}

static void send_open(struct sim_frontend *frontend)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_OPEN};

    (void)snprintf(request.as.open.realm, sizeof(request.as.open.realm), WORLD_REALM);
    (void)snprintf(request.as.open.frontend, sizeof(request.as.open.frontend), "fe-%u",
                   frontend->id);
    request.as.open.has_digest = frontend->follower.has_snapshot;
    memcpy(request.as.open.digest, frontend->follower.digest, DIGEST_LEN);
    stream_send_up(frontend->stream, &request);
}

static void send_ack(struct sim_frontend *frontend)
{
    struct wire_watch_request request = {.kind = WIRE_WATCH_ACK, .as.ack.has_digest = true};

    memcpy(request.as.ack.digest, frontend->follower.digest, DIGEST_LEN);
    stream_send_up(frontend->stream, &request);
}

/* The next daemon in turn. */
static void on_connect(void *arg)
{
    struct sim_frontend *frontend = arg;

    frontend->daemon = (frontend->daemon + 1) % WORLD_DAEMONS;
    frontend->stream = stream_open(frontend->world, frontend->id, frontend->daemon);
    frontend->asked_at = boot_of(frontend);
    timer_arm(timers_of(frontend), frontend->silence, PATIENCE_MS);
    send_open(frontend);
}

static void on_silence(void *arg)
{
    struct sim_frontend *frontend = arg;

    world_note(frontend->world, "f%u leaves d%u, which is silent", frontend->id, frontend->daemon);
    world_sometimes(frontend->world, SOMETIMES_SILENT_LEFT);
    leave(frontend);
}

/* Publishes what the follower holds and wakes it for the next drop. */
static void publish(struct sim_frontend *frontend)
{
    const struct ringmap_view view = follower_view(&frontend->follower);
    int64_t now = fleet_now(frontend);

    if (ringmap_publish(frontend->map, 0, &view) != ERR_OK) {
        abort();
    }
    int64_t due = follower_next_due(&frontend->follower, now);
    if (due != INT64_MAX) {
        timer_arm(timers_of(frontend), frontend->tick, due - now);
    }
}

static void on_tick(void *arg)
{
    struct sim_frontend *frontend = arg;

    (void)follower_tick(&frontend->follower, fleet_now(frontend));
    publish(frontend);
}

static void begin(struct sim_frontend *frontend)
{
    const char *const realms[] = {WORLD_REALM};
    struct errbuf why = {""};

    if (ringmap_new(realms, 1, 1, &frontend->map, &why) != ERR_OK ||
        ringmap_register(frontend->map, 0, "", &frontend->context) != ERR_OK) {
        fprintf(stderr, "no mapping for a frontend: %s\n", why.text);
        abort();
    }
    if (follower_init(&frontend->follower, WORLD_REALM) != ERR_OK) {
        abort();
    }
    fleet_clock_init(&frontend->clock);
    frontend->stay_until = 0;
    frontend->moves = 0;
    frontend->model = (struct model){.count = 0};
}

static void end(struct sim_frontend *frontend)
{
    follower_fini(&frontend->follower);
    timer_disarm(timers_of(frontend), frontend->tick);
    ringmap_free(frontend->map);
}

void sim_frontend_init(struct sim_frontend *frontend, struct world *world, unsigned int id)
{
    frontend->world = world;
    frontend->id = id;
    frontend->daemon = id;
    frontend->connect = timer_new(timers_of(frontend), on_connect, frontend);
    frontend->silence = timer_new(timers_of(frontend), on_silence, frontend);
    frontend->tick = timer_new(timers_of(frontend), on_tick, frontend);
    begin(frontend);
    timer_arm(timers_of(frontend), frontend->connect, 1);
}

void sim_frontend_fini(struct sim_frontend *frontend)
{
    end(frontend);
    timer_free(timers_of(frontend), frontend->connect);
    timer_free(timers_of(frontend), frontend->silence);
    timer_free(timers_of(frontend), frontend->tick);
}

void sim_frontend_restart(struct sim_frontend *frontend)
{
    world_note(frontend->world, "f%u begins anew", frontend->id);
    world_sometimes(frontend->world, SOMETIMES_FRONTEND_RESTARTED);
    end(frontend);
    begin(frontend);
    leave(frontend);
}

/* It is off by more than R10 lets pass, and has not noticed yet. */
static bool is_odd(const struct sim_frontend *frontend)
{
    int64_t error = fleet_now(frontend) - world_now(frontend->world);

    return frontend->world->daemons[frontend->daemon].clock.skew_ms != 0 || error > FRANK_MS ||
           error < -FRANK_MS;
}

static void judge_time(struct sim_frontend *frontend, enum fleet_clock_verdict verdict,
                       bool is_suspect)
{
    struct world *world = frontend->world;

    if (verdict == FLEET_CLOCK_DISSENT) {
        world_sometimes(world, SOMETIMES_DISSENT);
    }
    if ((verdict == FLEET_CLOCK_DISSENT && !is_odd(frontend)) ||
        (verdict == FLEET_CLOCK_SUSPECT && !is_suspect && frontend->clock.has_time)) {
        world_violate(world, "R10 f%u does not believe the time of d%u", frontend->id,
                      frontend->daemon);
    }
}

/* False: the daemon is left for its time. */
static bool take_time(struct sim_frontend *frontend, const struct wire_moment *moment)
{
    int64_t heard = boot_of(frontend);
    enum fleet_clock_verdict verdict =
        frontend->asked_at >= 0
            ? fleet_clock_answer(&frontend->clock, frontend->daemon, frontend->asked_at, heard,
                                 moment->server_time_ms, moment->suspect)
            : fleet_clock_heartbeat(&frontend->clock, frontend->daemon, heard,
                                    moment->server_time_ms, moment->suspect);

    frontend->asked_at = -1;
    if (frontend->clock.has_time) {
        ringmap_set_time(frontend->map, heard, fleet_clock_now(&frontend->clock, heard));
    }
    judge_time(frontend, verdict, moment->suspect);
    return verdict != FLEET_CLOCK_DISSENT;
}

static int64_t time_to_stay(const struct sim_frontend *frontend)
{
    const int64_t sync = frontend->world->policy.sync_interval_ms;
    unsigned int round = frontend->moves / WORLD_DAEMONS;

    return round == 0 ? sync / 4 : sync << (round < ROUNDS_MAX ? round : ROUNDS_MAX);
}

/* Whether the daemon is to be left because it keeps this frontend not synced. */
static bool is_in_vain(struct sim_frontend *frontend)
{
    int64_t boot = boot_of(frontend);
    int64_t age = fleet_now(frontend) - frontend->follower.as_of;

    if (age <= frontend->world->policy.sync_interval_ms) {
        frontend->stay_until = 0;
        frontend->moves = 0;
        return false;
    }
    bool is_over = frontend->stay_until != 0 && boot >= frontend->stay_until;
    if (is_over) {
        frontend->moves++;
        world_sometimes(frontend->world, SOMETIMES_STALE_LEFT);
    }
    if (is_over || frontend->stay_until == 0) {
        frontend->stay_until = boot + time_to_stay(frontend);
    }
    return is_over;
}

static void take_snapshot(struct sim_frontend *frontend, const struct wire_snapshot *snapshot)
{
    struct errbuf why = {""};

    enum err rc = follower_accept(&frontend->follower, snapshot, fleet_now(frontend), &why);
    if (rc == ERR_OK) {
        publish(frontend);
        model_take(&frontend->model, snapshot);
        send_ack(frontend);
    } else {
        world_violate(frontend->world, "I9 f%u: %s", frontend->id, why.text);
    }
    world_note(frontend->world, "f%u gets %zu keys from d%u", frontend->id, snapshot->ring.count,
               frontend->daemon);
}

void sim_frontend_receive(struct sim_frontend *frontend, struct slice message)
{
    struct wire_watch_response response = {0};
    struct errbuf why = {""};

    timer_arm(timers_of(frontend), frontend->silence, frontend->world->policy.sync_interval_ms / 2);
    if (wire_decode_watch_response(message, &response, &why) != ERR_OK) {
        world_violate(frontend->world, "I9 f%u cannot read a message: %s", frontend->id, why.text);
        return;
    }
    const struct wire_moment *moment = response.kind == WIRE_WATCH_SNAPSHOT
                                           ? &response.as.snapshot.moment
                                           : &response.as.heartbeat.moment;
    bool is_staying = take_time(frontend, moment);
    if (!frontend->clock.has_time) {
        world_sometimes(frontend->world, SOMETIMES_SUSPECT_FIRST);
        is_staying = false;
    }
    if (response.kind == WIRE_WATCH_SNAPSHOT) {
        if (frontend->clock.has_time) {
            take_snapshot(frontend, &response.as.snapshot);
        }
        wire_snapshot_fini(&response.as.snapshot);
    } else if (follower_heartbeat(&frontend->follower, &response.as.heartbeat,
                                  fleet_now(frontend))) {
        ringmap_set_as_of(frontend->map, 0, frontend->follower.as_of);
    }
    if (!is_staying || (frontend->follower.has_snapshot && is_in_vain(frontend))) {
        leave(frontend);
    }
}

void sim_frontend_stream_ended(struct sim_frontend *frontend)
{
    leave(frontend);
}
