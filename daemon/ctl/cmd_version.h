/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEKD_CTL_CMD_VERSION_H
#define STEKD_CTL_CMD_VERSION_H

#include "ctl/args.h"
#include "ctl/exit_code.h"

/* stekctl version: this program's own; the daemon's is in stekctl status. */
enum exit_code cmd_version(const struct args *args);

#endif
