/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that stands for the driver's role and, elected, steps a pilot. All signals are blocked
 * in it; its name is "stek".
 *
 *   standing by --(the role is free, or its holder died)--> driving --(stop)--> ended
 */
#ifndef STEK_SRC_DRIVER_H
#define STEK_SRC_DRIVER_H

#include "base/err.h"
#include "src/pilot.h"

struct driver;

/* `config` is copied, what it points to borrowed until driver_stop(). Its seed is replaced.
 * ERR_IO: the system refused a pipe or a thread. ERR_NOMEM. */
enum err driver_start(const struct pilot_config *config, struct driver **out_driver) MUST_USE;

/* Ends and joins the thread (under a second), frees. NULL allowed. */
void driver_stop(struct driver *driver);

/* In a forked child, where the thread does not exist: closes the descriptors that were inherited
 * with it, if they still are what they were, frees, and leaves the parent's thread alone. NULL
 * allowed. */
void driver_forget(struct driver *driver);

#endif
