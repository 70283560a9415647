/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded store: one process, nothing survives it. For trying stekd and for tests. Records
 * lie in secret memory; the store's time is the clock it was given.
 */
#ifndef STEKD_STORE_STORE_MEMORY_H
#define STEKD_STORE_STORE_MEMORY_H

#include "base/clock.h"
#include "base/err.h"
#include "host/timers.h"
#include "store/store.h"

/* `clock` and `timers` are borrowed until store_close(). ERR_NOMEM. */
enum err store_memory_new(const struct clock *clock, const struct timers *timers,
                          struct store **out_store) MUST_USE;

#endif
