/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/watch_identity.h"

#include <string.h>

void watch_identity_format(const struct peer *peer, char out[PEER_TEXT_MAX])
{
    peer_format(peer, out);
    char *last = strrchr(out, ' ');
    bool is_process = last != NULL && strncmp(last, " pid:", 5) == 0;
    if (last != NULL && (peer->certificate != NULL || is_process)) {
        *last = '\0';
    }
}
