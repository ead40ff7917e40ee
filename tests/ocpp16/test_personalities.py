"""The central system before the simulated wallbox with its quirks, on real sockets.

A test plays Control: it gives limits, looks at what the car really draws, and tells the verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from drivers.ocpp16.charge_point import ChargePoint
from drivers.ocpp16.server import CentralSystem
from drivers.ocpp16.settings import OcppServerSettings, OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe
from drivers.simulated.home import SimulatedHome
from drivers.simulated.settings import SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import SimulatedWallbox, WallboxSpec
from hemsd.clock import Clock
from hemsd.model import Outcome, Sampled, TransactionEnded, TransactionStarted, WallboxEvent
from tests.ocpp16.fakes import MemoryBook
from tests.virtual import LoopClock, comes_true

pytestmark = pytest.mark.slow  # each plays a wallbox through its hours

TRIES = 5
SETTLE_S = 25.0


@dataclass
class Garage:
    box: ChargePoint
    station: SimulatedWallbox
    clock: Clock
    events: list[WallboxEvent]

    def count(self, kind: type) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    @property
    def drawn_a(self) -> float:
        return max(self.station.state().currents_a)

    async def obeys(self, limit_a: float) -> bool:
        """Whether the car comes to draw no more than this, however often it must be said."""
        for _ in range(TRIES):
            await self.box.send_limit(limit_a, None, failsafe_a=6)
            await self.clock.sleep(SETTLE_S)
            if self.drawn_a <= limit_a + 0.3:
                self.box.verdict(Outcome.APPLIED)
                return True
            self.box.verdict(Outcome.ACCEPTED_INEFFECTIVE)
        return False


@asynccontextmanager
async def garage(personality: str) -> AsyncIterator[Garage]:
    clock = LoopClock()
    events: list[WallboxEvent] = []
    central = CentralSystem(
        OcppServerSettings(host="127.0.0.1", port=0),
        {"garage": OcppWallboxSettings(charge_point="WB-001")},
        Failsafe(),
        MemoryBook(),
        clock,
        events.append,
    )
    home = SimulatedHome(
        SimulateSettings(speed=1, car=SimulatedCar()),
        clock,
        [WallboxSpec("garage", "WB-001", personality=(personality,))],
    )
    running = [asyncio.create_task(central.run())]
    await central.listening()
    await home.start()
    home.connect_wallboxes(f"ws://127.0.0.1:{central.port}")
    running.append(asyncio.create_task(home.run()))
    box = central.wallboxes["garage"]
    try:
        await comes_true(lambda: box.transaction_id is not None)
        await clock.sleep(30)
        yield Garage(box, home.wallboxes["garage"], clock, events)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.parametrize(
    ("personality", "way"),
    [
        ("honest", "TxDefaultProfile Absolute"),
        ("ignores_relative", "TxDefaultProfile Absolute"),
        ("ignores_absolute", "TxDefaultProfile Relative"),
        ("stack0_only", "TxDefaultProfile Absolute stack 0"),
        ("txdefault_next_tx_only", "TxProfile"),
        ("watts_only_lowercase", "TxDefaultProfile Absolute"),
        ("watts_divides_by_three", "TxDefaultProfile Absolute"),
        ("steps_6_8_10_13_16", "TxDefaultProfile Absolute"),
        ("integer_up_to_max", "TxDefaultProfile Absolute"),
        ("resume_full_current", "TxDefaultProfile Absolute"),
        ("local_time_no_zone", "TxDefaultProfile Absolute"),
        ("year_1970", "TxDefaultProfile Absolute"),
        ("no_answer_but_applies", "TxDefaultProfile Absolute"),
        ("callerror_on_get", "TxDefaultProfile Absolute"),
        ("getconfig_one_key", "TxDefaultProfile Absolute"),
        ("stale_txid", "TxDefaultProfile Absolute"),
    ],
)
async def test_a_box_with_a_quirk_comes_to_obey(personality, way):
    async with garage(personality) as at:
        for limit_a in (10, 8.8, 6):
            assert await at.obeys(limit_a), limit_a
        assert str(at.box.steering.memory.way).startswith(way)
        assert at.count(TransactionStarted) == 1
        assert await at.obeys(0)
        assert await at.obeys(9)
        assert at.drawn_a > 5


async def test_a_box_that_ignores_everything_is_known_for_it():
    async with garage("ignores_profile") as at:
        for limit_a in (10, 9, 8):
            assert not await at.obeys(limit_a)
        assert at.box.steering.memory.way is None


@pytest.mark.parametrize(
    "personality", ["zero_ends_tx_finishing", "zero_ends_tx_silent_preparing", "zero_persists_lockout"]
)
async def test_wb_30_a_box_that_ends_the_transaction_at_zero_is_known_for_it(personality):
    async with garage(personality) as at:
        await at.obeys(0)
        assert at.count(TransactionEnded) == 1
        assert at.box.steering.memory.zero_ends_tx


async def test_wb_17_a_box_that_sends_only_when_asked_is_asked():
    async with garage("meter_only_on_trigger") as at:
        await at.clock.sleep(120)
        assert at.count(Sampled) >= 4


async def test_wb_06_a_box_that_is_half_open_comes_back_on_a_new_link():
    async with garage("double_connect") as at:
        await at.clock.sleep(90)
        assert await at.obeys(8)
        assert at.count(TransactionStarted) == 1


async def test_wb_58_what_was_sampled_in_an_outage_is_history():
    async with garage("backlog_after_reconnect") as at:
        assert await at.obeys(8)
        at.station.cut_link()
        await at.clock.sleep(180)
        at.station.link_allowed.set()
        await at.clock.sleep(120)
        samples = [event.sample for event in at.events if isinstance(event, Sampled)]
        assert any(sample.backlog for sample in samples)
        assert not samples[-1].backlog
