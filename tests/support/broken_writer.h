/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a mapping's writer mutex unusable: a test then sees by an error who asks for it, instead of
 * waiting for ever as behind a writer that is stopped. */
#ifndef STEK_TESTS_SUPPORT_BROKEN_WRITER_H
#define STEK_TESTS_SUPPORT_BROKEN_WRITER_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "src/ringmap_layout.h"

static inline void *broken_writer_die(void *mutex)
{
    return pthread_mutex_lock(mutex) == 0 ? mutex : NULL;
}

/* A thread dies with it, and the next one does not clean up. */
static inline void broken_writer_make(struct ringmap *map)
{
    pthread_mutex_t *writer = &map->shared->writer;
    pthread_t thread;
    void *locked = NULL;

    if (pthread_create(&thread, NULL, broken_writer_die, writer) != 0 ||
        pthread_join(thread, &locked) != 0 || locked == NULL ||
        pthread_mutex_lock(writer) != EOWNERDEAD || pthread_mutex_unlock(writer) != 0 ||
        pthread_mutex_lock(writer) != ENOTRECOVERABLE) {
        abort();
    }
}

#endif
