/* SPDX-License-Identifier: Apache-2.0 */
/* What TCP needs beside what every socket does: an address to listen on, and to notice that a peer
 * has vanished. */
#ifndef STEKD_SERVE_TCP_SOCKET_H
#define STEKD_SERVE_TCP_SOCKET_H

#include <stdint.h>

#include "base/err.h"

#define TCP_SOCKET_NAME_MAX 64

/* A peer that answers nothing is given up after about this: bytes on their way for so long without
 * an acknowledgement, or as long a silence and then three unanswered probes. */
#define TCP_SOCKET_SILENCE_S 30

/* A listening socket, non-blocking and close-on-exec. `host` is an IPv4 or IPv6 address; an IPv6
 * one takes no IPv4 connections. `port` 0: the kernel picks one. ERR_INVALID: not an address.
 * ERR_CONFLICT: somebody listens there. ERR_DENIED, ERR_IO: the system refused. */
enum err tcp_socket_listen(const char *host, uint16_t port, int *out_fd,
                           struct errbuf *why) MUST_USE;

/* For an accepted socket. A failure leaves it working, only less well. */
void tcp_socket_prepare(int fd);

/* "192.0.2.1:7443", "[2001:db8::1]:7443"; "?" when the socket has none. */
void tcp_socket_format_local(int fd, char out[TCP_SOCKET_NAME_MAX]);
void tcp_socket_format_peer(int fd, char out[TCP_SOCKET_NAME_MAX]);

#endif
