"""Two processes that live in one time, which waits for the work of both.

A home that is played for days beside a daemon in another process races the machine: at 120 times the speed of life,
half a second that somebody else's program takes away is a minute in which nobody watched the fuse. ``tests/virtual``
solves that within one loop; a daemon that must be killed needs a process of its own. So here are two such loops and
a channel between them. The *leader* owns the time. When nothing is left to do on its side, it asks whether the
*follower* is quiet too; the follower answers, as soon as it is, with the moment of its next alarm; and both leap to
the earlier of the two alarms. On the channel, as packets of two doubles::

    leader   -> follower   question n, now       the time is now; tell me when you have nothing to do
    follower -> leader     answer n, alarm       I have not, until then
    leader   -> follower   0, now                it is then

An answer is void when the leader had work meanwhile, which may have been to write to the follower: it asks again. Time
goes on without a follower that has died, and waits for one that has not begun to listen. What third programs do (a
broker) happens in real time, so whoever waits for them needs a generous time-out.
"""

from __future__ import annotations

import math
import select
import socket
import struct
from typing import Any

from tests.virtual import Leaping, VirtualLoop

PACKET = struct.Struct("=dd")
LEAP = 0.0  # in place of a question's number


class _Joined(Leaping):
    """Waits for the sockets and the channel at once."""

    on_its_way_s = 0.0  # what was written before a question or an answer is there before it
    patience_s = 0.5  # as a writer's, who tries again when some time has passed

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__(loop)
        self._poll = select.poll()
        self._poll.register(self.fileno(), select.POLLIN)
        self._channel: socket.socket | None = None

    def join(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._poll.register(channel.fileno(), select.POLLIN)
        self._channel = channel

    def _part(self) -> None:
        if self._channel is not None:
            self._poll.unregister(self._channel.fileno())
            self._channel.close()
            self._channel = None

    def _say(self, what: float, at_s: float) -> None:
        try:
            if self._channel is not None:
                self._channel.send(PACKET.pack(what, at_s))
        except OSError:
            self._part()

    def _hear(self) -> tuple[float, float] | None:
        """The next packet, if one is there."""
        try:
            packet = self._channel.recv(PACKET.size) if self._channel is not None else b""
        except BlockingIOError:
            return None
        except OSError:
            packet = b""
        if not packet:
            self._part()
            return None
        what, at_s = PACKET.unpack(packet)
        return what, at_s

    def _ready(self) -> Any:
        return super().select(0)


class _Leading(_Joined):
    _number = LEAP

    def leap(self, timeout: float | None) -> Any:
        alarm_s = math.inf if timeout is None else self._loop.now_s + timeout
        self._number += 1
        self._say(self._number, self._loop.now_s)
        while self._channel is not None:
            self._poll.poll()
            if events := self._ready():
                return events
            match self._hear():
                case (self._number, follower_s):
                    if events := self._ready():  # it may have written before it fell quiet
                        return events
                    self._leap_to(min(alarm_s, follower_s))
                    return []
        return super().leap(timeout)

    def _leap_to(self, at_s: float) -> None:
        self._loop.now_s = at_s
        self._say(LEAP, at_s)


class _Following(_Joined):
    _asked = _answered = LEAP

    def leap(self, timeout: float | None) -> Any:
        alarm_s = math.inf if timeout is None else self._loop.now_s + timeout
        while self._channel is not None:
            if self._asked > self._answered:
                self._answered = self._asked
                self._say(self._answered, alarm_s)
            self._poll.poll()
            if events := self._ready():
                return events
            before_s, heard = self._loop.now_s, self._hear()
            if heard is not None:
                self._heed(*heard)
            if self._loop.now_s > before_s:
                return []
        raise SystemExit("whoever led has gone")

    def _heed(self, number: float, now_s: float) -> None:
        self._loop.now_s = max(self._loop.now_s, now_s)
        self._asked = max(self._asked, number)


class LeadingLoop(VirtualLoop):
    """Lives alone until a follower is let in."""

    def selector(self) -> Leaping:
        self._leading = _Leading(self)
        return self._leading

    def invite(self) -> socket.socket:
        """The follower's end of the channel, to be inherited by its process and closed here."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._leading.join(ours)
        return theirs


class FollowingLoop(VirtualLoop):
    def __init__(self, channel: socket.socket, now_s: float) -> None:
        self._channel = channel
        super().__init__()
        self.now_s = now_s

    def selector(self) -> Leaping:
        following = _Following(self)
        following.join(self._channel)
        return following
