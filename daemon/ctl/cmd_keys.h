/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STEKD_CTL_CMD_KEYS_H
#define STEKD_CTL_CMD_KEYS_H

#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

/* stekctl keys REALM: every key's name, state and dates. */
enum exit_code cmd_keys(const struct args *args);

/* The showing alone. */
enum err cmd_keys_show(const struct wire_key_list *list, enum args_output output,
                       FILE *to) MUST_USE;

#endif
