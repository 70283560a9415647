# SPDX-License-Identifier: Apache-2.0
"""A TLS client that keeps tickets: Python's own ssl over OpenSSL, one session a connection."""

import socket
import ssl

from harness import require

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Client:
    """Of one TLS version. A session resumes only in the context that got it."""

    def __init__(self, version):
        self.version = version
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.minimum_version = version
        self.context.maximum_version = version

    def connect(self, port, session=None):
        """(resumed, session or None) of one whole exchange. A failed handshake raises."""
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            with self.context.wrap_socket(plain, server_hostname="localhost",
                                          session=session) as tls:
                tls.sendall(REQUEST)
                answer = b""
                while chunk := tls.recv(4096):
                    answer += chunk
                require(b"200 OK" in answer, f"no answer: {answer!r}")
                resumed = tls.session_reused
                said = b"resumed yes" in answer
                require(said == resumed, "client and frontend disagree about resumption")
                has_ticket = tls.session is not None and tls.session.has_ticket
                return resumed, tls.session if has_ticket else None


class Tickets:
    """One ticket of each version, got at one frontend."""

    def __init__(self, frontend):
        self.clients = [Client(version) for version in VERSIONS]
        self.sessions = []
        for client in self.clients:
            resumed, session = client.connect(frontend.port)
            require(not resumed, "a first connection resumed")
            require(session is not None, f"{frontend.name} issued no ticket: {client.version}")
            self.sessions.append(session)

    def open_at(self, frontend):
        """How many of them open there. The handshakes succeed all the same."""
        return sum(client.connect(frontend.port, session)[0]
                   for client, session in zip(self.clients, self.sessions))

    def count(self):
        return len(self.sessions)


def issues(frontend):
    """How many versions get a ticket there now."""
    return sum(Client(version).connect(frontend.port)[1] is not None for version in VERSIONS)
