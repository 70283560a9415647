/* SPDX-License-Identifier: Apache-2.0 */
#include "rotate/act_queue.h"

#include <assert.h>
#include <string.h>

bool act_queue_push(struct act_queue *queue, const struct act *act)
{
    if (queue->count == ROTATOR_ACTS_MAX) {
        return false;
    }
    queue->acts[queue->count++] = *act;
    return true;
}

struct act *act_queue_first(struct act_queue *queue)
{
    return queue->count == 0 ? NULL : &queue->acts[0];
}

static void remove_at(struct act_queue *queue, size_t index)
{
    queue->count--;
    memmove(&queue->acts[index], &queue->acts[index + 1],
            (queue->count - index) * sizeof(queue->acts[0]));
}

void act_queue_finish(struct act_queue *queue, enum err code, const char *why,
                      const struct change_result *result)
{
    assert(queue->count > 0);
    const struct act act = queue->acts[0];

    remove_at(queue, 0);
    if (act.done != NULL) {
        act.done(act.ctx, code, why, code == ERR_OK ? result : NULL);
    }
}

void act_queue_abandon(struct act_queue *queue, const void *ctx, bool is_first_under_way)
{
    for (size_t i = queue->count; i > 0; i--) {
        struct act *act = &queue->acts[i - 1];
        if (act->ctx != ctx) {
            continue;
        }
        if (i == 1 && is_first_under_way) {
            act->done = NULL;
        } else {
            remove_at(queue, i - 1);
        }
    }
}
