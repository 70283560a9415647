/* SPDX-License-Identifier: Apache-2.0 */
#include "src/fleet_clock.h"

#include "base/clock.h"

/* What one answer says: the offset lies within `error_ms` of `offset_ms`. */
struct opinion {
    size_t daemon;
    int64_t heard_ms;
    int64_t offset_ms;
    int64_t error_ms;
};

void fleet_clock_init(struct fleet_clock *clock)
{
    *clock = (struct fleet_clock){0};
}

static void set_offset(struct fleet_clock *clock, int64_t offset_ms, int64_t error_ms)
{
    clock->has_time = true;
    clock->offset_ms = offset_ms;
    clock->error_ms = error_ms;
    clock->dissent = (struct fleet_clock_dissent){0};
    clock->beats = 0;
}

void fleet_clock_import(struct fleet_clock *clock, int64_t boot_ms, int64_t fleet_ms)
{
    set_offset(clock, clock_between_ms(boot_ms, fleet_ms), FLEET_CLOCK_TRANSIT_MS);
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? clock_between_ms(b, a) : clock_between_ms(a, b);
}

/* The better of two consistent opinions wins; else the estimate moves just into the bounds. */
static void refine(struct fleet_clock *clock, const struct opinion *opinion)
{
    const int64_t low = clock_add_ms(opinion->offset_ms, -opinion->error_ms);
    const int64_t high = clock_add_ms(opinion->offset_ms, opinion->error_ms);
    if (opinion->error_ms <= clock->error_ms) {
        clock->offset_ms = opinion->offset_ms;
        clock->error_ms = opinion->error_ms;
    } else if (clock->offset_ms < low) {
        clock->offset_ms = low;
    } else if (clock->offset_ms > high) {
        clock->offset_ms = high;
    }
    clock->dissent = (struct fleet_clock_dissent){0};
}

static bool dissents_agree(const struct fleet_clock_dissent *held, const struct opinion *opinion)
{
    const int64_t slack = clock_add_ms(held->error_ms, opinion->error_ms);
    return held->is_held &&
           distance(held->offset_ms, opinion->offset_ms) <=
               clock_add_ms(FLEET_CLOCK_TRUST_MS, slack) &&
           clock_between_ms(held->last_boot_ms, opinion->heard_ms) <= FLEET_CLOCK_DISSENT_MS;
}

/* Too far from the estimate: believe it, or remember who said it. */
static enum fleet_clock_verdict weigh_dissent(struct fleet_clock *clock,
                                              const struct opinion *opinion)
{
    struct fleet_clock_dissent *held = &clock->dissent;
    const bool agree = dissents_agree(held, opinion);
    const int64_t lasts_ms = clock_between_ms(held->first_boot_ms, opinion->heard_ms);
    if (agree && (held->daemon != opinion->daemon || lasts_ms >= FLEET_CLOCK_INSIST_MS)) {
        set_offset(clock, opinion->offset_ms, opinion->error_ms);
        return FLEET_CLOCK_TAKEN;
    }
    *held = (struct fleet_clock_dissent){
        .is_held = true,
        .daemon = opinion->daemon,
        .offset_ms = opinion->offset_ms,
        .error_ms = opinion->error_ms,
        .first_boot_ms = agree ? held->first_boot_ms : opinion->heard_ms,
        .last_boot_ms = opinion->heard_ms,
    };
    return FLEET_CLOCK_DISSENT;
}

static enum fleet_clock_verdict weigh(struct fleet_clock *clock, const struct opinion *opinion)
{
    const int64_t limit = clock_add_ms(FLEET_CLOCK_TRUST_MS, opinion->error_ms);
    if (distance(clock->offset_ms, opinion->offset_ms) > limit) {
        return weigh_dissent(clock, opinion);
    }
    refine(clock, opinion);
    return FLEET_CLOCK_TAKEN;
}

enum fleet_clock_verdict fleet_clock_answer(struct fleet_clock *clock, size_t daemon,
                                            int64_t asked_ms, int64_t heard_ms,
                                            int64_t server_time_ms, bool is_suspect)
{
    const int64_t rtt = clock_between_ms(asked_ms, heard_ms);
    const int64_t lower = clock_between_ms(heard_ms, server_time_ms);
    const int64_t error = (rtt > 0 ? rtt : 0) / 2;
    const struct opinion opinion = {daemon, heard_ms, clock_add_ms(lower, error), error};
    if (is_suspect) {
        return FLEET_CLOCK_SUSPECT;
    }
    if (!clock->has_time) {
        set_offset(clock, opinion.offset_ms, opinion.error_ms);
        return FLEET_CLOCK_TAKEN;
    }
    return weigh(clock, &opinion);
}

/* Adds a lower bound to the window. True when the window is full; it is then empty again. */
static bool note_beat(struct fleet_clock *clock, size_t daemon, int64_t lower)
{
    if (clock->beats == 0 || clock->beat_daemon != daemon) {
        clock->beats = 0;
        clock->beat_daemon = daemon;
        clock->best_beat_ms = lower;
    }
    clock->best_beat_ms = lower > clock->best_beat_ms ? lower : clock->best_beat_ms;
    clock->beats++;
    if (clock->beats < FLEET_CLOCK_WINDOW) {
        return false;
    }
    clock->beats = 0;
    return true;
}

enum fleet_clock_verdict fleet_clock_heartbeat(struct fleet_clock *clock, size_t daemon,
                                               int64_t heard_ms, int64_t server_time_ms,
                                               bool is_suspect)
{
    const int64_t lower = clock_between_ms(heard_ms, server_time_ms);
    const int64_t half = FLEET_CLOCK_TRANSIT_MS / 2;
    if (is_suspect || !clock->has_time) {
        return FLEET_CLOCK_SUSPECT;
    }
    if (clock_between_ms(clock->offset_ms, lower) > FLEET_CLOCK_TRUST_MS) {
        const struct opinion ahead = {daemon, heard_ms, clock_add_ms(lower, half), half};
        return weigh_dissent(clock, &ahead);
    }
    if (lower > clock->offset_ms) {
        clock->offset_ms = lower;
    }
    if (note_beat(clock, daemon, lower)) {
        const struct opinion best = {daemon, heard_ms, clock_add_ms(clock->best_beat_ms, half),
                                     half};
        return weigh(clock, &best);
    }
    return FLEET_CLOCK_TAKEN;
}

int64_t fleet_clock_now(const struct fleet_clock *clock, int64_t boot_ms)
{
    return clock->has_time ? clock_add_ms(boot_ms, clock->offset_ms) : 0;
}
