"""How the services are asked for the CO2 of the grid's electricity, and what their answers mean, in g/kWh.

Energy-Charts  GET /co2eq?country&start&end: {"unix_seconds": [...], "co2eq": [...], "co2eq_forecast": [...]}, g/kWh.
               What is measured ends some hours ago, with null behind; what is foretold goes on from there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from drivers.base import DeviceError
from drivers.co2.settings import EnergyChartsCo2, HttpCo2
from drivers.mqtt_payload import Json
from drivers.series import reading
from drivers.series.http import Question, ask, secret
from drivers.series.quarters import Entry, lasting
from hemsd.said import said

BEHIND = timedelta(days=1)
AHEAD = timedelta(days=2)
MOST_G_PER_KWH = 3000.0  # lignite, the dirtiest of all, is below half of it: beyond, the unit is another one

Settings = EnergyChartsCo2 | HttpCo2


async def entries(settings: Settings, now: datetime) -> list[Entry]:
    """What is measured and foretold around now, in g/kWh. Raises DeviceError."""
    match settings:
        case EnergyChartsCo2():
            days = {"start": f"{now - BEHIND:%Y-%m-%d}", "end": f"{now + AHEAD:%Y-%m-%d}"}
            found = energy_charts(await ask(Question(settings.url, {"country": settings.country, **days})))
        case HttpCo2():
            token = await secret(settings.token, settings.token_file)
            found = custom(await ask(Question(settings.url, bearer=token)), settings)
        case _:
            assert_never(settings)
    if any(entry.value is not None and not 0.0 <= entry.value <= MOST_G_PER_KWH for entry in found):
        raise DeviceError(
            said(
                "co2.unit",
                "less than nothing, or more than {most:g} g/kWh: the unit must be another one",
                most=MOST_G_PER_KWH,
            )
        )
    return found


def energy_charts(answer: Json) -> list[Entry]:
    """What was measured, and where that is not known yet, what is foretold. Raises DeviceError."""
    starts = reading.items(reading.at(answer, "unix_seconds"))
    measured = reading.items(reading.at(answer, "co2eq"))
    foretold = reading.items(reading.pairs(answer).get("co2eq_forecast") or [None] * len(starts))
    if not len(starts) == len(measured) == len(foretold):
        raise DeviceError(said("answer.uneven", "the answer has more times than values, or fewer"))
    values = {}
    for start, known, expected in zip(starts, measured, foretold, strict=True):
        values[reading.moment(start)] = reading.number(expected if known is None else known)
    return lasting(values)


def custom(answer: Json, settings: HttpCo2) -> list[Entry]:
    """The entries at the paths of the settings. Raises DeviceError."""
    return lasting(reading.table(answer, settings.values, settings.start, settings.co2, settings.scale))
