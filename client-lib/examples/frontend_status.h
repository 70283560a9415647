/* SPDX-License-Identifier: Apache-2.0 */
/* What stek_client_status() knows about a realm, as one line of JSON. */
#ifndef STEK_EXAMPLES_FRONTEND_STATUS_H
#define STEK_EXAMPLES_FRONTEND_STATUS_H

#include <stdbool.h>

#include <stek/stek.h>

/* Replaces `path` at once: a reader sees the old line or the new one, never half of it. */
bool frontend_status_write(struct stek_client *client, const char *realm, const char *path);

#endif
