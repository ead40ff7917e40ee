"""What a car's session is said to have come to (PODERO-70): each word out of a visit that was played.

The two words that no visit here can lead to are named with their reasons in docs/dialects.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hemsd.model import DispatchStatus
from rules.outcome import SessionOutcome
from tests.dialects import stories
from tests.dialects.away import TELLING_CAR, charged_elsewhere
from tests.dialects.home import CheapAt, Played, played
from tests.dialects.stories import MINUTE, at

NEVER_SAID = {"ev_not_found", "no_battery_capacity"}
TODAY = {"from": "2025-06-11", "to": "2025-06-11"}
BOX = {"driver": "ocpp", "charge_point": "WB-001", "phases": "3"}


def one(listed: Any) -> Any:
    (item,) = listed["items"]
    return item


TOLD: dict[str, Callable[[], Any]] = {
    "in_progress": lambda: stories.a_night()["ev charging"]["session"],
    "optimized": lambda: one(stories.a_night()["ev"]),
    "boosted": lambda: one(stories.a_boosted_night()["ev"]),
    "immediate_start": lambda: one(stories.before_the_car_comes()["ev"]),
    "user_unplugged_early": lambda: one(stories.below_the_reserve()["ev"]),
    "commands_failed": lambda: one(stories.never_obeyed()["ev"]),
    "already_at_target": lambda: one(stories.a_dark_day()["ev"]),
    "unknown": lambda: one(stories.gone_while_away()["ev"]),
}
PLAYED = {
    "smart_optimization_disabled", "not_authenticated", "oem_not_capable", "oem_reported_full",
    "hems_only_mode", "insufficient_price_coverage", "other", "not_at_home",
}  # fmt: skip


@pytest.mark.parametrize("word", TOLD)
def test_podero_70_a_story_comes_to(word: str) -> None:
    assert TOLD[word]()["session_outcome"] == word


@asynccontextmanager
async def stay(
    folder: Path,
    word: str,
    *,
    soc_pct: float = 42.0,
    start_at: datetime | None = None,
    lasts: timedelta = MINUTE * 3,
    card: str | None = "card",
    **scene: Any,
) -> AsyncIterator[Played]:
    """A car comes, is left to itself (what the caller does comes first), and goes; the word is then looked up."""
    async with played(folder, start_at=start_at or at("10:00"), **scene) as home:
        home.plug(soc_pct, card=card)
        yield home
        home.play(lasts)
        home.unplug()
        assert one(await home.get(home.ev_path, **TODAY))["session_outcome"] == word


async def test_podero_70_smart_optimization_disabled_where_hemsd_only_watches(tmp_path: Path) -> None:
    async with stay(tmp_path, "smart_optimization_disabled", wallboxes={"garage": {**BOX, "steer": False}}):
        pass


async def test_podero_70_not_authenticated_where_no_transaction_was_begun(tmp_path: Path) -> None:
    async with stay(tmp_path, "not_authenticated", card=None):
        pass


async def test_podero_70_oem_not_capable_where_every_command_is(tmp_path: Path) -> None:
    async with stay(tmp_path, "oem_not_capable", sun_s=15_000.0, lasts=MINUTE * 10) as home:
        home.box.refusal = DispatchStatus.NOT_CAPABLE


async def test_podero_70_oem_reported_full_where_the_car_takes_no_more(tmp_path: Path) -> None:
    box = {"garage": {**BOX, "mode": "fast"}}
    async with stay(tmp_path, "oem_reported_full", soc_pct=99.5, wallboxes=box, lasts=MINUTE * 15):
        pass


async def test_podero_70_hems_only_mode_where_only_the_sun_was_followed(tmp_path: Path) -> None:
    async with stay(tmp_path, "hems_only_mode", policies={}, sun_s=15_000.0, lasts=MINUTE * 10):
        pass


@pytest.mark.slow
async def test_podero_70_insufficient_price_coverage_where_a_price_is_missing(tmp_path: Path) -> None:
    prices = CheapAt(((at("10:00"), at("10:15")),), until_at=at("10:30"))
    async with stay(tmp_path, "insufficient_price_coverage", soc_pct=49.0, prices=prices, lasts=MINUTE * 40):
        pass


async def test_podero_70_other_where_nothing_flowed_for_none_of_these_reasons(tmp_path: Path) -> None:
    async with stay(tmp_path, "other", policies={}):
        pass


async def test_podero_70_not_at_home_where_the_car_told_of_a_charge_elsewhere(tmp_path: Path) -> None:
    async with played(tmp_path, start_at=at("10:00"), vehicles=TELLING_CAR, step_s=60.0) as home:
        charged_elsewhere(home)
        session = one(await home.get(home.ev_path, **TODAY))
        assert (session["session_outcome"], session["is_at_home"]) == ("not_at_home", False)
        assert session["energy_charged_kwh"] == 5.5
        assert (session["initial_soc_pct"], session["final_soc_pct"]) == (40.0, 49.0)
        assert (session["actual_cost_eur"], session["actual_savings_eur"]) == (None, None), "nobody knows its price"


def test_podero_70_each_of_the_words_is_led_to_or_never_said() -> None:
    assert set(TOLD) | PLAYED | NEVER_SAID == {word.value for word in SessionOutcome}
    said = {name for name in globals() if name.startswith("test_podero_70_")}
    assert all(any(word in name for name in said) for word in PLAYED)
    docs = (Path(__file__).parent.parent.parent / "docs/dialects.md").read_text()
    assert all(f"`{word}` is never said" in docs for word in NEVER_SAID)
