/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/sound_clock.h"

#include <inttypes.h>

void sound_clock_init(struct sound_clock *sound, const struct clock *clock)
{
    *sound = (struct sound_clock){.clock = clock, .trusts_wall = true};
    sound->wall = clock_wall_ms(clock);
    sound->boot = clock_boot_ms(clock);
    sound->now = sound->wall;
}

int64_t sound_clock_now(struct sound_clock *sound)
{
    int64_t wall = clock_wall_ms(sound->clock);
    int64_t boot = clock_boot_ms(sound->clock);
    int64_t passed = boot - sound->boot;
    int64_t jump = (wall - sound->wall) - passed;

    if (jump > SOUND_CLOCK_SLACK_MS || jump < -SOUND_CLOCK_SLACK_MS) {
        sound->jumps++;
        sound->trusts_wall = false;
        sound->is_suspect = true;
        errbuf_set(&sound->problem,
                   "the system clock jumped by %" PRId64 " ms; nothing is created or dropped until "
                   "it agrees with the store's",
                   jump);
    }
    int64_t candidate = sound->trusts_wall ? wall : sound->now + passed;
    sound->wall = wall;
    sound->boot = boot;
    sound->now = candidate > sound->now ? candidate : sound->now;
    return sound->now;
}

struct sound_clock_mark sound_clock_mark(struct sound_clock *sound)
{
    struct sound_clock_mark mark = {.now = sound_clock_now(sound)};

    mark.jumps = sound->jumps;
    return mark;
}

/* How far `theirs` is outside [earliest, latest]: negative when it is behind, 0 inside. */
static int64_t distance(int64_t theirs, int64_t earliest, int64_t latest)
{
    if (theirs < earliest) {
        return theirs - earliest;
    }
    return theirs > latest ? theirs - latest : 0;
}

static bool is_near(int64_t away)
{
    return away <= SOUND_CLOCK_SLACK_MS && away >= -SOUND_CLOCK_SLACK_MS;
}

void sound_clock_compare(struct sound_clock *sound, const struct sound_clock_mark *sent,
                         int64_t store_time_ms)
{
    int64_t now = sound_clock_now(sound);
    int64_t waited = now - sent->now;

    if (sound->jumps != sent->jumps) {
        return; /* what the interval was nobody knows: the next answer decides */
    }
    if (!sound->trusts_wall &&
        is_near(distance(store_time_ms, sound->wall - waited, sound->wall))) {
        sound->trusts_wall = true;
        now = sound_clock_now(sound);
    }
    sound->store_offset = store_time_ms - (now - waited / 2);
    int64_t away = distance(store_time_ms, now - waited, now);
    sound->is_suspect = !sound->trusts_wall || !is_near(away);
    if (!sound->is_suspect) {
        sound->problem.text[0] = '\0';
    } else if (is_near(distance(store_time_ms, sound->wall - waited, sound->wall))) {
        errbuf_set(&sound->problem,
                   "this daemon began with a clock %" PRId64
                   " ms ahead of the store's; the clock is "
                   "right now, but a daemon's time never goes back: restart it",
                   -away);
    } else if (!is_near(away)) {
        errbuf_set(&sound->problem,
                   "this daemon's clock is %" PRId64 " ms %s the store's; nothing is created or "
                   "dropped until they agree",
                   away < 0 ? -away : away, away < 0 ? "ahead of" : "behind");
    }
}
