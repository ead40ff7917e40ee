"""What the forecast services say, and what hemsd makes of it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.base import DeviceError
from drivers.forecast.expected import Forecast
from drivers.forecast.making import label, make_forecast
from drivers.forecast.settings import ForecastSettings
from drivers.forecast.sources import entries
from drivers.series.quarters import on_quarters
from hemsd.clock import ManualClock
from tests.series.service import running, until

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
SETTINGS: TypeAdapter[Any] = TypeAdapter(ForecastSettings)
SOUTH = {"tilt_deg": 30, "azimuth_deg": 0, "peak_kw": 5.0}
WEST = {"tilt_deg": 30, "azimuth_deg": 90, "peak_kw": 3.0}
HOME = {"latitude": 52.5, "longitude": 13.4}


async def powers(url: str, **values: Any) -> dict[str, float | None]:
    found = on_quarters(await entries(SETTINGS.validate_python({"url": url, **values}), NOON))
    return {f"{at:%d %H:%M}": None if w is None else round(w, 3) for at, w in found.items()}


FORECAST_SOLAR = {
    "result": {
        "watts": {},
        "watt_hours_period": {
            "2026-06-21T02:45:00+00:00": 0,
            "2026-06-21T03:00:00+00:00": 50,
            "2026-06-21T04:00:00+00:00": 800,
            "2026-06-21T19:00:00+00:00": 0,
            "2026-06-22T02:45:00+00:00": 0,
            "2026-06-22T03:00:00+00:00": 40,
        },
    },
    "message": {"code": 0, "type": "success"},
}


async def test_forecast_solar_energies_become_powers_of_the_time_before_them() -> None:
    async with running(FORECAST_SOLAR) as service:
        found = await powers(service.url, driver="forecast-solar", planes=[SOUTH], **HOME)
        assert found["21 02:45"] == 200.0
        assert (found["21 03:00"], found["21 03:45"]) == (800.0, 800.0)
        assert found["22 00:00"] == 0.0, "the night is known to be dark"
        assert "21 02:30" not in found
        assert service.seen[0].path == "/estimate/52.5/13.4/30/0/5"
        assert service.seen[0].query["time"] == "utc"


async def test_two_planes_are_asked_one_by_one_and_added_up() -> None:
    async with running(FORECAST_SOLAR) as service:
        found = await powers(service.url, driver="forecast-solar", planes=[SOUTH, WEST], **HOME)
        assert found["21 03:00"] == 1600.0
        assert [request.path for request in service.seen] == [
            "/estimate/52.5/13.4/30/0/5",
            "/estimate/52.5/13.4/30/90/3",
        ]


async def test_the_key_of_a_paid_account_goes_into_the_path_and_into_no_message(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k3y\n")
    async with running(FORECAST_SOLAR) as service:
        await powers(service.url, driver="forecast-solar", planes=[SOUTH], api_key_file=key, **HOME)
        assert service.seen[0].path.startswith("/k3y/estimate/")
        service.mood = "429"
        with pytest.raises(DeviceError) as raised:
            await powers(service.url, driver="forecast-solar", planes=[SOUTH], api_key_file=key, **HOME)
        assert "k3y" not in str(raised.value)


def open_meteo(values: list[float | None]) -> dict[str, Any]:
    ends = [int(NOON.timestamp()) + 900 * (number + 1) for number in range(len(values))]
    return {"minutely_15": {"time": ends, "global_tilted_irradiance": values}}


async def test_open_meteo_irradiance_becomes_the_power_of_the_quarter_hour_before() -> None:
    async with running(open_meteo([800.0, None, -3.2])) as service:
        found = await powers(service.url, driver="open-meteo", planes=[SOUTH], performance=0.8, **HOME)
        assert found == {"21 12:00": 3200.0, "21 12:15": None, "21 12:30": 0.0}
        query = service.seen[0].query
        assert (query["tilt"], query["azimuth"], query["timeformat"]) == ("30", "0", "unixtime")


async def test_any_json_can_be_read_by_its_paths() -> None:
    rows = [{"t": "2026-06-21T12:00:00Z", "kw": 2.5}, {"t": "2026-06-21T12:30:00Z", "kw": None}]
    async with running({"forecast": rows}) as service:
        found = await powers(service.url, driver="http", values="$.forecast", start="$.t", power="$.kw", scale=1000)
        assert found == {"21 12:00": 2500.0, "21 12:15": 2500.0, "21 12:30": None, "21 12:45": None}


@pytest.mark.parametrize(
    ("driver", "answer", "sentence"),
    [
        ("forecast-solar", {"result": [], "message": {}}, r"nothing at \$\.result"),
        ("forecast-solar", {"result": {"watt_hours_period": {"soon": 1}}}, "not ISO 8601"),
        ("open-meteo", {"error": True, "reason": "no"}, r"nothing at \$\.minutely_15"),
        ("open-meteo", {"minutely_15": {"time": [1], "global_tilted_irradiance": []}}, "more times than values"),
        ("open-meteo", open_meteo([1e9]), "more than 2 MW"),
    ],
)
async def test_what_does_not_fit_is_said_and_not_guessed(driver: str, answer: Any, sentence: str) -> None:
    async with running(answer) as service:
        with pytest.raises(DeviceError, match=sentence):
            await powers(service.url, driver=driver, planes=[SOUTH], **HOME)


async def test_a_forecast_is_delivered_and_kept_over_a_restart(tmp_path: Path) -> None:
    seen: list[Forecast] = []
    async with running(open_meteo([400.0])) as service:
        settings = SETTINGS.validate_python({"driver": "open-meteo", "url": service.url, "planes": [SOUTH], **HOME})
        for mood in ("well", "500"):
            service.mood = mood
            driver = make_forecast(
                settings, clock=ManualClock(NOON), sink=seen.append, folder=tmp_path, say=lambda *_: None
            )
            task = asyncio.create_task(driver.run())
            await until(lambda mood=mood: len(seen) == (1 if mood == "well" else 2))  # type: ignore[misc]
            await until(lambda: (tmp_path / "forecast.json").exists())
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert seen[0] == seen[1]
    assert seen[0].pv_w == pytest.approx((1700.0,))


def test_a_forecast_for_other_panels_has_another_name() -> None:
    one = SETTINGS.validate_python({"driver": "open-meteo", "planes": [SOUTH], **HOME})
    other = SETTINGS.validate_python({"driver": "open-meteo", "planes": [SOUTH, WEST], **HOME})
    assert label(one) != label(other)


@pytest.mark.parametrize(
    "wrong",
    [
        {"driver": "open-meteo", "planes": [], **HOME},
        {"driver": "open-meteo", "planes": [SOUTH], "latitude": 91, "longitude": 0},
        {"driver": "forecast-solar", "planes": [SOUTH], "api_key": "a", "api_key_file": "/b", **HOME},
        {"driver": "http", "url": "http://weather.example/"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.validate_python(wrong)
