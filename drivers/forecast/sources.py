"""How the forecast services are asked, and what their answers mean: watts over time, whole planes added up.

Forecast.Solar  GET /[key/]estimate/lat/lon/tilt/azimuth/kWp?time=utc: {"result": {"watt_hours_period": {time: Wh}}}.
                Each energy belongs to the time since the entry before; the first of a day stands at sunrise with 0.
Open-Meteo      GET /v1/forecast?minutely_15=global_tilted_irradiance&tilt&azimuth&timeformat=unixtime:
                {"minutely_15": {"time": [...], "global_tilted_irradiance": [W/m2, mean of the 15 minutes before]}}.
                Around sunset it can be slightly negative; that is read as 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import assert_never

from drivers.base import DeviceError
from drivers.forecast.settings import (
    ForecastSolarSettings,
    HttpForecastSettings,
    OpenMeteoSettings,
    Plane,
)
from drivers.mqtt_payload import Json
from drivers.series import reading
from drivers.series.http import Question, ask, secret
from drivers.series.quarters import Entry, around, lasting, on_quarters
from hemsd.model import QUARTER
from hemsd.said import said

RATED_W_PER_M2 = 1000.0  # IEC 60904: the irradiance that a panel's rated power is given for
W_PER_KW = 1000.0
MOST_W = 2_000_000.0  # beyond, the unit is another one
HOUR = timedelta(hours=1)
LONGEST_NIGHT = timedelta(hours=24)
VARIABLE = "global_tilted_irradiance"

Settings = ForecastSolarSettings | OpenMeteoSettings | HttpForecastSettings


async def entries(settings: Settings, now: datetime) -> list[Entry]:
    """The power that is expected. Raises DeviceError."""
    match settings:
        case ForecastSolarSettings():
            parts = [await _forecast_solar(settings, plane) for plane in settings.planes]
        case OpenMeteoSettings():
            parts = [await _open_meteo(settings, plane) for plane in settings.planes]
        case HttpForecastSettings():
            parts = [await _custom(settings)]
        case _:
            assert_never(settings)
    found = added(around(part, now) for part in parts)
    if any(entry.value is not None and entry.value > MOST_W for entry in found):
        raise DeviceError(said("forecast.unit", "a forecast of more than 2 MW: the unit must be another one"))
    return found


def added(parts: Iterable[Iterable[Entry]]) -> list[Entry]:
    """The planes together; where one has no value, the sum has none."""
    quarters = [on_quarters(part) for part in parts]
    starts = sorted({start_at for part in quarters for start_at in part})
    return [Entry(at, at + QUARTER, _sum([part.get(at) for part in quarters])) for at in starts]


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


async def _forecast_solar(settings: ForecastSolarSettings, plane: Plane) -> list[Entry]:
    key = await secret(settings.api_key, settings.api_key_file)
    prefix = settings.url.rstrip("/") + (f"/{key.get_secret_value()}" if key is not None else "")
    where = f"{settings.latitude:g}/{settings.longitude:g}"
    roof = f"{plane.tilt_deg:.0f}/{plane.azimuth_deg:.0f}/{plane.peak_kw:g}"
    answer = await ask(Question(f"{prefix}/estimate/{where}/{roof}", {"time": "utc"}))
    return forecast_solar(answer)


def forecast_solar(answer: Json) -> list[Entry]:
    """Energies since the entry before, as powers. Raises DeviceError."""
    energies = {
        reading.moment(text): reading.number(found)
        for text, found in reading.pairs(reading.at(answer, "result", "watt_hours_period")).items()
    }
    return [
        Entry(start_at, end_at, _mean_w(energies[end_at], end_at - start_at))
        for start_at, end_at in pairwise(sorted(energies))
        if end_at - start_at <= LONGEST_NIGHT
    ]


def _mean_w(energy_wh: float | None, duration: timedelta) -> float | None:
    return None if energy_wh is None else max(0.0, energy_wh) / (duration / HOUR)


async def _open_meteo(settings: OpenMeteoSettings, plane: Plane) -> list[Entry]:
    query = {
        "latitude": f"{settings.latitude:g}",
        "longitude": f"{settings.longitude:g}",
        "minutely_15": VARIABLE,
        "tilt": f"{plane.tilt_deg:g}",
        "azimuth": f"{plane.azimuth_deg:g}",
        "timeformat": "unixtime",
        "forecast_days": "3",
    }
    return open_meteo(await ask(Question(settings.url, query)), plane.peak_kw * settings.performance)


def open_meteo(answer: Json, kw: float) -> list[Entry]:
    """Irradiance of the quarter-hour that ends at each time, as power. Raises DeviceError."""
    times = reading.items(reading.at(answer, "minutely_15", "time"))
    irradiances = reading.items(reading.at(answer, "minutely_15", VARIABLE))
    if len(times) != len(irradiances):
        raise DeviceError(said("answer.uneven", "the answer has more times than values, or fewer"))
    found = []
    for time, value in zip(times, irradiances, strict=True):
        end_at, w_per_m2 = reading.moment(time), reading.number(value)
        power_w = None if w_per_m2 is None else max(0.0, w_per_m2) / RATED_W_PER_M2 * kw * W_PER_KW
        found.append(Entry(end_at - QUARTER, end_at, power_w))
    return found


async def _custom(settings: HttpForecastSettings) -> list[Entry]:
    token = await secret(settings.token, settings.token_file)
    return custom(await ask(Question(settings.url, bearer=token)), settings)


def custom(answer: Json, settings: HttpForecastSettings) -> list[Entry]:
    """The entries at the paths of the settings. Raises DeviceError."""
    told = reading.table(answer, settings.values, settings.start, settings.power, settings.scale)
    return lasting({start_at: None if power_w is None else max(0.0, power_w) for start_at, power_w in told.items()})
