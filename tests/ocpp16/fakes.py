"""A home for the tests: the real central system on a loopback port, and wallboxes that misbehave on request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from ocpp.messages import Call, get_validator
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from drivers.ocpp16.charge_point import ChargePoint, Patience
from drivers.ocpp16.keepalive import Heartbeat
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.server import CentralSystem
from drivers.ocpp16.settings import OcppServerSettings, OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe
from hemsd.clock import ManualClock
from hemsd.model import WallboxEvent

E = TypeVar("E")


class MemoryBook:
    """Transaction ids as the store keeps them, without the store."""

    def __init__(self, first_id: int = 1) -> None:
        self._next_id = first_id
        self._ids: dict[tuple[object, ...], int] = {}
        self._open: dict[tuple[str, int], int] = {}

    async def begin(
        self, wallbox: str, connector_id: int, id_tag: str, started_at: datetime, meter_start_wh: float | None
    ) -> int:
        key = (wallbox, connector_id, started_at, meter_start_wh)
        if key not in self._ids:
            self._ids[key] = self._next_id
            self._next_id += 1
        self._open[wallbox, connector_id] = self._ids[key]
        return self._ids[key]

    async def end(
        self, wallbox: str, transaction_id: int, ended_at: datetime, meter_stop_wh: float | None, reason: str
    ) -> bool:
        for place, open_id in self._open.items():
            if place[0] == wallbox and open_id == transaction_id:
                del self._open[place]
                return True
        return False

    async def open_one(self, wallbox: str, connector_id: int) -> int | None:
        return self._open.get((wallbox, connector_id))


@dataclass
class Home:
    """What a test holds in its hands."""

    central: CentralSystem
    clock: ManualClock
    book: MemoryBook
    events: list[WallboxEvent]
    memories: list[Memory]

    def url(self, path: str = "/WB-001") -> str:
        return f"ws://127.0.0.1:{self.central.port}{path}"

    @property
    def garage(self) -> ChargePoint:
        return self.central.wallboxes["garage"]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def leap_until(self, done: Callable[[], object], step_s: float = 1.0, most_s: float = 300.0) -> float:
        """Moves time on in steps until something holds; gives how many seconds it took."""
        passed_s = 0.0
        while not done() and passed_s < most_s:
            await settle()
            self.clock.leap(step_s)
            passed_s += step_s
            await settle()
        assert done()
        return passed_s


async def settle() -> None:
    """Lets everything that can happen on loopback without the clock happen."""
    for _ in range(5):
        await asyncio.sleep(0.002)


async def until(done: Callable[[], object], most_s: float = 3.0) -> None:
    async with asyncio.timeout(most_s):
        while not done():  # noqa: ASYNC110 - what is waited for happens on the far side of a socket
            await asyncio.sleep(0.002)


WALLBOX: Mapping[str, Any] = {"charge_point": "WB-001"}


@asynccontextmanager
async def home(
    wallboxes: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    book: MemoryBook | None = None,
    memories: Mapping[str, Memory] | None = None,
    patience: Patience | None = None,
    heartbeat: Heartbeat | None = None,
    failsafe: Failsafe | None = None,
    server: Mapping[str, Any] | None = None,
    **garage: Any,
) -> AsyncIterator[Home]:
    clock = ManualClock()
    events: list[WallboxEvent] = []
    remembered: list[Memory] = []
    book = book or MemoryBook()
    settings = wallboxes or {"garage": {**WALLBOX, **garage}}
    central = CentralSystem(
        OcppServerSettings(host="127.0.0.1", port=0, **(server or {})),
        {name: OcppWallboxSettings(**given) for name, given in settings.items()},
        failsafe or Failsafe(),
        book,
        clock,
        events.append,
        memories=memories,
        remember=remembered.append,
        patience=patience or Patience(command_s=2.0, setup_s=2.0),
        heartbeat=heartbeat,
    )
    running = asyncio.create_task(central.run())
    await asyncio.wait_for(central.listening(), 3)
    try:
        yield Home(central, clock, book, events, remembered)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# ---------------------------------------------------------------------------------------------------------------------
# A wallbox


Answer = Mapping[str, Any] | list[Any] | None
"""A payload; a list is a raw frame without the id (``[4, "NotSupported", ""]``); None: no answer; a future: later."""


@dataclass
class Box:
    """A charge point that says what the test tells it to, and answers like a well-behaved one unless told otherwise."""

    socket: ClientConnection
    configuration: dict[str, str] = field(
        default_factory=lambda: {
            "ChargeProfileMaxStackLevel": "0",
            "ChargingScheduleAllowedChargingRateUnit": "Current",
            "MeterValueSampleInterval": "60",
            "MeterValuesSampledData": "Energy.Active.Import.Register",
        }
    )
    answers: dict[str, Callable[[dict[str, Any]], Answer]] = field(default_factory=dict)
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closed: bool = False
    _waiting: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    _later: list[asyncio.Task[None]] = field(default_factory=list)
    _number: int = 0

    # -- what it says

    async def send(self, action: str, payload: Mapping[str, Any] | None = None, most_s: float = 2.0) -> dict[str, Any]:
        """Calls the central system and gives the payload of its CALLRESULT."""
        frame = await self.exchange(action, payload, most_s)
        assert frame[0] == 3, frame
        return frame[2]

    async def exchange(self, action: str, payload: Mapping[str, Any] | None = None, most_s: float = 2.0) -> list[Any]:
        self._number += 1
        unique_id = f"box-{self._number}"
        self._waiting[unique_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, unique_id, action, payload or {}]))
        return await asyncio.wait_for(self._waiting[unique_id], most_s)

    async def boot(self, **more: Any) -> dict[str, Any]:
        identity = {"chargePointVendor": "Acme", "chargePointModel": "Wall 11", "firmwareVersion": "1.0"}
        return await self.send("BootNotification", {**identity, **more})

    async def report(self, status: str, connector: int = 1, **more: Any) -> None:
        payload = {"connectorId": connector, "status": status, "errorCode": "NoError", **more}
        assert await self.send("StatusNotification", payload) == {}

    async def start(self, at: str = "2026-06-21T08:00:00Z", meter: int = 1000, tag: str = "CARD") -> int:
        payload = {"connectorId": 1, "idTag": tag, "timestamp": at, "meterStart": meter}
        return int((await self.send("StartTransaction", payload))["transactionId"])

    async def stop(self, transaction_id: object, at: str = "2026-06-21T08:00:00Z", meter: int = 3000) -> dict[str, Any]:
        payload = {"transactionId": transaction_id, "timestamp": at, "meterStop": meter, "reason": "EVDisconnected"}
        return await self.send("StopTransaction", payload)

    async def sample(
        self, transaction_id: object = None, at: str | None = "2026-06-21T08:00:00Z", **values: Any
    ) -> None:
        sampled = [{"measurand": name.replace("_", "."), "value": value} for name, value in values.items()]
        await self.metering([*sampled], transaction_id, at)

    async def metering(self, sampled: list[Any], transaction_id: object = None, at: str | None = None) -> None:
        value: dict[str, Any] = {"sampledValue": sampled}
        if at:
            value["timestamp"] = at
        payload: dict[str, Any] = {"connectorId": 1, "meterValue": [value]}
        if transaction_id is not None:
            payload["transactionId"] = transaction_id
        assert await self.send("MeterValues", payload) == {}

    # -- what it was told

    def got(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.received if name == action]

    @property
    def profiles(self) -> list[dict[str, Any]]:
        return [payload["csChargingProfiles"] for payload in self.got("SetChargingProfile")]

    @property
    def limits(self) -> list[float]:
        return [profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] for profile in self.profiles]

    # -- how it answers

    async def serve(self) -> None:
        try:
            async for raw in self.socket:
                frame = json.loads(raw)
                if frame[0] == 2:
                    await self._answer(frame)
                elif frame[1] in self._waiting:
                    self._waiting.pop(frame[1]).set_result(frame)
        except ConnectionClosed:
            pass
        finally:
            self.closed = True

    async def _answer(self, frame: list[Any]) -> None:
        _, unique_id, action, payload = frame
        assert_conforms(action, payload)
        self.received.append((action, payload))
        given = self.answers.get(action, getattr(self, f"_on_{action}", lambda payload: {"status": "Accepted"}))
        answer = given(payload)
        if isinstance(answer, asyncio.Future):
            answer.add_done_callback(lambda done: self._later.append(asyncio.create_task(self._reply(unique_id, done))))
            return
        await self._reply(unique_id, answer)

    async def _reply(self, unique_id: str, answer: Answer | asyncio.Future[Answer]) -> None:
        match answer.result() if isinstance(answer, asyncio.Future) else answer:
            case None:
                return
            case list() as answer:
                await self.socket.send(json.dumps([answer[0], unique_id, *answer[1:]]))
            case answer:
                await self.socket.send(json.dumps([3, unique_id, answer]))

    def _on_GetConfiguration(self, payload: dict[str, Any]) -> Answer:
        asked = payload.get("key") or list(self.configuration)
        known = [key for key in asked if key in self.configuration]
        told = [{"key": key, "value": self.configuration[key], "readonly": False} for key in known]
        return {"configurationKey": told, "unknownKey": [key for key in asked if key not in known]}

    def _on_ChangeConfiguration(self, payload: dict[str, Any]) -> Answer:
        self.configuration[payload["key"]] = payload["value"]
        return {"status": "Accepted"}

    def _on_ClearChargingProfile(self, payload: dict[str, Any]) -> Answer:
        return {"status": "Unknown"}


def assert_conforms(action: str, payload: dict[str, Any]) -> None:
    """What hemsd sends fits the published schema; hemsd itself does not check it at run time."""
    import decimal

    message = Call("", action, json.loads(json.dumps(payload), parse_float=decimal.Decimal))
    get_validator(2, action, "1.6", parse_float=decimal.Decimal).validate(message.payload)


@asynccontextmanager
async def box(url: str, subprotocols: list[str] | None = None, **connecting: Any) -> AsyncIterator[Box]:
    offered: Any = ["ocpp1.6"] if subprotocols is None else (subprotocols or None)
    async with connect(url, subprotocols=offered, open_timeout=3, close_timeout=0.2, **connecting) as socket:
        station = Box(socket)
        serving = asyncio.create_task(station.serve())
        try:
            yield station
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


@asynccontextmanager
async def charging_box(at: Home) -> AsyncIterator[tuple[Box, int]]:
    """Booted, set up, plugged and in a transaction."""
    async with box(at.url()) as station:
        await station.boot()
        await station.report("Charging")
        transaction_id = await station.start()
        await until(lambda: len(station.got("ChangeConfiguration")) >= 2)
        await settle()
        yield station, transaction_id


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
