/* SPDX-License-Identifier: Apache-2.0 */
/* Time, counters, the driver's role and its reports: the words beside the rings. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "src/ringmap_layout.h"

/* --- the fleet's time ---------------------------------------------------------------------- */

/* What an earlier, wrong time dated is not fresher than now. */
static void clamp_as_of(struct ringmap *map, int64_t fleet_ms)
{
    for (size_t i = 0; i < map->realm_count; i++) {
        _Atomic uint64_t *word = &map->realms[i].as_of;
        if ((int64_t)layout_load(word) > fleet_ms) {
            layout_store(word, (uint64_t)fleet_ms);
        }
    }
}

void ringmap_set_time(struct ringmap *map, int64_t boot_ms, int64_t fleet_ms)
{
    struct layout_shared *shared = map->shared;
    const int64_t before = ringmap_now(map, boot_ms);
    const int64_t back = clock_between_ms(fleet_ms, before);
    /* A small correction backwards is waited out. A large one means that an earlier source was
     * wrong by minutes or years; to wait that out would be to stop for good. Nothing that was
     * dropped meanwhile returns: its bytes are gone. */
    const bool is_step = back > RINGMAP_WAIT_OUT_MS;
    const int64_t floor = is_step ? 0 : before;
    /* Before the time itself: killed in between, a ring is older than it says, not fresher. */
    if (is_step) {
        clamp_as_of(map, fleet_ms);
    }
    layout_store(&shared->floor_ms, (uint64_t)floor);
    /* After the floor: who sees the new offset sees the floor that goes with it. */
    layout_store(&shared->offset_ms, (uint64_t)clock_between_ms(boot_ms, fleet_ms));
}

int64_t ringmap_now(const struct ringmap *map, int64_t boot_ms)
{
    const uint64_t offset = layout_load(&map->shared->offset_ms);
    const int64_t floor = (int64_t)layout_load(&map->shared->floor_ms);
    if (offset == LAYOUT_NO_TIME) {
        return 0;
    }
    const int64_t now = clock_add_ms(boot_ms, (int64_t)offset);
    return now < floor ? floor : now;
}

/* --- counters -------------------------------------------------------------------------------- */

static _Atomic uint64_t *stripe_of(const struct ringmap *map, size_t realm, unsigned int stripe)
{
    assert(realm < map->realm_count);
    return map->realms[realm].stripes[stripe % RINGMAP_STRIPES];
}

void ringmap_count(struct ringmap *map, size_t realm, unsigned int stripe,
                   enum ringmap_counter counter)
{
    _Static_assert(LAYOUT_MAX_TRIES < LAYOUT_COUNTERS, "a stripe has room for every counter");
    (void)atomic_fetch_add_explicit(&stripe_of(map, realm, stripe)[counter], 1,
                                    memory_order_relaxed);
}

void ringmap_note_tries(struct ringmap *map, size_t realm, unsigned int stripe, unsigned int tries)
{
    _Atomic uint64_t *most = &stripe_of(map, realm, stripe)[LAYOUT_MAX_TRIES];
    uint64_t seen = atomic_load_explicit(most, memory_order_relaxed);
    while (tries > seen && !atomic_compare_exchange_weak_explicit(
                               most, &seen, tries, memory_order_relaxed, memory_order_relaxed)) {
    }
}

uint64_t ringmap_total(const struct ringmap *map, size_t realm, enum ringmap_counter counter)
{
    uint64_t total = 0;
    for (unsigned int i = 0; i < RINGMAP_STRIPES; i++) {
        total += atomic_load_explicit(&stripe_of(map, realm, i)[counter], memory_order_relaxed);
    }
    return total;
}

uint64_t ringmap_max_tries(const struct ringmap *map, size_t realm)
{
    uint64_t most = 0;
    for (unsigned int i = 0; i < RINGMAP_STRIPES; i++) {
        const uint64_t mine =
            atomic_load_explicit(&stripe_of(map, realm, i)[LAYOUT_MAX_TRIES], memory_order_relaxed);
        most = mine > most ? mine : most;
    }
    return most;
}

/* --- the driver's role ----------------------------------------------------------------------- */

#if defined(__SANITIZE_THREAD__)
#define LACKS_CLOCKLOCK 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LACKS_CLOCKLOCK 1
#endif
#endif

#ifdef LACKS_CLOCKLOCK
static bool is_past(const struct timespec *end)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

/* ThreadSanitizer (gcc 12, clang 14) knows neither pthread_mutex_clocklock() nor that a timed lock
 * may come with EOWNERDEAD, and takes the unlock for a mistake. Only there it is polled. */
static int lock_until(pthread_mutex_t *mutex, const struct timespec *end)
{
    const struct timespec step = {.tv_nsec = 1000000};
    int rc = pthread_mutex_trylock(mutex);
    while (rc == EBUSY && !is_past(end)) {
        (void)nanosleep(&step, NULL);
        rc = pthread_mutex_trylock(mutex);
    }
    return rc;
}
#else
static int lock_until(pthread_mutex_t *mutex, const struct timespec *end)
{
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, end);
}
#endif

bool ringmap_campaign(struct ringmap *map, int wait_ms)
{
    struct timespec end;
    if (clock_gettime(CLOCK_MONOTONIC, &end) != 0) {
        return false;
    }
    end.tv_sec += wait_ms / 1000;
    end.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    const int rc = lock_until(&map->shared->driver, &end);
    if (rc == EOWNERDEAD) {
        /* What a driver leaves behind is guarded by the writer mutex, which recovers by itself. */
        if (pthread_mutex_consistent(&map->shared->driver) != 0) {
            return false;
        }
    } else if (rc != 0) {
        return false;
    }
    layout_store(&map->shared->driver_pid, (uint64_t)getpid());
    return true;
}

void ringmap_resign(struct ringmap *map)
{
    layout_store(&map->shared->driver_pid, 0);
    (void)pthread_mutex_unlock(&map->shared->driver);
}

int64_t ringmap_driver_pid(const struct ringmap *map)
{
    const int64_t pid = (int64_t)layout_load(&map->shared->driver_pid);
    /* A killed driver could not take its number back. */
    if (pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH) {
        return 0;
    }
    return pid;
}

/* --- its reports ----------------------------------------------------------------------------- */

void ringmap_set_skew(struct ringmap *map, int64_t skew_ms)
{
    layout_store(&map->shared->skew_ms, (uint64_t)skew_ms);
}

int64_t ringmap_skew(const struct ringmap *map)
{
    return (int64_t)layout_load(&map->shared->skew_ms);
}

void ringmap_set_error(struct ringmap *map, size_t realm, const char *text)
{
    char line[LAYOUT_ERROR * LAYOUT_WORD] = {0};
    assert(realm < map->realm_count);
    memcpy(line, text, strnlen(text, sizeof(line) - 1));
    layout_store_bytes(map->realms[realm].error, line, LAYOUT_ERROR);
}

void ringmap_get_error(const struct ringmap *map, size_t realm, char *out, size_t cap)
{
    char line[LAYOUT_ERROR * LAYOUT_WORD];
    assert(realm < map->realm_count && cap > 0);
    layout_load_bytes(line, map->realms[realm].error, LAYOUT_ERROR);
    line[sizeof(line) - 1] = '\0';
    const size_t len = strnlen(line, cap - 1);
    memcpy(out, line, len);
    out[len] = '\0';
}
