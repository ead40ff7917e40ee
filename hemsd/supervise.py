"""Keeps device tasks alive, and tells systemd how the daemon is.

``keep`` is the only place that catches everything: a device that fails is logged once, shown, and tried again with a
growing, jittered pause; when it is back, that is logged once too. Core tasks do not run under ``keep``: a bug there
ends the process, the wallbox falls back to its failsafe by itself, and systemd starts a clean one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from drivers.base import DeviceError
from hemsd.said import said

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
HEALTHY_AFTER_S = 30.0  # a run this long counts as "it was back"


@dataclass(slots=True)
class Health:
    """How the kept tasks are, by name: None is well, a text is why not. For the page and /healthz."""

    troubles: dict[str, str | None] = field(default_factory=dict)

    def say(self, name: str, trouble: str | None) -> None:
        known = self.troubles.get(name)
        self.troubles[name] = trouble
        if trouble and not known:
            log.warning("%s: %s; trying again", name, trouble)
        elif known and not trouble:
            log.info("%s is back", name)


async def keep(
    name: str,
    run: Callable[[], Awaitable[None]],
    health: Health,
    *,
    first_pause_s: float = FIRST_PAUSE_S,
    longest_pause_s: float = LONGEST_PAUSE_S,
    healthy_after_s: float = HEALTHY_AFTER_S,
) -> None:
    """Runs ``run`` again and again until cancelled. Pauses are real time: no network runs faster with a clock."""
    pause_s, trouble = first_pause_s, ""

    def lasts() -> None:
        """What ended the run before is over, unless this one has told something of its own."""
        if trouble and health.troubles.get(name) == trouble:
            health.say(name, None)

    while True:
        began_s = asyncio.get_running_loop().time()
        try:
            await _attempt(run, lasts, healthy_after_s)
            trouble = said("task.ended", "ended by itself")
        except DeviceError as error:
            trouble = str(error)
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
            if health.troubles.get(name) != trouble:
                log.exception("%s failed", name)
        health.say(name, trouble)
        if asyncio.get_running_loop().time() - began_s >= healthy_after_s:
            pause_s = first_pause_s
        await asyncio.sleep(pause_s * random.uniform(0.7, 1.3))
        pause_s = min(longest_pause_s, pause_s * 2)


async def _attempt(run: Callable[[], Awaitable[None]], lasts: Callable[[], None], healthy_after_s: float) -> None:
    """One run, in a task of its own: our cancellation stays ours, even where a library makes an error of it.

    ``Task.cancelling`` could not tell: in Python 3.11 a TaskGroup whose member fails leaves that count raised.
    """
    attempt = asyncio.ensure_future(run())
    try:
        await asyncio.wait({attempt}, timeout=healthy_after_s)
        if not attempt.done():
            lasts()
        await asyncio.wait({attempt})
    except asyncio.CancelledError:
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        raise
    attempt.result()


class Systemd:
    """The notify socket of systemd (sd_notify(3)); silent where there is none."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._address = env.get("NOTIFY_SOCKET", "")
        watchdog_usec = env.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(watchdog_usec) / 1e6 if watchdog_usec.isdigit() else None
        self._deaf = False

    def _send(self, text: str, *, wait_s: float = 1.0) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(wait_s)
                sock.sendto(text.encode(), address)
        except OSError as error:
            if not self._deaf:
                log.warning("systemd could not be told %r: %s", text, error)
            self._deaf = True
        else:
            self._deaf = False

    def ready(self) -> None:
        self._send("READY=1")

    def reloading(self) -> None:
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def alive(self) -> None:
        """After each tick. A manager that does not listen must not hold up the tick: of many pings one may be lost."""
        self._send("WATCHDOG=1", wait_s=0.0)

    def status(self, text: str) -> None:
        self._send(f"STATUS={text}")
