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

enum err peer_of_certificate(struct cert_names *names, const char *address, struct peer *out,
                             struct errbuf *why)
{
    if (names->count == 0) {
        errbuf_set(why, "its certificate has no URI or DNS name (subjectAltName), and nobody is "
                        "known by a common name: issue one with such a name");
        return ERR_DENIED;
    }
    struct peer_certificate *certificate = calloc(1, sizeof(*certificate));
    if (certificate == NULL) {
        errbuf_set(why, "out of memory");
        return ERR_NOMEM;
    }
    (void)snprintf(certificate->address, sizeof(certificate->address), "%s", address);
    certificate->names = *names;
    *names = (struct cert_names){0};
    *out = (struct peer){.certificate = certificate};
    return ERR_OK;
}

void peer_fini(struct peer *peer)
{
    free(peer->groups);
    if (peer->certificate != NULL) {
        cert_names_fini(&peer->certificate->names);
        free(peer->certificate);
    }
    *peer = (struct peer){0};
}

bool peer_is_user(const struct peer *peer, uint32_t uid)
{
    return peer->certificate == NULL && peer->uid == uid;
}

bool peer_has_group(const struct peer *peer, uint32_t gid)
{
    if (peer->certificate != NULL) {
        return false;
    }
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

bool peer_has_name(const struct peer *peer, enum cert_name_kind kind, const char *pattern)
{
    if (peer->certificate == NULL) {
        return false;
    }
    const struct cert_names *names = &peer->certificate->names;
    for (size_t i = 0; i < names->count; i++) {
        if (names->at[i].kind == kind && cert_pattern_matches(kind, pattern, names->at[i].text)) {
            return true;
        }
    }
    return false;
}

static void format_certificate(const struct peer_certificate *certificate, char out[PEER_TEXT_MAX])
{
    const struct cert_name *first = &certificate->names.at[0];

    /* The address is what a long name must not push out. */
    (void)snprintf(out, PEER_TEXT_MAX, "%s:%.*s %s", first->kind == CERT_NAME_URI ? "uri" : "dns",
                   PEER_TEXT_MAX - PEER_ADDRESS_MAX - 8, first->text, certificate->address);
}

void peer_format(const struct peer *peer, char out[PEER_TEXT_MAX])
{
    if (peer->certificate != NULL) {
        format_certificate(peer->certificate, out);
        return;
    }
    int len = snprintf(out, PEER_TEXT_MAX, "uid:%u gid:%u", peer->uid, peer->gid);

    if (peer->pid != 0) {
        (void)snprintf(out + len, PEER_TEXT_MAX - (size_t)len, " pid:%d", peer->pid);
    }
}
