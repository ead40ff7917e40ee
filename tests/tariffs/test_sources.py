"""What each price service says, and what hemsd makes of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.base import DeviceError
from drivers.series.quarters import on_quarters
from drivers.tariffs.settings import TariffSection, TariffSettings
from drivers.tariffs.sources import Fetched, entries
from tests.series.service import running

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
SETTINGS: TypeAdapter[Any] = TypeAdapter(TariffSettings)


def settings(**values: Any) -> Fetched:
    found: Fetched = SETTINGS.validate_python(values)
    return found


async def prices(url: str, **values: Any) -> dict[str, float | None]:
    found = on_quarters(await entries(settings(url=url, **values), NOON))
    return {f"{at:%d %H:%M}": None if eur is None else round(eur, 6) for at, eur in found.items()}


def milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000


AWATTAR = {
    "object": "list",
    "data": [
        {
            "start_timestamp": milliseconds(NOON),
            "end_timestamp": milliseconds(NOON + timedelta(hours=1)),
            "marketprice": 100.0,
            "unit": "Eur/MWh",
        },
        {
            "start_timestamp": milliseconds(NOON + timedelta(hours=1)),
            "end_timestamp": milliseconds(NOON + timedelta(hours=2)),
            "marketprice": -12.3,
            "unit": "Eur/MWh",
        },
    ],
}


async def test_awattar_hours_become_quarters_with_fees_and_tax() -> None:
    async with running(AWATTAR) as service:
        found = await prices(service.url, driver="awattar", markup_eur_per_kwh=0.10, vat_pct=20)
        assert len(found) == 8
        assert found["21 12:45"] == 0.24
        assert found["21 13:00"] == pytest.approx((0.10 - 0.0123) * 1.2)
        query = service.seen[0].query
        assert int(query["start"]) < milliseconds(NOON) < int(query["end"])


async def test_a_negative_market_price_stays_negative() -> None:
    async with running(AWATTAR) as service:
        found = await prices(service.url, driver="awattar", vat_pct=0)
        assert found["21 13:45"] == -0.0123


def tibber(today: list[Any], tomorrow: list[Any], home: str = "home-1") -> dict[str, Any]:
    info = {"today": today, "tomorrow": tomorrow}
    return {"data": {"viewer": {"homes": [{"id": home, "currentSubscription": {"priceInfo": info}}]}}}


def at_local(quarter: int, total: float | None) -> dict[str, Any]:
    minutes = quarter * 15
    return {"total": total, "startsAt": f"2026-06-21T{14 + minutes // 60:02}:{minutes % 60:02}:00.000+02:00"}


async def test_tibber_is_asked_for_quarter_hours_with_its_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    async with running(tibber([at_local(0, 0.31), at_local(1, 0.29)], [])) as service:
        found = await prices(service.url, driver="tibber", token_file=token)
        assert found == {"21 12:00": 0.31, "21 12:15": 0.29}
        assert service.seen[0].headers["Authorization"] == "Bearer t0ken"
        assert "resolution: QUARTER_HOURLY" in json.loads(service.bodies[0])["query"]


async def test_tibber_today_and_tomorrow_follow_each_other() -> None:
    tomorrow = [{"total": 0.20, "startsAt": "2026-06-22T00:00:00+02:00"}]
    async with running(tibber([at_local(0, 0.31), at_local(1, None), at_local(2, 0.33)], tomorrow)) as service:
        found = await prices(service.url, driver="tibber", token="t0ken")
        assert found["21 12:15"] is None
        assert found["21 22:00"] == 0.20
        assert "21 12:45" not in found


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"errors": [{"message": "invalid token"}], "data": None}, "Tibber refuses the question"),
        ({"data": {"viewer": {"homes": []}}}, "Tibber knows no home"),
        ({"data": {"viewer": {"homes": [{"id": "x", "currentSubscription": None}]}}}, "knows no contract"),
        ({"data": {}}, r"nothing at \$\.data\.viewer\.homes"),
        ([], "no object"),
    ],
)
async def test_what_tibber_can_say_instead(answer: Any, sentence: str) -> None:
    async with running(answer) as service:
        with pytest.raises(DeviceError, match=sentence):
            await prices(service.url, driver="tibber", token="t0ken")


async def test_tibber_finds_the_home_that_is_meant() -> None:
    answer = tibber([at_local(0, 0.31)], [], home="home-2")
    answer["data"]["viewer"]["homes"].insert(0, {"id": "home-1", "currentSubscription": None})
    async with running(answer) as service:
        assert await prices(service.url, driver="tibber", token="t0ken", home="home-2")
        with pytest.raises(DeviceError, match="no such home"):
            await prices(service.url, driver="tibber", token="t0ken", home="home-3")


def energy_charts(prices_eur_mwh: list[float | None], **more: Any) -> dict[str, Any]:
    starts = [int(NOON.timestamp()) + 900 * number for number in range(len(prices_eur_mwh))]
    return {"unix_seconds": starts, "price": prices_eur_mwh, "unit": "EUR / MWh", **more}


async def test_energy_charts_gives_quarter_hours_and_its_null_stays_a_gap() -> None:
    async with running(energy_charts([80.0, None, -20.0])) as service:
        found = await prices(service.url, driver="energy-charts", vat_pct=0, bidding_zone="AT")
        assert found == {"21 12:00": 0.08, "21 12:15": None, "21 12:30": -0.02}
        assert service.seen[0].query["bzn"] == "AT"
        assert service.seen[0].query["start"] == "2026-06-20"


async def test_energy_charts_in_another_unit_is_refused() -> None:
    async with running(energy_charts([80.0], unit="ct/kWh")) as service:
        with pytest.raises(DeviceError, match="not in EUR/MWh"):
            await prices(service.url, driver="energy-charts")


async def test_any_json_can_be_read_by_its_paths() -> None:
    answer = {
        "result": {"rows": [{"from": "2026-06-21T12:00:00Z", "ct": 25.0}, {"from": "2026-06-21T13:00:00Z", "ct": 0}]}
    }
    paths = {"prices": "$.result.rows", "start": "$.from", "price": "$.ct", "scale": 0.01}
    async with running(answer) as service:
        found = await prices(service.url, driver="http", **paths)
        assert (found["21 12:30"], found["21 13:45"]) == (0.25, 0.0)


async def test_the_end_of_an_entry_can_be_told_too() -> None:
    answer = [{"a": int(NOON.timestamp()), "b": int(NOON.timestamp()) + 1800, "p": 0.3}]
    async with running(answer) as service:
        found = await prices(service.url, driver="http", start="$.a", end="$.b", price="$.p")
        assert found == {"21 12:00": 0.3, "21 12:15": 0.3}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ([{"start": "2026-06-21T12:00:00Z", "eur_per_kwh": 85.4}], "the unit must be another one"),
        ([{"start": "2026-06-21T12:00:00", "eur_per_kwh": 0.3}], "without a zone"),
        ([{"start": "noon", "eur_per_kwh": 0.3}], "not ISO 8601"),
        ([{"start": 12, "eur_per_kwh": 0.3}], "no moment of today"),
        ([{"start": "2026-06-21T12:00:00Z", "eur_per_kwh": "cheap"}], "no number"),
        ([{"start": "2026-06-21T12:00:00Z", "eur_per_kwh": "NaN"}], "no finite number"),
        ([{"start": "2026-06-21T12:00:00Z"}], r"nothing at \$\.eur_per_kwh"),
        ({"message": "hello"}, "no list"),
    ],
)
async def test_what_does_not_fit_is_said_and_not_guessed(answer: Any, sentence: str) -> None:
    async with running(answer) as service:
        with pytest.raises(DeviceError, match=sentence):
            await prices(service.url, driver="http")


@pytest.mark.parametrize(
    "wrong",
    [
        {"driver": "tibber"},
        {"driver": "tibber", "token": "a", "token_file": "/b"},
        {"driver": "http", "url": "http://prices.example/"},
        {"driver": "http", "url": "https://prices.example/", "price": "eur"},
        {"driver": "energy-charts", "bidding_zone": "DE&x=1"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TariffSection.model_validate({"import": wrong})


def test_a_token_does_not_show_in_the_settings() -> None:
    assert "t0ken" not in repr(settings(driver="tibber", token="t0ken"))
