"""A visit once more under other settings: played over what was recorded of sun and house."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from hemsd.control import ControlSettings
from hemsd.model import SiteMinute, SiteSettings, SteeringSettings, Visit, WallboxSettings
from hemsd.what_if import Recorded, WhatIf, changed, compare
from tests.dialects.home import Played, played
from tests.web.fake_house import MIDNIGHT, VISIT_ID, house_w, sun_w
from web.house import NotPlayable
from web.past_models import WhatIfPage

SETTINGS = ControlSettings(SteeringSettings(), SiteSettings(), (WallboxSettings("garage", vehicle_phases=1),))
VISIT = Visit(VISIT_ID, 318, "garage", MIDNIGHT + timedelta(hours=9))


def recorded(hours: float) -> Recorded:
    minutes = [
        SiteMinute(MIDNIGHT + timedelta(minutes=minute), None, sun_w(minute) * 0.4, None, None, house_w(minute))
        for minute in range(9 * 60, int((9 + hours) * 60))
    ]
    return Recorded(VISIT, minutes, ())


@pytest.mark.slow
def test_a_larger_budget_bears_more_clouds_with_fewer_starts() -> None:
    small = changed(SETTINGS, "garage", {"steering.stop_budget_wh": 5.0})
    large = changed(SETTINGS, "garage", {"steering.stop_budget_wh": 300.0})
    page = compare(recorded(3.5), small, large, most_s=60)
    assert page.whole
    assert page.then.starts < page.now.starts
    assert page.then.grid_kwh > page.now.grid_kwh


@pytest.mark.slow
def test_a_play_that_takes_too_long_ends_for_both_at_the_same_minute() -> None:
    clock = iter([0.0, 1.0, 2.0, 99.0])
    page = compare(recorded(5), SETTINGS, SETTINGS, most_s=10, time_s=lambda: next(clock))
    assert (page.hours, page.whole) == (0.5, False)
    assert page.now == page.then


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"steering.stop_budget": 5.0}, "steering.stop_budget: there is no such setting"),
        ({"steering.min_run_s": 5.0}, "steering.min_run_s: input should be greater than or equal to 60"),
        ({"web.port": 1.0}, "web.port: must begin with steering., site. or wallbox."),
        ({"wallbox.name": "x"}, "wallbox.name: there is no such setting"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_in_words(asked: dict[str, float | str | bool | None], why: str) -> None:
    with pytest.raises(NotPlayable, match=why):
        changed(SETTINGS, "garage", asked)


def test_a_visit_of_which_the_sun_is_not_known_is_not_played() -> None:
    with pytest.raises(NotPlayable, match="too little was recorded"):
        Recorded(VISIT, [SiteMinute(MIDNIGHT, None, None, None, None, None)], ()).day()


# --- asked over the page's API


async def noon(home: Played) -> str:
    """An hour of sun; the visit's id."""
    home.plug(60.0)
    home.play(timedelta(hours=1))
    home.unplug()
    visit: str = (await home.get("/api/sessions"))["sessions"][0]["id"]
    return visit


@pytest.mark.slow
async def test_a_recorded_visit_is_played_with_the_mode_it_had(tmp_path: Path) -> None:
    async with played(tmp_path, sun_s=18_000.0, scopes=("local",)) as home:
        visit_id = await noon(home)
        visit = await home.store.views.visit(visit_id)
        assert visit is not None
        assert visit.plugged_out_at is not None
        minutes = await home.store.views.history(visit.plugged_in_at, visit.plugged_out_at, 60)
        steps = [SiteMinute(m.at, m.grid_w, m.pv_w, m.battery_w, m.soc_pct, m.house_w, m.cars_w) for m in minutes]
        decisions = await home.store.views.decisions(visit_id)
        page = await WhatIf(lambda: home.control.settings).answer(visit, steps, decisions, {"wallbox.mode": "off"})
        assert page.now.kwh == pytest.approx(visit.energy_wh / 1000, rel=0.2)
        assert page.then.kwh == 0.0


@pytest.mark.slow
def test_money_is_told_where_prices_are_known() -> None:
    page = compare(recorded(1), SETTINGS, SETTINGS, price_of=lambda _: (0.32, 0.08))
    assert page.now.cost == pytest.approx(0.08 * page.now.solar_kwh + 0.32 * page.now.grid_kwh, abs=0.01)
    assert compare(recorded(0.5), SETTINGS, SETTINGS).now.cost is None


@pytest.mark.slow
async def test_while_one_is_played_the_loop_goes_round_and_no_second_one_begins() -> None:
    playing = WhatIf(lambda: SETTINGS)
    one = asyncio.create_task(playing.answer(VISIT, recorded(1).minutes, (), {}))
    turns = 0
    while not one.done():
        await asyncio.sleep(0.01)
        turns += 1
        assert playing.busy or one.done()
    assert isinstance(await one, WhatIfPage)
    assert turns > 2
