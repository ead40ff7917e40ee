"""An odd day of a station, all the way from its sessions to whoever asked to be told."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

from hemsd.scoring import shelf
from hemsd.scoring.shelf import Record
from hemsd.scoring.stations import StationDesk
from tests.analysis.schemas import conforms
from tests.cloud.home import Home, at_home, settings
from tests.cloud.receiver import Receiver, receiving, says, taken
from web.analysis_models import Status


async def three_weeks(home: Home, *, last_kwh: float) -> StationDesk:
    """A session of 10 kWh a day at a program's station; how the last day went is the test's."""
    desk = StationDesk(home.store, home.clock, tell=home.cloud.marks.of_station)
    for number in range(21):
        kwh = 10.0 if number < 20 else last_kwh
        home.store.carry_out(
            shelf.keep(
                Record(
                    number + 1,
                    f"id-{number}",
                    "anna",
                    f"s-{number}",
                    "CP-1",
                    home.clock.utc(),
                    status=Status.ACTIVE,
                    is_anomaly=False,
                    energy_wh=1000 * kwh,
                )
            )
        )
        home.clock.leap(24 * 3600)
    await home.store.settle()
    await desk.look_at(home.clock.utc().replace(hour=0, minute=0) - timedelta(days=1))
    return desk


def home_of(hook: Receiver, tmp_path: Path) -> AbstractAsyncContextManager[Home]:
    return at_home(tmp_path / "hemsd.db", settings(hook.url, tmp_path, "webhook", token="t"))


async def test_csar_96_97_99_100_an_odd_station_is_told_with_one_id_however_often_it_takes(tmp_path: Path) -> None:
    hook = Receiver(says(503))
    async with (
        receiving(hook),
        at_home(tmp_path / "hemsd.db", settings(hook.url, tmp_path, "webhook", token="t")) as home,
    ):
        desk = await three_weeks(home, last_kwh=1.0)
        await desk.look_at(home.clock.utc().replace(hour=0, minute=0) - timedelta(days=1))  # a second look is no news
        await home.pay("webhook", 10)
        refused = [heard.body for heard in hook.heard]
        hook.behaves = taken
        hook.heard.clear()
        await home.pay("webhook", 600)
        [heard] = hook.heard
        newest = await desk.inference("anna", "CP-1")

    conforms(heard.body, "csar_webhook")
    assert heard.body["event"] == "station.anomaly_detected"
    assert heard.headers["authorization"] == "Bearer t"
    assert {body["webhook_id"] for body in refused} == {heard.body["webhook_id"]}
    assert newest is not None
    inference = newest.model_dump(mode="json")
    assert {key: heard.body[key] for key in inference} == inference


async def test_csar_98_a_station_in_order_is_not_told_of(tmp_path: Path) -> None:
    hook = Receiver()
    async with (
        receiving(hook),
        at_home(tmp_path / "hemsd.db", settings(hook.url, tmp_path, "webhook", token="t")) as home,
    ):
        await three_weeks(home, last_kwh=10.0)
        await home.pay("webhook", 600)

    assert hook.heard == []
