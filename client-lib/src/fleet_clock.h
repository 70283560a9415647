/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fleet's time as a frontend estimates it: the boot clock plus an offset learnt from daemons.
 * Pure: every reading is an argument.
 *
 * An answer that carries server time S, asked for at boot time A and heard at B, says that the
 * offset lies in [S - B, S - A] (Cristian): the middle, give or take half the round trip.
 *
 * A heartbeat was not asked for, so A is unknown: it was under way for any time >= 0, and S - B is
 * only a lower bound. A bound above the estimate pushes it forward at once. For the other
 * direction (our boot clock runs fast) the least delayed of FLEET_CLOCK_WINDOW heartbeats in a row
 * is taken to have been under way for at most FLEET_CLOCK_TRANSIT_MS; a wrong guess there moves
 * the estimate by at most FLEET_CLOCK_TRUST_MS, and the next prompt heartbeat pushes it forward
 * again.
 *
 * R10: a suspect daemon's time is ignored. The first contact is taken. Afterwards an answer whose
 * offset differs by more than FLEET_CLOCK_TRUST_MS + RTT/2 is a *dissent* and is ignored, unless a
 * second daemon has dissented to the same effect within FLEET_CLOCK_DISSENT_MS. A frontend that
 * reaches one daemon only (it knows no other, or the others are dead) has no second one to ask, and
 * would stay wrong for ever if that daemon's clock was set right: a daemon is believed alone when
 * it has dissented to the same effect for FLEET_CLOCK_INSIST_MS with nothing to the contrary in
 * between. Another daemon that can be reached is heard in between, since a dissent makes us leave
 * for the next one (pilot.c); and whatever it says, short of the same, takes the dissent's place.
 *
 * The estimate may be corrected backwards; that nobody's now decreases is ringmap_set_time()'s
 * business, because it must hold over all processes.
 */
#ifndef STEK_SRC_FLEET_CLOCK_H
#define STEK_SRC_FLEET_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLEET_CLOCK_TRUST_MS   INT64_C(2000)
#define FLEET_CLOCK_TRANSIT_MS INT64_C(250)
#define FLEET_CLOCK_WINDOW     8
#define FLEET_CLOCK_DISSENT_MS INT64_C(600000)
#define FLEET_CLOCK_INSIST_MS  INT64_C(60000)

/* The offset a dissenting daemon would have, and how far off that may be. */
struct fleet_clock_dissent {
    bool is_held;
    size_t daemon;
    int64_t offset_ms;
    int64_t error_ms;
    int64_t first_boot_ms; /* when it began to say so */
    int64_t last_boot_ms;
};

struct fleet_clock {
    bool has_time;
    int64_t offset_ms; /* fleet time - boot clock */
    int64_t error_ms;  /* half the round trip of the best answer since it was last set */
    struct fleet_clock_dissent dissent;
    size_t beat_daemon; /* whose heartbeats are in the window */
    size_t beats;
    int64_t best_beat_ms; /* the greatest lower bound in the window */
};

enum fleet_clock_verdict {
    FLEET_CLOCK_TAKEN,   /* it agrees, or it has become the estimate */
    FLEET_CLOCK_SUSPECT, /* ignored: the daemon distrusts its own clock */
    FLEET_CLOCK_DISSENT, /* ignored: too far away; ask another daemon */
};

void fleet_clock_init(struct fleet_clock *clock);
/* Time known from elsewhere (the driver before us): counts as the first contact. */
void fleet_clock_import(struct fleet_clock *clock, int64_t boot_ms, int64_t fleet_ms);

/* An answer of `daemon` (an endpoint's index), asked for at `asked_ms` and heard at `heard_ms`,
 * both of the boot clock. */
enum fleet_clock_verdict fleet_clock_answer(struct fleet_clock *clock, size_t daemon,
                                            int64_t asked_ms, int64_t heard_ms,
                                            int64_t server_time_ms, bool is_suspect);
/* A heartbeat of `daemon`, heard at `heard_ms`. Never a first contact. */
enum fleet_clock_verdict fleet_clock_heartbeat(struct fleet_clock *clock, size_t daemon,
                                               int64_t heard_ms, int64_t server_time_ms,
                                               bool is_suspect);

/* 0 before the first contact. */
int64_t fleet_clock_now(const struct fleet_clock *clock, int64_t boot_ms);

#endif
