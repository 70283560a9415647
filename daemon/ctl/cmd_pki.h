/* SPDX-License-Identifier: Apache-2.0 */
/* stekctl pki: a throw-away CA, certificates and key-encryption keys for trying stekd. */
#ifndef STEKD_CTL_CMD_PKI_H
#define STEKD_CTL_CMD_PKI_H

#include "ctl/args.h"
#include "ctl/exit_code.h"

/* Reads args->rest itself (ctl/pki_args.h). Needs no daemon; writes files and says which. */
enum exit_code cmd_pki(const struct args *args);

#endif
