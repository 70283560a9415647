# SPDX-License-Identifier: Apache-2.0
"""Peers that send a byte now and then, and stay until they are cut off."""

import select
import time

import frames

PAUSE_S = 0.25


class Dribbler:
    def __init__(self, sock, opening, rest, until_answer=False):
        self.sock = sock
        self.rest = rest
        self.until_answer = until_answer  # the connection may live; its call may not
        self.cutter = frames.Frames()
        self.is_cut = not frames.send(sock, opening)

    def is_answered(self, data):
        return self.until_answer and any(
            kind == frames.HEADERS and flags & frames.END_STREAM
            for kind, flags, _, _ in self.cutter.feed(data))

    def drip(self):
        if self.rest and not self.is_cut:
            # The last byte is never sent.
            self.is_cut = len(self.rest) > 1 and not frames.send(self.sock, self.rest[:1])
            self.rest = self.rest[1:] if len(self.rest) > 1 else self.rest

    def listen(self):
        data = frames.receive(self.sock)
        self.is_cut = self.is_cut or not data or self.is_answered(data)


def dribble_all(dribblers, seconds, each_turn):
    """Until all are cut off, or the time is over."""
    end = time.monotonic() + seconds
    left = list(dribblers)
    while left and time.monotonic() < end:
        for one in left:
            one.drip()
        ready = select.select([one.sock for one in left], [], [], PAUSE_S)[0]
        for one in left:
            if one.sock in ready:
                one.listen()
        each_turn()
        left = [one for one in left if not one.is_cut]
    for one in dribblers:
        one.sock.close()
    return left
