/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear of which realm: one watcher a realm. For implementations of store.h. */
#ifndef STEKD_STORE_HINT_LIST_H
#define STEKD_STORE_HINT_LIST_H

#include <stdbool.h>

#include "base/err.h"
#include "store/store.h"

struct hint_watcher;

/* Starts as {0}. */
struct hint_list {
    struct hint_watcher *first; /* owned */
};

/* NULL for `changed` stops it. ERR_NOMEM. */
enum err hint_list_watch(struct hint_list *list, const char *realm, store_changed_fn changed,
                         void *ctx) MUST_USE;
/* The realm (NULL: each) has changed. */
void hint_list_mark(struct hint_list *list, const char *realm);
/* Tells whose realm is marked, until `*is_closed`, which a watcher may bring about; the list must
 * stay until this returns. */
void hint_list_give(struct hint_list *list, const bool *is_closed);
void hint_list_fini(struct hint_list *list);

#endif
