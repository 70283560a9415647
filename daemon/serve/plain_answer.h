/* SPDX-License-Identifier: Apache-2.0 */
/* What a client hears that speaks HTTP without TLS to a TLS port: the commonest slip in a
 * configuration, so it is told in words instead of by a closed connection. */
#ifndef STEKD_SERVE_PLAIN_ANSWER_H
#define STEKD_SERVE_PLAIN_ANSWER_H

#include <stdbool.h>

#include "base/bytes.h"

#define PLAIN_ANSWER_PEEK 8 /* how many first bytes are worth looking at */

/* Whether these first bytes of a connection are HTTP/1 or HTTP/2 in the clear. */
bool plain_answer_is_due(struct slice first);

/* An HTTP/1.1 response, to HTTP/2 as well: gRPC clients report it and come again at growing
 * intervals, where after a proper GOAWAY they come again at once, hundreds of times a second. The
 * bytes are constant. */
struct slice plain_answer_bytes(void);

#endif
