"""What the page is told of a real home's plans: the daemon's own parts behind it, the day played in virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hemsd.alerts import Alerts
from hemsd.house import Home
from hemsd.model import Metered, MeterReading, Mode, Snapshot, SteeringSettings, SteeringState, WallboxSettings, Wish
from hemsd.outlook import countdowns
from rules.charge import BoxMemory
from rules.phases import PhaseMemory, SwitchStep
from tests.dialects.home import CheapAt, Played, played
from web.state_models import WallboxPage

AT = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
BOX = WallboxSettings("garage")
CHARGING = BoxMemory(state=SteeringState.MODULATING, limit_a=9.0)
NOW_S = 1000.0


def ahead(memory: BoxMemory, *, grid_age_s: float = 1.0, until_at: datetime | None = None) -> dict[str, float]:
    """What ends by itself, and in how many seconds."""
    snapshot = Snapshot(AT, NOW_S, grid=Metered(MeterReading(power_w=100.0), grid_age_s))
    found = countdowns(BOX, memory, SteeringSettings(), snapshot, until_at)
    return {one.what: (one.ends_at - AT).total_seconds() for one in found}


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (BoxMemory(state=SteeringState.COMMITMENT, since_s=NOW_S - 60), {"minimum_run": 120.0}),
        (BoxMemory(state=SteeringState.COOLDOWN, since_s=NOW_S - 179), {"minimum_pause": 1.0}),
        (BoxMemory(state=SteeringState.COOLDOWN, since_s=NOW_S - 180), {}),
        (replace(CHARGING, phase=PhaseMemory(step=SwitchStep.SETTLE, since_s=NOW_S - 20)), {"phase_switch": 100.0}),
        (replace(CHARGING, phase=PhaseMemory(step=SwitchStep.VERIFY, since_s=NOW_S - 20)), {}),
    ],
)
def test_what_ends_by_itself_says_when(memory: BoxMemory, expected: dict[str, float]) -> None:
    assert ahead(memory) == expected


@pytest.mark.parametrize(
    ("grid_age_s", "expected"),
    [
        (30.0, {}),
        (31.0, {"stale_step": 29.0}),
        (60.0, {}),
        (61.0, {"stale_stop": 119.0}),
        (180.0, {}),
    ],
)
def test_a_silent_meter_says_what_its_silence_leads_to(grid_age_s: float, expected: dict[str, float]) -> None:
    assert ahead(CHARGING, grid_age_s=grid_age_s) == expected


def test_silence_ends_nothing_where_nothing_follows_the_meter() -> None:
    assert ahead(replace(CHARGING, boost=True), grid_age_s=100.0) == {}
    assert ahead(replace(CHARGING, mode=Mode.MIN_SOLAR), grid_age_s=100.0) == {}  # stays at the minimum
    assert ahead(BoxMemory(), grid_age_s=100.0) == {}


def test_an_immediate_start_says_until_when_it_is_planned() -> None:
    assert ahead(replace(CHARGING, boost=True), until_at=AT + timedelta(minutes=40)) == {"boost": 2400.0}


# --- a whole home


def told(home: Played) -> Home:
    return Home(
        clock=home.clock,
        latest=home.latest,
        control=home.control,
        alerts=Alerts(),
        vehicle_of={"garage": "car"},
        courses=home.courses,
    )


def garage(house: Home) -> WallboxPage:
    return house.state().wallboxes["garage"]


async def test_the_schedule_s_target_is_told_before_and_after_the_car_comes(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        house = told(home)
        home.play(timedelta(minutes=1))
        home.plug(30.0)
        box = garage(house)
        assert (box.target_pct, box.ready_by) == (50, datetime(2025, 6, 11, 7, 0, tzinfo=UTC))
        home.control.wish(Wish("garage", target_pct=75.0, ready_by_at=datetime(2025, 6, 11, 5, 0, tzinfo=UTC)))
        home.tick()
        box = garage(house)
        assert (box.target_pct, box.ready_by) == (75, datetime(2025, 6, 11, 5, 0, tzinfo=UTC))
        assert box.soc_age_s is not None


async def test_a_level_above_the_target_is_enough_for_the_target_and_not_for_nothing(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        house = told(home)
        home.plug(70.0)
        home.play(timedelta(minutes=1))
        plan = house.plan().wallboxes["garage"]
        assert (plan.story and plan.story.goal_pct, plan.blocks) == (50, [])
        assert "70 % are enough for the 50 % asked for" in plan.reason


@pytest.mark.slow
async def test_a_running_visit_says_what_it_has_cost_and_what_is_planned(tmp_path: Path) -> None:
    cheap = (datetime(2025, 6, 11, 1, 0, tzinfo=UTC), datetime(2025, 6, 11, 6, 0, tzinfo=UTC))
    async with played(tmp_path, prices=CheapAt([cheap]), step_s=60.0) as home:
        house = told(home)
        home.courses.co2 = lambda at: 100.0 if cheap[0] <= at < cheap[1] else 500.0
        home.plug(35.0)
        home.play(timedelta(minutes=2))
        plan = house.plan()
        blocks = plan.wallboxes["garage"].blocks
        assert blocks
        assert all(cheap[0] <= block.start and block.end <= cheap[1] for block in blocks)
        assert {quarter.import_eur_per_kwh for quarter in plan.quarters} == {0.1, 0.4}
        home.play(cheap[1])
        box = garage(house)
        assert box.session_kwh is not None
        assert box.session_kwh > 5
        assert box.session_cost == pytest.approx(box.session_kwh * 0.10, abs=0.02)
        assert box.session_saved == pytest.approx(box.session_kwh * 0.30, abs=0.05)
        assert box.session_co2_g == pytest.approx(box.session_kwh * 100.0, abs=10.0)
        assert box.session_co2_saved_g == pytest.approx(box.session_kwh * 400.0, abs=50.0)


async def test_a_level_that_was_told_once_is_reckoned_further_as_the_car_charges(tmp_path: Path) -> None:
    async with played(tmp_path, prices=CheapAt(), step_s=60.0) as home:
        house = told(home)
        home.plug(12.0, tell=False)  # below its reserve: it charges at once
        home.play(timedelta(minutes=2))
        assert (garage(house).soc_pct, garage(house).soc_now_pct) == (None, None), (
            "an assumed level is not told to anyone"
        )
        home.latest.tell_soc("garage", 12.0)
        home.tick()
        begun_kwh = garage(house).session_kwh or 0.0
        home.play(timedelta(minutes=30))
        box = garage(house)
        charged_kwh = (box.session_kwh or 0.0) - begun_kwh
        assert charged_kwh > 1
        assert box.soc_pct == 12
        assert box.soc_age_s == pytest.approx(1800, abs=90)
        assert box.soc_now_pct == pytest.approx(12 + charged_kwh * 0.9 / 60 * 100, abs=0.3), "with the charger's losses"


async def test_without_prices_nothing_is_said_of_money(tmp_path: Path) -> None:
    async with played(tmp_path, step_s=60.0) as home:
        house = told(home)
        home.plug(35.0)
        home.play(timedelta(minutes=5))
        assert (garage(house).session_cost, garage(house).session_saved) == (None, None)
        assert (garage(house).session_co2_g, garage(house).session_co2_saved_g) == (None, None)


async def test_a_finished_visit_keeps_its_bill(tmp_path: Path) -> None:
    async with played(tmp_path, prices=CheapAt(), step_s=60.0, scopes=("local",)) as home:
        home.courses.co2 = lambda _: 250.0
        home.plug(15.0)  # below its reserve: it charges at once
        home.play(timedelta(minutes=30))
        home.unplug()
        (visit,) = (await home.get("/api/sessions"))["sessions"]
        assert visit["kwh"] > 1
        assert visit["cost"] == pytest.approx(visit["kwh"] * 0.40, abs=0.02)
        assert visit["co2_g"] == pytest.approx(visit["grid_kwh"] * 250.0, abs=1.0)
        assert visit["co2_saved_g"] is not None
        assert (await home.get(f"/api/sessions/{visit['id']}"))["cost"] == visit["cost"]


async def test_each_meter_says_its_role(tmp_path: Path) -> None:
    async with played(tmp_path) as home:
        home.tick()
        assert {name: meter.role for name, meter in told(home).state().meters.items()} == {"grid": "grid", "pv": "pv"}
