"""A broken or hostile wallbox harms nobody but itself."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import tracemalloc
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from drivers.ocpp16 import pace
from drivers.ocpp16.server import CentralSystem
from drivers.ocpp16.settings import OcppServerSettings, OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe
from hemsd.clock import ManualClock
from hemsd.model import WallboxEvent
from tests.ocpp16.fakes import box, settle, until
from tests.wallboxes.hostile import ACTIONS, NASTY, frames, recorded

pytestmark = pytest.mark.virtual_time

GROWTH_BYTES = 3_000_000


class OneBook:
    """Remembers one transaction, so that what grows is the central system's."""

    async def begin(self, *_: object) -> int:
        return 1

    async def end(self, *_: object) -> bool:
        return True

    async def open_one(self, *_: object) -> int | None:
        return None


class Tally:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: WallboxEvent) -> None:
        self.count += 1
        moments = (getattr(event, name, None) for name in ("started_at", "ended_at"))
        assert all(moment is None or isinstance(moment, datetime) for moment in moments)


def central(sink: Any) -> CentralSystem:
    return CentralSystem(
        OcppServerSettings(host="127.0.0.1", port=0),
        {name: OcppWallboxSettings(charge_point=name) for name in ("hostile", "neighbour")},
        Failsafe(),
        OneBook(),
        ManualClock(),
        sink,
    )


async def survives(count: int, seed: int) -> None:
    """Sends so many frames; the link stays up, the neighbour is served, and memory stays where it was."""
    tally = Tally()
    system = central(tally)
    running = asyncio.create_task(system.run())
    await system.listening()
    url = f"ws://127.0.0.1:{system.port}"
    half = count // 2
    async with box(f"{url}/neighbour") as neighbour, connect(f"{url}/hostile", compression=None) as hostile:
        await neighbour.boot()
        answers = asyncio.create_task(read_all(hostile))
        link = None
        for number, frame in enumerate(itertools.islice(frames(seed), count), start=1):
            await hostile.send(frame.decode("latin-1") if number % 3 else frame)
            if number == half:
                await until(lambda: system.wallboxes["hostile"].counters.frames_in == half)
                link = system.wallboxes["hostile"]._link
                tracemalloc.start()
            if number % 500 == 0:
                assert "currentTime" in await neighbour.send("Heartbeat")
        await hostile.send('[2,"end","Heartbeat",{}]')
        await until(lambda: system.wallboxes["hostile"].counters.frames_in == count + 1)
        await settle()
        assert system.wallboxes["hostile"]._link is link, "the link was lost on the way"
        assert "end" in await asyncio.wait_for(answers, 5)
        assert grown() < GROWTH_BYTES
        assert tally.count > count / 10
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def grown() -> int:
    """What was taken since the first half, when all that fills up once was full, and not given back."""
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept


async def read_all(socket: Any) -> set[str]:
    """The ids that were answered, up to the last one."""
    answered = set()
    async for raw in socket:
        frame = json.loads(raw)
        if frame[0] in (3, 4):
            answered.add(frame[1])
            if frame[1] == "end":
                break
    return answered


@pytest.fixture
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FRAMES_A_SECOND", 10**9)


@pytest.mark.slow
@pytest.mark.usefixtures("no_limit")
async def test_hundreds_of_damaged_frames_leave_link_and_neighbour_alone() -> None:
    await survives(400, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("no_limit")
async def test_ten_thousand_damaged_frames_leave_link_neighbour_and_memory_alone() -> None:
    await survives(10_000, seed=2)


@pytest.mark.slow
async def test_a_flood_is_slowed_down_and_named_and_the_neighbour_is_served_at_once() -> None:
    system = central(lambda event: None)
    running = asyncio.create_task(system.run())
    await system.listening()
    url = f"ws://127.0.0.1:{system.port}"
    async with box(f"{url}/neighbour") as neighbour, connect(f"{url}/hostile", compression=None) as hostile:
        flood = asyncio.create_task(pour(hostile))
        await asyncio.sleep(3)
        assert not system.wallboxes["hostile"].flooding  # it might be the queue of an outage
        await until(lambda: system.wallboxes["hostile"].flooding, most_s=20)
        assert system.wallboxes["hostile"].counters.frames_in <= 20 * pace.FRAMES_A_SECOND
        read = system.wallboxes["hostile"].counters.frames_in
        await neighbour.boot()
        assert system.wallboxes["hostile"].counters.frames_in <= read + pace.FRAMES_A_SECOND
        assert not system.wallboxes["neighbour"].flooding
        flood.cancel()
        hostile.transport.abort()
    running.cancel()
    await asyncio.gather(running, flood, return_exceptions=True)


async def pour(socket: Any) -> None:
    """A thousand a second."""
    while True:
        for number in range(100):
            await socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        await asyncio.sleep(0.1)


async def test_a_queue_that_is_emptied_after_an_outage_is_no_flood() -> None:
    slow = pace.Pace(most=20)
    for _ in range(30):
        await slow.turn()
    assert not slow.flooding


# --- the handlers themselves, with whatever hypothesis finds

CALLS = recorded()
scalars = st.sampled_from(NASTY) | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = sorted({key for _, payload in CALLS for key in payload} | {"meterValue", "sampledValue", "idTag", "data"})
payloads = st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), anything, max_size=6)


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A recorded call in which some values are something else."""
    action, payload = draw(st.sampled_from(CALLS))
    changed = draw(st.dictionaries(st.sampled_from(sorted(payload)), anything, max_size=3)) if payload else {}
    return action, {**payload, **changed}


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), payloads) | spoiled(), min_size=1, max_size=8))
def test_each_call_gets_an_answer_whatever_is_in_it(calls: list[tuple[str, dict[str, Any]]]) -> None:
    async def say_all() -> None:
        reception = central(Tally()).wallboxes["hostile"].reception
        for action, payload in calls:
            handled = await reception.on_call(action, payload)
            assert handled is not None
            json.dumps(handled.payload)
            if handled.then is not None:
                await handled.then()

    asyncio.run(say_all())
