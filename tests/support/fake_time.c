/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_time.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define NOT_ARMED  SIZE_MAX
#define HEAP_FIRST ((size_t)64) /* timers; more than a test of failing memory has */

struct timer {
    timer_fn fire;
    void *arg;
    int64_t at;     /* boot ms */
    uint64_t order; /* of arming: breaks ties */
    size_t place;   /* in the heap, or NOT_ARMED */
};

struct fake_time {
    struct timers timers;
    struct clock clock;
    int64_t boot;
    int64_t wall_offset;
    uint64_t order;
    struct timer **heap; /* owned array of borrowed timers; the earliest first */
    size_t armed;
    size_t capacity;
    size_t timer_count;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        abort();
    }
    return memory;
}

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_set(struct fake_time *time, size_t place, struct timer *timer)
{
    time->heap[place] = timer;
    timer->place = place;
}

static void heap_rise(struct fake_time *time, struct timer *timer, size_t place)
{
    while (place > 0 && is_before(timer, time->heap[(place - 1) / 2])) {
        heap_set(time, place, time->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    heap_set(time, place, timer);
}

static void heap_sink(struct fake_time *time, struct timer *timer, size_t place)
{
    for (size_t child = 2 * place + 1; child < time->armed; child = 2 * place + 1) {
        if (child + 1 < time->armed && is_before(time->heap[child + 1], time->heap[child])) {
            child++;
        }
        if (!is_before(time->heap[child], timer)) {
            break;
        }
        heap_set(time, place, time->heap[child]);
        place = child;
    }
    heap_set(time, place, timer);
}

static struct timer *time_create(void *ctx, timer_fn fire, void *arg)
{
    struct fake_time *time = ctx;
    struct timer *timer = calloc(1, sizeof(*timer));

    if (timer == NULL) { /* as real ones may */
        return NULL;
    }

    timer->fire = fire;
    timer->arg = arg;
    timer->place = NOT_ARMED;
    time->timer_count++;
    return timer;
}

static void time_disarm(void *ctx, struct timer *timer)
{
    struct fake_time *time = ctx;
    size_t place = timer->place;

    if (place == NOT_ARMED) {
        return;
    }
    timer->place = NOT_ARMED;
    time->armed--;
    if (place == time->armed) {
        return;
    }
    struct timer *last = time->heap[time->armed];
    if (place > 0 && is_before(last, time->heap[(place - 1) / 2])) {
        heap_rise(time, last, place);
    } else {
        heap_sink(time, last, place);
    }
}

static void time_arm(void *ctx, struct timer *timer, int64_t delay_ms)
{
    struct fake_time *time = ctx;

    assert(delay_ms >= 0);
    time_disarm(time, timer);
    if (time->armed == time->capacity) {
        time->capacity *= 2;
        time->heap = must(reallocarray(time->heap, time->capacity, sizeof(struct timer *)));
    }
    timer->at = delay_ms > INT64_MAX - time->boot ? INT64_MAX : time->boot + delay_ms;
    timer->order = time->order++;
    time->armed++;
    heap_rise(time, timer, time->armed - 1);
}

static void time_destroy(void *ctx, struct timer *timer)
{
    struct fake_time *time = ctx;

    if (timer == NULL) {
        return;
    }
    time_disarm(time, timer);
    time->timer_count--;
    free(timer);
}

static int64_t time_wall_ms(void *ctx)
{
    return fake_time_wall(ctx);
}

static int64_t time_boot_ms(void *ctx)
{
    return fake_time_boot(ctx);
}

struct fake_time *fake_time_new(void)
{
    struct fake_time *time = must(calloc(1, sizeof(*time)));

    time->timers = (struct timers){time_create, time_arm, time_disarm, time_destroy, time};
    time->clock = (struct clock){time_wall_ms, time_boot_ms, time};
    time->boot = 1000000;
    time->wall_offset = FAKE_TIME_START - time->boot;
    time->capacity = HEAP_FIRST;
    time->heap = must(reallocarray(NULL, HEAP_FIRST, sizeof(struct timer *)));
    return time;
}

void fake_time_free(struct fake_time *time)
{
    if (time == NULL) {
        return;
    }
    assert(time->timer_count == 0);
    free(time->heap);
    free(time);
}

const struct timers *fake_time_timers(struct fake_time *time)
{
    return &time->timers;
}

const struct clock *fake_time_clock(struct fake_time *time)
{
    return &time->clock;
}

int64_t fake_time_wall(const struct fake_time *time)
{
    return time->boot + time->wall_offset;
}

int64_t fake_time_boot(const struct fake_time *time)
{
    return time->boot;
}

void fake_time_jump_wall(struct fake_time *time, int64_t by_ms)
{
    time->wall_offset += by_ms;
}

int64_t fake_time_next(const struct fake_time *time)
{
    return time->armed == 0 ? INT64_MAX : time->heap[0]->at;
}

bool fake_time_step(struct fake_time *time, int64_t until_boot)
{
    if (fake_time_next(time) > until_boot || time->armed == 0) {
        time->boot = until_boot > time->boot ? until_boot : time->boot;
        return false;
    }
    struct timer *timer = time->heap[0];
    time->boot = timer->at > time->boot ? timer->at : time->boot;
    time_disarm(time, timer);
    timer->fire(timer->arg);
    return true;
}

void fake_time_run(struct fake_time *time, int64_t ms)
{
    int64_t until = time->boot + ms;

    while (fake_time_step(time, until)) {
    }
}

size_t fake_time_timer_count(const struct fake_time *time)
{
    return time->timer_count;
}

static int64_t skewed_wall_ms(void *ctx)
{
    const struct fake_clock *skewed = ctx;

    return fake_time_wall(skewed->time) + skewed->skew_ms;
}

static int64_t skewed_boot_ms(void *ctx)
{
    const struct fake_clock *skewed = ctx;

    return fake_time_boot(skewed->time);
}

void fake_clock_init(struct fake_clock *skewed, struct fake_time *time, int64_t skew_ms)
{
    skewed->clock = (struct clock){skewed_wall_ms, skewed_boot_ms, skewed};
    skewed->time = time;
    skewed->skew_ms = skew_ms;
}

static enum err random_fill_seeded(void *ctx, uint8_t *out, size_t len)
{
    struct fake_random *random = ctx;

    if (random->is_broken) {
        secret_wipe(out, len);
        return ERR_CRYPTO;
    }
    for (size_t done = 0; done < len; done += sizeof(uint64_t)) {
        uint64_t word = fake_random_next(random);
        memcpy(out + done, &word, len - done < sizeof(word) ? len - done : sizeof(word));
    }
    return ERR_OK;
}

void fake_random_init(struct fake_random *random, uint64_t seed)
{
    random->source = (struct random_source){random_fill_seeded, random};
    random->state = seed;
    random->is_broken = false;
}

uint64_t fake_random_next(struct fake_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t fake_random_below(struct fake_random *random, uint64_t bound)
{
    assert(bound > 0);
    return fake_random_next(random) % bound;
}

bool fake_random_chance(struct fake_random *random, unsigned int percent)
{
    return fake_random_below(random, 100) < percent;
}
