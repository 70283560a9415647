/* SPDX-License-Identifier: Apache-2.0 */
/* stekctl rekey [REALM]: seals the record, or every record, under the first key-encryption key.
 * Stops at the first realm that fails; what was done before stays done and is shown. */
#ifndef STEKD_CTL_CMD_REKEY_H
#define STEKD_CTL_CMD_REKEY_H

#include <stddef.h>
#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

struct cmd_rekey_row {
    char realm[REALM_NAME_MAX + 1];
    struct wire_rekeyed rekeyed;
};

void cmd_rekey_show(const struct cmd_rekey_row *rows, size_t count, enum args_output output,
                    FILE *to);
enum exit_code cmd_rekey(const struct args *args);

#endif
