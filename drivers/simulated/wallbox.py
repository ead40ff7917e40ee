"""A wallbox as the central system meets it: a charge point that connects over OCPP 1.6J, and connects again.

The charge goes on without a link. After an outage the wallbox simply continues (OCPP-J 1.6 section 5.4 asks for no
BootNotification then); only after a reboot does it introduce itself again. Network time-outs are real, pauses between
attempts follow the simulated clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocpp.exceptions import OCPPError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.headers import build_authorization_basic

from drivers.simulated.car import Car
from drivers.simulated.firmware import REBOOT_S, Firmware
from drivers.simulated.line import Line
from drivers.simulated.messages import Beat, Boot, Message, Sampled, Start, Stop, payload
from drivers.simulated.personalities import Personality, compose
from drivers.simulated.profiles import instant
from drivers.simulated.station import Phases, Station
from hemsd.clock import Clock
from hemsd.model import ConnectorStatus

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
DEAF_S = 600.0  # how long a half-open link is kept
TRANSACTION_ATTEMPTS = 3
BOOT_RETRY_S = 10.0
LEAST_PAUSE_S = 0.05  # real: a fast clock must not turn reconnecting into a busy loop

_quiet = logging.getLogger("hemsd.simulated.ocpp")
_quiet.setLevel(logging.CRITICAL)  # the library logs each frame, and tracebacks for what a personality does on purpose


@dataclass(frozen=True, slots=True)
class WallboxSpec:
    """What the simulation must know of a wallbox in config.yaml."""

    name: str
    charge_point: str
    password: str | None = None
    phases: str = "auto"
    max_a: float = 16.0
    personality: tuple[str, ...] = ("honest",)
    free_vend: bool = True  # a plugged car charges without a card


@dataclass(frozen=True, slots=True)
class WallboxState:
    """What really happens at a wallbox, whatever it tells."""

    status: ConnectorStatus
    online: bool
    transaction_id: int | None
    limit_a: float
    offered_a: float
    phases: int
    currents_a: Phases
    power_w: float
    energy_wh: float
    starts: int
    switches: int


class _Rebooting(Exception):
    """The wallbox switches itself off."""


class _Moved(Exception):
    """The wallbox talks over a second connection from now on."""

    def __init__(self, socket: ClientConnection) -> None:
        super().__init__()
        self.socket = socket


class SimulatedWallbox:
    """Station, firmware and link of one wallbox. ``tick`` belongs after each move of the physics."""

    def __init__(self, spec: WallboxSpec, clock: Clock, voltage_v: float = 230.0) -> None:
        self.spec = spec
        self.personality: Personality = compose(spec.personality)
        self.station = Station(
            spec.phases,
            spec.max_a,
            voltage_v,
            rounding=self.personality.rounding,
            switch_pause_s=self.personality.switch_pause_s,
        )
        self.firmware = Firmware(self.station, clock, self.personality, free_vend=spec.free_vend)
        self.link_allowed = asyncio.Event()
        self.link_allowed.set()
        self._clock = clock
        self._ready = asyncio.Event()
        self.firmware.on_message = self._ready.set
        self._socket: ClientConnection | None = None
        self.link_is_deaf = False

    def plug(self, car: Car) -> None:
        self.firmware.plug(car)

    def unplug(self) -> Car | None:
        return self.firmware.unplug()

    def tick(self) -> None:
        self.firmware.tick()

    def state(self) -> WallboxState:
        transaction = self.firmware.transaction
        return WallboxState(
            self.firmware.status,
            self.firmware.online,
            transaction.id if transaction else None,
            self.station.limit_a,
            self.station.offered_a,
            self.station.phases,
            self.station.currents_a,
            self.station.power_w,
            self.station.energy_wh,
            self.station.starts,
            self.station.switches,
        )

    def cut_link(self) -> None:
        """The network is gone until ``link_allowed`` is set again."""
        self.link_allowed.clear()
        if self._socket:
            self._socket.transport.abort()

    async def run(self, url: str) -> None:
        """Connects to ``url``/charge_point and stays connected until cancelled."""
        while True:
            pause_s = self.personality.reconnect_after_s
            try:
                await self.link_allowed.wait()
                await self._stay_connected(url)
            except _Rebooting:
                pause_s = REBOOT_S
            except (OSError, WebSocketException, TimeoutError) as error:
                log.debug("%s: no link: %s", self.spec.name, error)
            finally:
                self.firmware.link_down()
            await asyncio.gather(self._clock.sleep(pause_s), asyncio.sleep(LEAST_PAUSE_S))
            if self.firmware.reboot_wanted:
                self.firmware.power_on()

    async def _stay_connected(self, url: str) -> None:
        socket = await self._connect(url)
        abandoned: list[ClientConnection] = []
        try:
            while True:
                try:
                    await self._serve(socket, url, moves=not abandoned)
                except _Moved as moved:
                    abandoned.append(socket)
                    socket = moved.socket
        finally:
            for each in (socket, *abandoned):
                each.transport.abort()

    async def _connect(self, url: str) -> ClientConnection:
        headers: Mapping[str, str] = {}
        if self.spec.password is not None:
            headers = {"Authorization": build_authorization_basic(self.spec.charge_point, self.spec.password)}
        return await connect(
            f"{url.rstrip('/')}/{self.spec.charge_point}",
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            additional_headers=headers,
            open_timeout=CONNECT_TIMEOUT_S,
            compression=None,
            proxy=None,
        )

    async def _serve(self, socket: ClientConnection, url: str, *, moves: bool) -> None:
        line = Line(self.spec.charge_point, socket, self.firmware)
        line.logger = _quiet
        self._socket = socket
        self.link_is_deaf = False
        self.firmware.link_up()
        works = [line.start(), self._tell(line)]
        if self.personality.goes_deaf_after_s is not None:
            works.append(self._go_deaf(line, self.personality.goes_deaf_after_s))
        if moves and self.personality.connects_twice_after_s is not None:
            works.append(self._connect_twice(url, self.personality.connects_twice_after_s))
        await _until_one_ends(works)

    # ------------------------------------------------------------------------------------------------------- sending

    async def _tell(self, line: Line) -> None:
        """Sends what waits in the outbox, in order; a message leaves it when it was answered."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self.firmware.outbox:
                await line.free.wait()
                message = self.firmware.outbox[0]
                told = await self._tell_one(line, message)
                if told and self.firmware.outbox and self.firmware.outbox[0] is message:
                    self.firmware.outbox.popleft()
            if self.firmware.reboot_wanted:
                await line.free.wait()
                raise _Rebooting

    async def _tell_one(self, line: Line, message: Message) -> bool:
        """False when it must be told again: nothing else is said before the BootNotification was accepted."""
        attempts = TRANSACTION_ATTEMPTS if isinstance(message, Start | Stop) else 1
        for _ in range(attempts):
            try:
                answer = await line.call(
                    payload(message, self.personality, self._stale_id(message)),
                    suppress=False,
                    skip_schema_validation=True,
                )
            except (OCPPError, TimeoutError, TypeError) as error:
                log.debug("%s: %s was refused: %r", self.spec.name, type(message).__name__, error)
            else:
                retry_s = self._answered(message, answer)
                break
        else:
            retry_s = BOOT_RETRY_S if isinstance(message, Boot) else None
        if retry_s is not None:
            await self._clock.sleep(retry_s)
        return retry_s is None

    def _answered(self, message: Message, answer: Any) -> float | None:
        """Takes an answer to heart; returns the seconds after which to ask again, if it must."""
        match message:
            case Beat():
                self._set_clock(answer)
            case Boot():
                self._set_clock(answer)
                accepted = answer.status == "Accepted"
                self.firmware.boot_answered(accepted, answer.interval)
                return None if accepted else max(answer.interval, BOOT_RETRY_S)
            case Start(transaction):
                accepted = (answer.id_tag_info or {}).get("status") == "Accepted"
                self.firmware.start_answered(transaction, answer.transaction_id, accepted)
            case _:
                pass
        return None

    def _set_clock(self, answer: Any) -> None:
        with contextlib.suppress(ValueError):
            current_time = instant(answer.current_time)
            if current_time:
                self.firmware.set_clock(current_time)

    def _stale_id(self, message: Message) -> int | None:
        if not self.personality.stale_transaction_id or not isinstance(message, Sampled):
            return None
        stale_id = self.firmware.stale_id
        return stale_id if stale_id is not None else 999_999

    # ---------------------------------------------------------------------------------------------------- misbehaving

    async def _go_deaf(self, line: Line, after_s: float) -> None:
        await self._clock.sleep(after_s)
        line.deaf = self.link_is_deaf = True
        assert self._socket is not None
        self._socket.transport.pause_reading()
        await self._clock.sleep(DEAF_S)
        raise ConnectionResetError("the half-open link was given up")

    async def _connect_twice(self, url: str, after_s: float) -> None:
        await self._clock.sleep(after_s)
        raise _Moved(await self._connect(url))


async def _until_one_ends(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Runs them side by side until one fails, and raises its error.

    Not a TaskGroup: one that is cancelled in the moment in which a member fails reports the failure and drops the
    cancellation, and whoever then tries again can't be stopped.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
