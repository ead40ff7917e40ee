"""A grid meter that is late, on the played home: found out by what cars do, told on the page, remembered."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.simulated import day
from hemsd.alerts import Alerts
from hemsd.clock import ManualClock
from hemsd.config import Config, NamedMeter, load, named_meters
from hemsd.control import ControlSettings
from hemsd.house import Home
from hemsd.learned import LATENESS_FACT, Learned
from hemsd.model import MeterReading, Mode, Sampled, SiteSettings, SteeringSettings, WallboxSettings, Wish
from hemsd.ops.lifeboat import open_store
from hemsd.replay import Stage, stage
from hemsd.store.store import Store
from rules.lateness import Bounds

DAY = day.load("serf-2022-03-18")
LATE = (Bounds(5.0, 7.0),) * 3


def scene() -> Stage:
    box = WallboxSettings("garage", phases="1")
    return stage(DAY, ControlSettings(SteeringSettings(), SiteSettings(), (box,)), start_s=3000.0)


def play_late(at: Stage, seconds: int, delay_s: float) -> None:
    """As ``hemsd.replay.play``, with a meter that is read each second and tells what was ``delay_s`` ago."""
    under_way: deque[tuple[float, MeterReading]] = deque()
    for second in range(seconds):
        at.home.step(1.0)
        at.clock.leap(1.0)
        now_s = at.clock.monotonic()
        under_way.append((now_s + delay_s, MeterReading(power_w=at.home.grid_w)))
        while under_way and under_way[0][0] <= now_s:
            at.latest.put("grid", under_way.popleft()[1])
        at.latest.put("pv", MeterReading(power_w=at.home.pv_w))
        if second % 2 == 0:
            at.control.notice(Sampled("garage", at.boxes[0].sample()))
        if second % 5 == 0:
            at.control.tick()


def home_of(at: Stage) -> Home:
    return Home(clock=at.clock, latest=at.latest, control=at.control, alerts=Alerts(), vehicle_of={})


@pytest.mark.parametrize(("delay_s", "told_s"), [(6.0, pytest.approx(6.0, abs=1.0)), (0.0, None)])
def test_a_meter_is_found_to_be_late_by_what_cars_do(delay_s: float, told_s: object) -> None:
    at = scene()
    play_late(at, 60, delay_s)
    for mode, seconds in ((Mode.FAST, 90), (Mode.OFF, 400), (Mode.FAST, 90), (Mode.OFF, 60)):
        at.control.wish(Wish("garage", mode=mode))
        play_late(at, seconds, delay_s)
    state = home_of(at).state()
    assert state.meters["grid"].delay_s == told_s
    assert state.meters["pv"].delay_s is None


@pytest.mark.slow
def test_a_car_at_a_late_meter_needs_fewer_commands_once_the_delay_is_known() -> None:
    commands = []
    for bounds in ((), LATE):
        at = scene()
        at.control.grid_delay.begin(lambda _, known=bounds: known)  # type: ignore[misc]
        play_late(at, 2400, 6.0)
        commands.append(len(at.journal.commands))
    unknown, known = commands
    assert known < 0.7 * unknown


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(tmp_path / "home.db", ManualClock())
    yield store
    await store.close()


def grid_meter(folder: Path, host: str = "127.0.0.1") -> NamedMeter:
    (folder / "config.yaml").write_text(
        f"meters: {{grid: {{driver: modbus, host: {host}, unit: 200}}}}\n"
        "wallboxes: {garage: {driver: ocpp, charge_point: WB-001}}\n"
    )
    config: Config = load(folder / "config.yaml")
    return named_meters(config)[0]


async def test_what_was_learned_of_a_meter_outlives_a_restart_and_ends_with_its_settings(
    tmp_path: Path, store: Store
) -> None:
    learned, meter = Learned(store), grid_meter(tmp_path)
    assert learned.late_by(meter) == ()
    learned.lateness(meter, LATE)
    assert Learned(store).late_by(grid_meter(tmp_path)) == LATE
    assert learned.late_by(grid_meter(tmp_path, host="127.0.0.2")) == ()
    store.save_fact(LATENESS_FACT + "grid", {"of": "an older hemsd"})
    assert learned.late_by(meter) == ()


def test_of_two_grid_meters_nothing_is_learned() -> None:
    at = scene()
    roles = {name: at.latest.role_of(name) for name in at.latest.meters}
    at.latest.replace_meters({**roles, "grid_2": roles["grid"]})
    at.control.grid_delay.begin(lambda _: LATE)
    assert at.latest.delays_s == {}


def test_the_newest_reading_carries_the_delay_into_the_tick() -> None:
    at = scene()
    at.control.grid_delay.begin(lambda _: LATE)
    play_late(at, 10, 0.0)
    grid = at.latest.freeze().grid
    assert grid is not None
    assert replace(grid, age_s=0.0).delay_s == 6.0
