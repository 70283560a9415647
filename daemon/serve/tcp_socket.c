/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/tcp_socket.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROBE_EVERY_S 5
#define PROBES        3

static void set_int(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof(value));
}

static enum err listen_error(const char *host, uint16_t port, struct errbuf *why)
{
    const int error = errno;

    switch (error) {
    case EADDRINUSE:
        errbuf_set(why, "%s port %u: another process listens there; is stekd running already?",
                   host, port);
        return ERR_CONFLICT;
    case EADDRNOTAVAIL:
        errbuf_set(why, "%s port %u: this host has no such address", host, port);
        return ERR_INVALID;
    case EACCES:
    case EPERM:
        errbuf_set(why,
                   "%s port %u: uid %u may not listen there; ports below 1024 need "
                   "CAP_NET_BIND_SERVICE",
                   host, port, (unsigned int)geteuid());
        return ERR_DENIED;
    default:
        errbuf_set(why, "%s port %u: cannot listen: %s", host, port, strerror(error));
        return ERR_IO;
    }
}

static enum err listen_at(const struct addrinfo *at, const char *host, uint16_t port, int *out_fd,
                          struct errbuf *why)
{
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return listen_error(host, port, why);
    }
    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1); /* a restart need not wait for old connections */
    if (at->ai_family == AF_INET6) {
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); /* the same address means the same everywhere */
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        enum err rc = listen_error(host, port, why);
        (void)close(fd);
        return rc;
    }
    *out_fd = fd;
    return ERR_OK;
}

enum err tcp_socket_listen(const char *host, uint16_t port, int *out_fd, struct errbuf *why)
{
    const struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found = NULL;
    char service[8];

    (void)snprintf(service, sizeof(service), "%u", port);
    const int failed = getaddrinfo(host, service, &hints, &found);
    if (failed != 0) {
        errbuf_set(why, "%s: not an IPv4 or IPv6 address to listen on", host);
        return failed == EAI_MEMORY ? ERR_NOMEM : ERR_INVALID;
    }
    enum err rc = listen_at(found, host, port, out_fd, why);
    freeaddrinfo(found);
    return rc;
}

void tcp_socket_prepare(int fd)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, TCP_SOCKET_SILENCE_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_EVERY_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_SOCKET_SILENCE_S * 1000);
}

static void format(const struct sockaddr_storage *address, socklen_t len,
                   char out[TCP_SOCKET_NAME_MAX])
{
    char host[48];
    char port[8];

    (void)snprintf(out, TCP_SOCKET_NAME_MAX, "?");
    if (address->ss_family != AF_INET && address->ss_family != AF_INET6) {
        return;
    }
    if (getnameinfo((const struct sockaddr *)address, len, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        (void)snprintf(out, TCP_SOCKET_NAME_MAX,
                       address->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    }
}

void tcp_socket_format_local(int fd, char out[TCP_SOCKET_NAME_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    (void)getsockname(fd, (struct sockaddr *)&address, &len);
    format(&address, len, out);
}

void tcp_socket_format_peer(int fd, char out[TCP_SOCKET_NAME_MAX])
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    (void)getpeername(fd, (struct sockaddr *)&address, &len);
    format(&address, len, out);
}
