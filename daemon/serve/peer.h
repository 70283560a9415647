/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a Unix socket, by the kernel's word (SO_PEERCRED, SO_PEERGROUPS):
 * the credentials the process had when it connected. */
#ifndef STEKD_SERVE_PEER_H
#define STEKD_SERVE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PEER_TEXT_MAX 64

struct peer {
    uint32_t uid;
    uint32_t gid;
    int32_t pid;      /* 0: in a namespace we cannot see, as of another container */
    uint32_t *groups; /* owned: the supplementary groups */
    size_t group_count;
};

/* The caller owns *out and gives it to peer_fini(). On failure *out is untouched. */
enum err peer_of_socket(int fd, struct peer *out, struct errbuf *why) MUST_USE;

/* Safe on {0} and twice. */
void peer_fini(struct peer *peer);

/* Primary or supplementary. */
bool peer_has_group(const struct peer *peer, uint32_t gid);

/* "uid:33 gid:33 pid:4711" (or without the pid): the name under which logs and audit lines know the
 * caller. */
void peer_format(const struct peer *peer, char out[PEER_TEXT_MAX]);

#endif
