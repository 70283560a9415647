/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end: a process at the Unix socket, by the kernel's word (SO_PEERCRED,
 * SO_PEERGROUPS; the credentials it had when it connected), or the holder of a certificate, by the
 * names in it. Never both: whoever comes with a certificate has no user and no group here.
 */
#ifndef STEKD_SERVE_PEER_H
#define STEKD_SERVE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/cert_names.h"

#define PEER_TEXT_MAX    320
#define PEER_ADDRESS_MAX 64

struct peer_certificate {
    struct cert_names names;        /* owned; at least one */
    char address[PEER_ADDRESS_MAX]; /* "192.0.2.1:1234", "[2001:db8::1]:1234" */
};

struct peer {
    uint32_t uid;
    uint32_t gid;
    int32_t pid;      /* 0: in a namespace we cannot see, as of another container */
    uint32_t *groups; /* owned: the supplementary groups */
    size_t group_count;
    /* Owned. NULL: a process at the Unix socket; else the fields above mean nothing. */
    struct peer_certificate *certificate;
};

/* The caller owns *out and gives it to peer_fini(). On failure *out is untouched. */
enum err peer_of_socket(int fd, struct peer *out, struct errbuf *why) MUST_USE;

/* On success `names` have moved to *out; else everything is as before. ERR_DENIED: there is no
 * name among them. */
enum err peer_of_certificate(struct cert_names *names, const char *address, struct peer *out,
                             struct errbuf *why) MUST_USE;

/* Safe on {0} and twice. */
void peer_fini(struct peer *peer);

bool peer_is_user(const struct peer *peer, uint32_t uid);
/* Primary or supplementary. */
bool peer_has_group(const struct peer *peer, uint32_t gid);
/* Whether one of the certificate's names is of this kind and matches (cert_pattern_matches()). */
bool peer_has_name(const struct peer *peer, enum cert_name_kind kind, const char *pattern);

/* "uid:33 gid:33 pid:4711" (or without the pid), "uri:spiffe://example.org/fe/1 192.0.2.1:1234",
 * "dns:fe-1.example.org 192.0.2.1:1234": the name under which logs and audit lines know the caller.
 * Of several names, the first. */
void peer_format(const struct peer *peer, char out[PEER_TEXT_MAX]);

#endif
