"""The machine that the daemon of a soak runs on: it is started, killed without a word, and asked over HTTP how it is.

What can be wrong with a machine stands in ``machine.json`` beside the config: a card that is full, a wall clock that is
off. The daemon's process (``soak_daemon``) looks at it when it starts and at each SIGUSR1.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.lockstep import LeadingLoop
from benchmarks.soak_account import dead_tasks, number
from tests.virtual import LoopClock

BOX = "garage"
NO_RTC_S = -20 * 365 * 86_400.0
DOWN_S = 120.0
NTP_AFTER_S = 100.0
WITHIN_S = 3600.0  # simulated: whatever is waited for takes no longer, or something is wrong
Box = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Condition:
    """What is wrong with the machine."""

    card_full: bool = False
    no_rtc_s: float = 0.0  # by how much the wall clock is wrong from the start
    moved_s: float = 0.0  # and somebody's doing


def condition(config: Path) -> Condition:
    found: Mapping[str, float] = json.loads(config.with_name("machine.json").read_text())
    return Condition(bool(found["card_full"]), found["no_rtc_s"], found["moved_s"])


@dataclass(slots=True)
class Machine:
    """One daemon after the other, on one card."""

    config: Path
    clock: LoopClock
    web: int
    lives: int = 0
    is_whole: asyncio.Lock = field(default_factory=asyncio.Lock)  # held while a kill would prove nothing, or too much
    _condition: Condition = Condition()
    _process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeadingLoop)
        self._write()
        with loop.invite() as channel, self.log.open("ab") as log:
            channel.set_inheritable(True)
            life = (str(channel.fileno()), str(loop.time()), self.clock.utc().isoformat())
            self._process = subprocess.Popen(  # noqa: ASYNC220 - asyncio's would wait for it in a thread
                [sys.executable, "-m", "benchmarks.soak_daemon", str(self.config), *life],
                stdout=log, stderr=log, pass_fds=[channel.fileno()],
            )  # fmt: skip
        self.lives += 1
        await self.until(lambda box: bool(box["connected"]))

    async def kill(self) -> None:
        """kill -9, a while of nobody, and a start in a year of its own until NTP answers."""
        async with self.is_whole:
            assert self._process is not None
            self._process.kill()
            self._process.wait()
            await self.clock.sleep(DOWN_S)
            self._condition = Condition(self._condition.card_full, NO_RTC_S, self._condition.moved_s)
            await self.start()
            await self.clock.sleep(NTP_AFTER_S)
            self.changes(no_rtc_s=0.0)

    async def end(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(WITHIN_S):
            while self._process.poll() is None:
                await self.clock.sleep(1)
        return self._process.returncode

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    # --- what goes wrong with it

    def changes(self, **what: float) -> None:
        self._condition = Condition(**{**asdict(self._condition), **what})
        self._write()
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGUSR1)

    def _write(self) -> None:
        aside = self.config.with_name("machine.new")
        aside.write_text(json.dumps(asdict(self._condition)))
        aside.replace(self.config.with_name("machine.json"))

    # --- what it says

    @property
    def log(self) -> Path:
        return self.config.with_name("log.txt")

    @property
    def resident_kb(self) -> int:
        """What the process holds in memory (proc(5)); 0 where that can't be asked."""
        try:
            text = Path(f"/proc/{self._process.pid if self._process else 0}/status").read_text()
        except OSError:
            return 0
        found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) if found else 0

    async def wish(self, mode: str) -> None:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{self.web}/api/wallboxes/{BOX}/mode"
            async with session.put(url, json={"mode": mode}) as answer:
                answer.raise_for_status()

    async def until(self, true: Callable[[Box], bool]) -> None:
        """Asks for the state of the wallbox until the claim is true of it."""
        async with asyncio.timeout(WITHIN_S), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{self.web}/api/state") as answer:
                        if true((await answer.json())["wallboxes"][BOX]):
                            return
                except aiohttp.ClientError:
                    pass  # there is no daemon just now
                await self.clock.sleep(1)

    async def settled(self) -> str:
        """What /metrics says once everybody was told everything, or has had the time for it."""
        text = ""
        try:
            async with asyncio.timeout(WITHIN_S), aiohttp.ClientSession() as session:
                while not text or dead_tasks(text) or number(text, "hemsd_outbox_waiting") > 0:
                    async with session.get(f"http://127.0.0.1:{self.web}/metrics") as answer:
                        text = await answer.text()
                    await self.clock.sleep(5)
        except TimeoutError:
            pass
        return text
