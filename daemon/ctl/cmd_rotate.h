/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEKD_CTL_CMD_ROTATE_H
#define STEKD_CTL_CMD_ROTATE_H

#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

/* stekctl rotate REALM: retires the key that encrypts now and promotes the next. The request names
 * the key to retire, so the same request twice (a lost answer, a retry) rotates once. */
enum exit_code cmd_rotate(const struct args *args);

/* The showing alone. */
void cmd_rotate_show(const struct wire_rotate *request, const struct wire_rotated *rotated,
                     enum args_output output, FILE *to);

#endif
