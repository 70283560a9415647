/* SPDX-License-Identifier: Apache-2.0 */
/* struct timers over a libevent loop. A timer may be freed inside its own callback. */
#ifndef STEKD_HOST_TIMERS_LIBEVENT_H
#define STEKD_HOST_TIMERS_LIBEVENT_H

#include "host/timers.h"

struct event_base;

/* `base` is borrowed: it must outlive every timer. */
struct timers timers_libevent_make(struct event_base *base);

#endif
