/* SPDX-License-Identifier: Apache-2.0 */
#include "replica/listeners.h"

enum err listeners_add(struct listeners *listeners, const struct replica_events *events)
{
    if (listeners->count == LISTENERS_MAX) {
        return ERR_LIMIT;
    }
    listeners->at[listeners->count++] = *events;
    return ERR_OK;
}

void listeners_remove(struct listeners *listeners, const void *ctx)
{
    size_t kept = 0;

    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->at[i].ctx != ctx) {
            listeners->at[kept++] = listeners->at[i];
        }
    }
    listeners->count = kept;
}

void listeners_tell_changed(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->at[i].on_changed != NULL) {
            listeners->at[i].on_changed(listeners->at[i].ctx);
        }
    }
}

void listeners_tell_loaded(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->at[i].on_loaded != NULL) {
            listeners->at[i].on_loaded(listeners->at[i].ctx);
        }
    }
}
