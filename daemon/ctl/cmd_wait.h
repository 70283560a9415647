/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stekctl wait REALM --converged: until the store holds what the daemon holds, every frontend
 * connected to it has installed that, and every revocation has reached those that left, too.
 *
 * A daemon that does not answer may be starting: it is asked again. Ends with 0; with 4 when it
 * answers and the time is over, naming who lacks what; with 3 when it does not answer.
 */
#ifndef STEKD_CTL_CMD_WAIT_H
#define STEKD_CTL_CMD_WAIT_H

#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

/* `list` is the answer for one realm. */
bool cmd_wait_is_converged(const struct wire_frontend_list *list);
void cmd_wait_show(const struct wire_frontend_list *list, enum args_output output, FILE *to);
enum exit_code cmd_wait(const struct args *args);

#endif
