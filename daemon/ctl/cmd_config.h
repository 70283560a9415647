/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEKD_CTL_CMD_CONFIG_H
#define STEKD_CTL_CMD_CONFIG_H

#include "ctl/args.h"
#include "ctl/exit_code.h"

/* stekctl config check FILE: what stekd --check says about the file itself, needing no daemon.
 * config sample, config man: a configuration with every option, and the source of stekd.yaml(5). */
enum exit_code cmd_config(const struct args *args);

#endif
