/* SPDX-License-Identifier: Apache-2.0 */
/* As whom the hub knows a frontend's connection. */
#ifndef STEKD_SERVE_WATCH_IDENTITY_H
#define STEKD_SERVE_WATCH_IDENTITY_H

#include "serve/peer.h"

/* peer_format() without the process or the address, which are others when the same frontend comes
 * back: "uid:33 gid:33", "uri:spiffe://example.org/fe/1". */
void watch_identity_format(const struct peer *peer, char out[PEER_TEXT_MAX]);

#endif
