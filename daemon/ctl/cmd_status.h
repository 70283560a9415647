/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEKD_CTL_CMD_STATUS_H
#define STEKD_CTL_CMD_STATUS_H

#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

/* stekctl status: is all well? EXIT_CODE_DEGRADED when the daemon names a problem. */
enum exit_code cmd_status(const struct args *args);

/* The showing alone. */
enum exit_code cmd_status_show(const struct wire_status *status, enum args_output output, FILE *to);

#endif
