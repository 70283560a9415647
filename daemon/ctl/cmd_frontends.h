/* SPDX-License-Identifier: Apache-2.0 */
/* stekctl frontends [REALM]: who watches at this daemon, and who left and may still hold keys. */
#ifndef STEKD_CTL_CMD_FRONTENDS_H
#define STEKD_CTL_CMD_FRONTENDS_H

#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

enum err cmd_frontends_show(const struct wire_frontend_list *list, enum args_output output,
                            FILE *to) MUST_USE;
enum exit_code cmd_frontends(const struct args *args);

#endif
