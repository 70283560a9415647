/* SPDX-License-Identifier: Apache-2.0 */
/* Operators' acts that wait for the store, first come first served, each with a deadline. */
#ifndef STEKD_ROTATE_ACT_QUEUE_H
#define STEKD_ROTATE_ACT_QUEUE_H

#include "rotate/rotator.h"

enum act_kind { ACT_ROTATE, ACT_REKEY };

struct act {
    enum act_kind kind;
    uint8_t retire[KEY_NAME_LEN]; /* ACT_ROTATE */
    rotator_done_fn done;         /* NULL: nobody waits for the answer any more */
    void *ctx;
    int64_t deadline_ms; /* boot clock */
    bool was_tried;      /* put once; whether that put happened is not known */
    struct change_result tried;
};

struct act_queue {
    struct act acts[ROTATOR_ACTS_MAX];
    size_t count;
};

/* False when full. */
bool act_queue_push(struct act_queue *queue, const struct act *act);
/* NULL when empty. */
struct act *act_queue_first(struct act_queue *queue);
/* Takes the first act off, then tells its caller. `result` counts only with ERR_OK. */
void act_queue_finish(struct act_queue *queue, enum err code, const char *why,
                      const struct change_result *result);
/* Takes the act of `ctx` off without telling anybody; if it is the first and `is_first_under_way`,
 * it stays and is only silenced. */
void act_queue_abandon(struct act_queue *queue, const void *ctx, bool is_first_under_way);

#endif
