/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ring_view.h"

#include <stdlib.h>
#include <string.h>

static struct ring_view_key key_of(const struct key *key)
{
    struct ring_view_key seen = {
        .published_at = key->published_at,
        .active_from = key->active_from,
        .retired_from = key->retired_from,
        .dropped_from = key->dropped_from,
        .revoked = key->revoked,
        .has_bytes = key->has_bytes,
    };

    memcpy(seen.name, key->name, KEY_NAME_LEN);
    return seen;
}

enum err ring_view_take(struct ring_view *view, const struct keyring *ring, int64_t now)
{
    struct ring_view taken = {.count = ring->count};
    const struct key *encrypting = keyring_pick(ring, now);

    /* One more than needed: an empty ring is no allocation failure. */
    taken.keys = calloc(ring->count + 1, sizeof(*taken.keys));
    if (taken.keys == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < ring->count; i++) {
        taken.keys[i] = key_of(&ring->keys[i]);
    }
    if (encrypting != NULL) {
        taken.has_encrypting = true;
        memcpy(taken.encrypting, encrypting->name, KEY_NAME_LEN);
    }
    ring_view_fini(view);
    *view = taken;
    return ERR_OK;
}

void ring_view_fini(struct ring_view *view)
{
    free(view->keys);
    *view = (struct ring_view){0};
}

static int64_t sooner(int64_t next, int64_t date, int64_t now)
{
    return date > now && date < next ? date : next;
}

int64_t ring_view_next_date(const struct ring_view *view, int64_t now)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < view->count; i++) {
        const struct ring_view_key *key = &view->keys[i];
        if (key->has_bytes && !key->revoked) {
            next = sooner(next, key->active_from, now);
            next = sooner(next, key->retired_from, now);
            next = sooner(next, key->dropped_from, now);
        }
    }
    return next;
}

static bool is_shortened(const struct ring_view_key *was, const struct ring_view_key *is)
{
    return is->retired_from - is->active_from < was->retired_from - was->active_from ||
           is->dropped_from - is->active_from < was->dropped_from - was->active_from;
}

static void compare_key(const struct ring_view_key *was, const struct ring_view_key *is,
                        ring_event_fn *tell, void *ctx)
{
    bool had_bytes = was != NULL && was->has_bytes;

    if (is != NULL && is->revoked) {
        /* Its bytes and its dates matter no more. */
        if (was == NULL || !was->revoked) {
            tell(ctx, RING_KEY_REVOKED, was, is);
        }
        return;
    }
    if (is == NULL || !is->has_bytes) {
        if (had_bytes) {
            tell(ctx, RING_KEY_DROPPED, was, is);
        }
        return;
    }
    if (was == NULL) {
        tell(ctx, RING_KEY_PUBLISHED, was, is);
        return;
    }
    if (is->active_from < was->active_from) {
        tell(ctx, RING_KEY_PROMOTED, was, is);
    }
    if (is_shortened(was, is)) {
        tell(ctx, RING_KEY_SHORTENED, was, is);
    }
}

static const struct ring_view_key *find_encrypting(const struct ring_view *view)
{
    for (size_t i = 0; view->has_encrypting && i < view->count; i++) {
        if (memcmp(view->keys[i].name, view->encrypting, KEY_NAME_LEN) == 0) {
            return &view->keys[i];
        }
    }
    return NULL;
}

static void compare_encrypting(const struct ring_view *before, const struct ring_view *after,
                               ring_event_fn *tell, void *ctx)
{
    const struct ring_view_key *was = find_encrypting(before);
    const struct ring_view_key *is = find_encrypting(after);

    if (is == NULL && was != NULL) {
        tell(ctx, RING_NONE_ENCRYPTS, was, NULL);
    } else if (is != NULL && (was == NULL || memcmp(was->name, is->name, KEY_NAME_LEN) != 0)) {
        tell(ctx, RING_KEY_ENCRYPTS, was, is);
    }
}

void ring_view_compare(const struct ring_view *before, const struct ring_view *after,
                       ring_event_fn *tell, void *ctx)
{
    size_t b = 0;
    size_t a = 0;

    while (b < before->count || a < after->count) {
        const struct ring_view_key *was = b < before->count ? &before->keys[b] : NULL;
        const struct ring_view_key *is = a < after->count ? &after->keys[a] : NULL;
        int order = 0;
        if (was == NULL || is == NULL) {
            order = was == NULL ? 1 : -1;
        } else {
            order = memcmp(was->name, is->name, KEY_NAME_LEN);
        }
        was = order <= 0 ? was : NULL;
        is = order >= 0 ? is : NULL;
        b += was != NULL ? 1 : 0;
        a += is != NULL ? 1 : 0;
        compare_key(was, is, tell, ctx);
    }
    compare_encrypting(before, after, tell, ctx);
}
