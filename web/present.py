"""The present as JSON, put together once for everybody who asks.

In a home of many wallboxes it takes some milliseconds to say how everything is, tens of them on a small Pi, and the
control loop lives in the same thread. So fifty open pages share one telling: it is made when somebody asks and the last
one is no longer fresh. How long it is fresh follows from what it took, so that pages never have more than a tenth of
the time, however many there are.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from web.house import House
from web.packed import Packed

SHARE = 0.1  # of the event loop's time
FRESH_S = 0.25


@dataclass(frozen=True, slots=True)
class Told:
    """The whole state at a version of the house."""

    version: int
    body: Packed
    event: bytes  # as a server-sent event
    fresh_until_s: float


class Present:
    """Belongs to one event loop."""

    def __init__(self, house: House, *, fresh_s: float = FRESH_S) -> None:
        self._house, self._fresh_s = house, fresh_s
        self._told: Told | None = None

    def recent(self) -> Told:
        """For those who are told again anyway: what changed a moment ago may not be in it yet."""
        told = self._told
        if told is None or asyncio.get_running_loop().time() >= told.fresh_until_s:
            told = self._told = self._tell()
        return told

    def exact(self) -> Told:
        """For those who ask once: all that has changed is in it."""
        if self._told is not None and self._told.version != self._house.changes.version:
            self._told = None
        return self.recent()

    def _tell(self) -> Told:
        loop = asyncio.get_running_loop()
        began_s, version = loop.time(), self._house.changes.version
        body = self._house.state().model_dump_json().encode()
        now_s = loop.time()
        fresh_until_s = now_s + max(self._fresh_s, (now_s - began_s) / SHARE)
        return Told(version, Packed(body), b"id: %d\ndata: %b\n\n" % (version, body), fresh_until_s)
