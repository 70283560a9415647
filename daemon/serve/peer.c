/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* Linux 4.13; not in every libc's headers */
#endif

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "group ids are read in place");

/* On success *out_groups is the caller's; NULL for none. */
static enum err read_groups(int fd, uint32_t **out_groups, size_t *out_count, struct errbuf *why)
{
    socklen_t len = 0;
    uint32_t *groups = NULL;

    /* With no room the kernel says how much it needs. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) != 0 && errno != ERANGE) {
        errbuf_set(why, "cannot read the peer's groups: %s", strerror(errno));
        return ERR_IO;
    }
    if (len > 0) {
        groups = malloc(len);
        if (groups == NULL) {
            errbuf_set(why, "out of memory");
            return ERR_NOMEM;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0) {
            errbuf_set(why, "cannot read the peer's groups: %s", strerror(errno));
            free(groups);
            return ERR_IO;
        }
    }
    *out_groups = groups;
    *out_count = len / sizeof(uint32_t);
    return ERR_OK;
}

enum err peer_of_socket(int fd, struct peer *out, struct errbuf *why)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    struct peer peer = {0};

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
        errbuf_set(why, "cannot read the peer's credentials: %s", strerror(errno));
        return ERR_IO;
    }
    /* What is not a Unix socket gives no user. A process of another namespace is 0 here. */
    if (len != sizeof(cred) || cred.uid == (uid_t)-1) {
        errbuf_set(why, "the peer has no credentials");
        return ERR_DENIED;
    }
    enum err rc = read_groups(fd, &peer.groups, &peer.group_count, why);
    if (rc != ERR_OK) {
        return rc;
    }
    peer.uid = cred.uid;
    peer.gid = cred.gid;
    peer.pid = cred.pid;
    *out = peer;
    return ERR_OK;
}

void peer_fini(struct peer *peer)
{
    free(peer->groups);
    *peer = (struct peer){0};
}

bool peer_has_group(const struct peer *peer, uint32_t gid)
{
    if (peer->gid == gid) {
        return true;
    }
    for (size_t i = 0; i < peer->group_count; i++) {
        if (peer->groups[i] == gid) {
            return true;
        }
    }
    return false;
}

void peer_format(const struct peer *peer, char out[PEER_TEXT_MAX])
{
    int len = snprintf(out, PEER_TEXT_MAX, "uid:%u gid:%u", peer->uid, peer->gid);

    if (peer->pid != 0) {
        (void)snprintf(out + len, PEER_TEXT_MAX - (size_t)len, " pid:%d", peer->pid);
    }
}
