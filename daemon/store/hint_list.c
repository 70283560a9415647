/* SPDX-License-Identifier: Apache-2.0 */
#include "store/hint_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct hint_watcher {
    struct hint_watcher *next;
    char realm[REALM_NAME_MAX + 1];
    store_changed_fn changed; /* NULL: nobody watches any more */
    void *ctx;
    bool is_due;
};

static struct hint_watcher *add(struct hint_list *list, const char *realm)
{
    struct hint_watcher *watcher = calloc(1, sizeof(*watcher));

    if (watcher == NULL || text_copy(watcher->realm, sizeof(watcher->realm), realm) != ERR_OK) {
        free(watcher);
        return NULL;
    }
    watcher->next = list->first;
    list->first = watcher;
    return watcher;
}

enum err hint_list_watch(struct hint_list *list, const char *realm, store_changed_fn changed,
                         void *ctx)
{
    struct hint_watcher *watcher = list->first;

    while (watcher != NULL && strcmp(watcher->realm, realm) != 0) {
        watcher = watcher->next;
    }
    if (watcher == NULL && changed == NULL) {
        return ERR_OK;
    }
    if (watcher == NULL) {
        watcher = add(list, realm);
    }
    if (watcher == NULL) {
        return ERR_NOMEM;
    }
    watcher->changed = changed;
    watcher->ctx = ctx;
    watcher->is_due = false;
    return ERR_OK;
}

void hint_list_mark(struct hint_list *list, const char *realm)
{
    for (struct hint_watcher *at = list->first; at != NULL; at = at->next) {
        if (at->changed != NULL && (realm == NULL || strcmp(at->realm, realm) == 0)) {
            at->is_due = true;
        }
    }
}

void hint_list_give(struct hint_list *list, const bool *is_closed)
{
    for (struct hint_watcher *at = list->first; at != NULL && !*is_closed; at = at->next) {
        if (at->is_due) {
            at->is_due = false;
            at->changed(at->ctx, at->realm);
        }
    }
}

void hint_list_fini(struct hint_list *list)
{
    while (list->first != NULL) {
        struct hint_watcher *watcher = list->first;
        list->first = watcher->next;
        free(watcher);
    }
}
