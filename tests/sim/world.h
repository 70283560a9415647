/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole fleet in one process under one simulated clock: daemons made of the production rooms
 * (vault, replica, rotator, hub), frontends made of the library's production follower and mapping,
 * a store that is slow, deaf, forgetful, rolled back and split in two, a network that delays and
 * cuts, clocks that are off and step, an operator who rotates and revokes. One seed decides
 * everything; the same seed gives the same run, event by event (trace_hash).
 *
 * world_step() makes one event happen. Invariants are looked at after each (invariants.h).
 */
#ifndef STEK_TESTS_SIM_WORLD_H
#define STEK_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "replica/hub.h"
#include "replica/replica.h"
#include "rotate/rotator.h"
#include "sim/frontend.h"
#include "sim/sometimes.h"
#include "support/fake_store.h"
#include "support/fake_time.h"

#define CHAOS_KINDS     21
#define WORLD_DAEMONS   3
#define WORLD_FRONTENDS 4
#define WORLD_REALM     "web"
/* How far a daemon's clock may be off without being wrong: what R10 lets pass. */
#define WORLD_SKEW_MAX_MS INT64_C(1900)

/* Ways to break the rules that need no other code, to prove that the invariants can fail. */
enum world_break {
    BREAK_NOTHING,
    BREAK_LEAD,       /* daemons work with a lead of half the fleet's */
    BREAK_WRITE_BACK, /* from a minute on every put is acknowledged and lost: nothing heals that */
    BREAK_TOMBSTONES, /* every daemon dies and an old record is all that is left; I1 not asked for
                       */
};

struct world;
struct stream;
struct invariants;

struct sim_daemon {
    struct world *world;
    unsigned int id;
    bool is_up;
    int64_t up_since;   /* boot */
    int64_t well_since; /* boot: its way to the store is good since then */
    struct fake_clock clock;
    int64_t skew_ms;     /* of the clock while it is not wrong */
    int64_t sound_since; /* boot: not suspect since then; INT64_MAX while it is */
    bool began_wrong;    /* its clock was wrong when it started */
    struct timer *clock_repair;
    unsigned int side;      /* of the store, while that is split */
    struct fake_link *link; /* NULL while down, like the rest */
    struct replica *replica;
    struct hub *hub;
    struct rotator *rotator;
    struct timer *restart;
    struct timer *link_repair;
    struct rotator_stats counted; /* what sometimes[] has of this life */
};

struct sim_operator {
    bool is_waiting;
    unsigned int daemon;
    uint8_t retire[KEY_NAME_LEN];
    uint64_t puts_before; /* of the daemon asked */
    struct timer *again;
    bool is_hasty;   /* again at the same daemon, at once */
    bool may_repeat; /* the last rotate was answered: asking again must change nothing */
    uint64_t revocations;
};

/* Which kinds of trouble this seed knows: swarms of faults find more than all faults always. */
struct chaos {
    struct timer *next;
    uint64_t enabled; /* bits of enum fault in chaos.c */
    /* The fault budget of I1: see docs in invariants.h. */
    bool is_wild;
    int struck;         /* the daemon struck since the last loss; -1: none */
    bool is_put_doomed; /* the next put will be lost */
    struct timer *follow_up;
    int64_t loss_until;            /* boot: a loss is being healed until then */
    int64_t i1_void_until;         /* boot: more was lost at once than I1 promises to survive */
    bool is_over;                  /* faults have stopped: the fleet must become whole */
    int64_t last_loss;             /* boot */
    uint64_t strikes[CHAOS_KINDS]; /* how often each kind of fault did */
    struct timer *unite;
    struct timer *pair_repair[WORLD_FRONTENDS][WORLD_DAEMONS];
};

struct world {
    uint64_t seed;
    enum world_break broken;
    struct fake_time *time;
    struct fake_random random; /* chaos and transport */
    struct fake_random keys;   /* what the daemons draw */
    struct fake_store *place;
    struct policy policy;
    struct policy daemon_policy; /* the same, unless broken */
    struct sim_daemon daemons[WORLD_DAEMONS];
    struct sim_frontend frontends[WORLD_FRONTENDS];
    bool has_skews; /* sound clocks differ */
    bool is_cut[WORLD_FRONTENDS][WORLD_DAEMONS];
    struct stream *streams; /* all there ever were: freed with the world */
    struct sim_operator human;
    struct chaos chaos;
    struct invariants *invariants;
    int64_t ends_at; /* boot */
    int64_t calm_at; /* boot: faults stop */

    uint64_t steps;
    uint64_t sometimes[SOMETIMES_KINDS];
    bool is_traced;
    uint64_t trace_hash;
    char violation[512]; /* "" while all is well */
};

struct world_options {
    uint64_t seed;
    enum world_break broken;
    bool is_traced; /* print every event */
};

/* Aborts when out of memory. */
struct world *world_new(const struct world_options *options);
void world_free(struct world *world);
/* One event. False once the time is over. */
bool world_step(struct world *world);

int64_t world_now(const struct world *world);  /* wall */
int64_t world_boot(const struct world *world); /* boot */
/* One line of the trace. */
void world_note(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_sometimes(struct world *world, enum sometimes what);
/* The first violation is kept. `format` begins with the invariant's name. */
void world_violate(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* 0 .. bound - 1 */
int64_t world_draw(struct world *world, int64_t bound);
bool world_chance(struct world *world, unsigned int percent);

/* --- daemon.c --- */
void sim_daemon_init(struct sim_daemon *daemon, struct world *world, unsigned int id);
void sim_daemon_start(struct sim_daemon *daemon);
void sim_daemon_crash(struct sim_daemon *daemon, int64_t restart_in_ms);
void sim_daemon_fini(struct sim_daemon *daemon);
/* Its wall clock is off by `skew_ms` for a while. */
void sim_daemon_set_clock_wrong(struct sim_daemon *daemon, int64_t skew_ms, int64_t repair_in_ms);
/* Now. A daemon that began with a clock ahead has to be restarted: its time never goes back. */
void sim_daemon_set_clock_right(struct sim_daemon *daemon);
/* Takes over what its rotator counted. */
void sim_daemon_count(struct sim_daemon *daemon);

/* --- stream.c: one watch, from a frontend to a daemon --- */
struct stream *stream_open(struct world *world, unsigned int frontend, unsigned int daemon);
/* The frontend's end is gone: it hears nothing more. */
void stream_leave(struct stream *stream);
/* The daemon's end is gone. The frontend learns of it, or not (a silent death). */
void stream_abandon_daemon(struct world *world, unsigned int daemon, bool is_silent);
/* A frontend's message goes up. */
void stream_send_up(struct stream *stream, const struct wire_watch_request *request);
void streams_free(struct world *world);

/* --- chaos.c --- */
void chaos_start(struct world *world);
void chaos_fini(struct world *world);
/* What kind of fault strikes[kind] counts. */
const char *chaos_name(size_t kind);
/* Ends every fault, for good. */
void chaos_end(struct world *world);

/* --- operator.c --- */
void operator_init(struct world *world);
void operator_fini(struct world *world);
/* The operator's next wish. */
void operator_rotate(struct world *world);
/* At `daemon`: the encrypting key, any key, or all. Needs no store. */
void operator_revoke(struct world *world, struct sim_daemon *daemon);

#endif
