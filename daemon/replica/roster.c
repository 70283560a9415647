/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define FIRST_CAPACITY 8

void roster_fill_info(struct watcher_info *info, const struct wire_watch_open *open,
                      const char *identity, int64_t now)
{
    (void)snprintf(info->identity, sizeof(info->identity), "%s", identity);
    memcpy(info->frontend, open->frontend, sizeof(info->frontend));
    memcpy(info->library_version, open->library_version, sizeof(info->library_version));
    info->since = now;
    info->last_heard = now;
    info->has_installed = open->has_digest;
    if (open->has_digest) {
        memcpy(info->installed, open->digest, DIGEST_LEN);
        info->installed_at = now;
    }
}

void roster_fini(struct roster *roster)
{
    free(roster->at);
    *roster = (struct roster){0};
}

static void remove_at(struct roster *roster, size_t index)
{
    roster->count--;
    memmove(&roster->at[index], &roster->at[index + 1],
            (roster->count - index) * sizeof(roster->at[0]));
}

static bool make_room(struct roster *roster)
{
    if (roster->count == ROSTER_MAX) {
        remove_at(roster, 0);
        roster->lost++;
    }
    if (roster->count < roster->capacity) {
        return true;
    }
    size_t capacity = roster->capacity == 0 ? FIRST_CAPACITY : 2 * roster->capacity;
    struct roster_entry *grown = realloc(roster->at, capacity * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    roster->at = grown;
    roster->capacity = capacity;
    return true;
}

void roster_put(struct roster *roster, const struct roster_entry *entry)
{
    if (make_room(roster)) {
        roster->at[roster->count++] = *entry;
    } else {
        roster->lost++;
    }
}

bool roster_strike(struct roster *roster, const char *frontend, const char *identity)
{
    for (size_t i = 0; i < roster->count; i++) {
        const struct watcher_info *info = &roster->at[i].info;
        if (strcmp(info->frontend, frontend) == 0 && strcmp(info->identity, identity) == 0) {
            remove_at(roster, i);
            return true;
        }
    }
    return false;
}

void roster_forget(struct roster *roster, int64_t now)
{
    for (size_t i = roster->count; i > 0; i--) {
        if (roster->at[i - 1].forget_at <= now) {
            remove_at(roster, i - 1);
        }
    }
}

int64_t roster_forget_at(const struct keyring *ring, int64_t max_offline_ms, int64_t now)
{
    int64_t last = 0;

    for (size_t i = 0; i < ring->count; i++) {
        last = ring->keys[i].forgotten_from > last ? ring->keys[i].forgotten_from : last;
    }
    int64_t offline = max_offline_ms == 0 ? INT64_MAX : clock_add_ms(now, max_offline_ms);
    return offline < last ? offline : last;
}
