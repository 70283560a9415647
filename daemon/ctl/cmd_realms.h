/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEKD_CTL_CMD_REALMS_H
#define STEKD_CTL_CMD_REALMS_H

#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

/* stekctl realms: which there are, and their policies. */
enum exit_code cmd_realms(const struct args *args);

/* The showing alone. */
enum err cmd_realms_show(const struct wire_status *realms, enum args_output output,
                         FILE *to) MUST_USE;

#endif
