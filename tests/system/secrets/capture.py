# SPDX-License-Identifier: Apache-2.0
"""What goes over the loopback interface, put together by connection: a secret may be cut by segments.

  enter_network()             a network of this process's own, so that nobody else's traffic is in it
  capture = Capture(folder)   from now on
  capture.files()             after the last byte sent before: name to path, a file each direction
"""

import ctypes
import fcntl
import os
import socket
import struct
import threading

from harness import require, wait_until

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
SOL_PACKET, PACKET_STATISTICS, PACKET_OUTGOING = 263, 6, 4
ETH_P_ALL = 3
BUFFER_BYTES = 64 << 20


def enter_network():
    """False where that is not allowed (a container without CAP_SYS_ADMIN). Before any thread starts:
    others keep the network they were made in."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket() as any_socket:
        request = struct.pack("16sh", b"lo", IFF_UP)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request.ljust(40, b"\0"))
    return True


class Capture:
    def __init__(self, folder):
        self.folder = folder
        os.mkdir(folder)
        self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.link.setsockopt(socket.SOL_SOCKET, 33, BUFFER_BYTES)  # SO_RCVBUFFORCE
        self.link.bind(("lo", 0))
        self.streams = {}
        self.packets = self.bytes = 0
        self.seen = b""  # the newest mark
        self.is_over = False
        self.thread = threading.Thread(target=self.collect, daemon=True)
        self.thread.start()

    def collect(self):
        while not self.is_over:
            packet, address = self.link.recvfrom(1 << 17)
            if address[2] == PACKET_OUTGOING:  # loopback shows each packet twice
                self.take(packet[14:])

    def take(self, packet):
        """IPv4 only: all our addresses are."""
        if not packet or packet[0] >> 4 != 4:
            return
        header = (packet[0] & 15) * 4
        ports = struct.unpack(">HH", packet[header:header + 4])
        total = struct.unpack(">H", packet[2:4])[0] or len(packet)
        if packet[9] not in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
            return
        is_tcp = packet[9] == socket.IPPROTO_TCP
        start = header + ((packet[header + 12] >> 4) * 4 if is_tcp else 8)
        payload = packet[start:total]
        self.packets += 1
        self.bytes += len(payload)
        if not is_tcp:
            self.seen = payload
        elif payload:
            self.streams.setdefault(ports, bytearray()).extend(payload)

    def wait(self):
        """Until a mark sent now has come: all before it has, too."""
        mark = os.urandom(16)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(mark, ("127.0.0.1", 9))
        wait_until("the capture has caught up", lambda: self.seen == mark)
        dropped = struct.unpack(
            "II", self.link.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        require(dropped == 0, f"the capture has lost {dropped} packets")

    def files(self, named):
        """`named`: port to a word. Streams of a server with a name go to a file each; the others
        to one."""
        self.wait()
        contents = {}
        for ports, content in list(self.streams.items()):
            word = next((named[port] for port in ports if port in named), "other")
            contents.setdefault(word, []).append(bytes(content))
        paths = {}
        for word, parts in contents.items():
            path = os.path.join(self.folder, word)
            with open(path, "wb") as f:
                f.write((b"\0" * 64).join(parts))
            paths["capture of " + word] = path
        return paths

    def close(self):
        self.is_over = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b"end", ("127.0.0.1", 9))
        self.thread.join(10)
        self.link.close()
