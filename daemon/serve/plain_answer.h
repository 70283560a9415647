/* SPDX-License-Identifier: Apache-2.0 */
/* What a client hears that speaks HTTP without TLS to a TLS port: the commonest slip in a
 * configuration, so it is told in its own tongue instead of by a closed connection. */
#ifndef STEKD_SERVE_PLAIN_ANSWER_H
#define STEKD_SERVE_PLAIN_ANSWER_H

#include <stdbool.h>

#include "base/bytes.h"

#define PLAIN_ANSWER_PEEK 8 /* how many first bytes are worth looking at */

/* Whether these first bytes of a connection are HTTP/1 or HTTP/2 in the clear. */
bool plain_answer_is_due(struct slice first);

/* An HTTP/1.1 response, or for HTTP/2 the server's preface and GOAWAY (RFC 9113 section 6.8). The
 * bytes are constant. */
struct slice plain_answer_to(struct slice first);

#endif
