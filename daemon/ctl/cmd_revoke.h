/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stekctl revoke REALM NAME|--all: revokes, then asks until the store and every frontend of the
 * daemon have it, or the time is over. Ends with 0 when they have, with 4 when not yet: the
 * revocation stands all the same, and `stekctl wait REALM --converged` asks on.
 *
 * A repeat of --all is a second drill: it revokes the keys that came since.
 */
#ifndef STEKD_CTL_CMD_REVOKE_H
#define STEKD_CTL_CMD_REVOKE_H

#include <stdbool.h>
#include <stdio.h>

#include "ctl/args.h"
#include "ctl/exit_code.h"
#include "wire/messages.h"

/* What was done by the first answer, and how far it is by the last. */
struct cmd_revoke_outcome {
    uint32_t keys;
    bool has_promoted;
    uint8_t promoted[KEY_NAME_LEN];
    const struct wire_revoked *last; /* borrowed */
};

bool cmd_revoke_is_complete(const struct wire_revoked *revoked);
void cmd_revoke_show(const struct wire_revoke *request, const struct cmd_revoke_outcome *outcome,
                     enum args_output output, FILE *to);
enum exit_code cmd_revoke(const struct args *args);

#endif
