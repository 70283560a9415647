/* SPDX-License-Identifier: Apache-2.0 */
/* How a link gets its socket: a Unix socket's path, or a host's addresses in turn. */
#ifndef STEK_SRC_DIAL_H
#define STEK_SRC_DIAL_H

#include "src/link.h"

/* From LINK_CLOSED: to LINK_OPEN (Unix; `h2` may speak at once), LINK_RESOLVING or
 * LINK_CONNECTING. */
enum err dial_begin(struct link *link, int64_t now_ms, struct errbuf *why) MUST_USE;

/* While LINK_RESOLVING or LINK_CONNECTING; on to LINK_SHAKING once a socket is connected. */
enum err dial_step(struct link *link, int64_t now_ms, bool is_ready, struct errbuf *why) MUST_USE;

#endif
