"""How the price services are asked, and what their answers mean. Translation only: asking is ``drivers.series.http``.

Each function gives entries in EUR/kWh as the service says them; ``Surcharge`` turns a market price into what the home
pays. Negative prices are prices; ``null`` is a gap.

aWATTar      GET /v1/marketdata?start&end (ms): {"data": [{"start_timestamp", "end_timestamp", "marketprice"}]}, EUR/MWh
Tibber       POST /v1-beta/gql: viewer.homes[].currentSubscription.priceInfo(resolution: QUARTER_HOURLY), all included
Energy-Charts  GET /price?bzn&start&end: {"unix_seconds": [...], "price": [...], "unit": "EUR / MWh"}
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from drivers.base import DeviceError
from drivers.mqtt_payload import Json, path
from drivers.series import reading
from drivers.series.http import Question, ask, secret
from drivers.series.quarters import Entry, lasting
from drivers.tariffs.settings import AwattarTariff, EnergyChartsTariff, HttpTariff, TibberTariff
from hemsd.said import said

MWH_PER_KWH = 0.001
BEHIND = timedelta(days=1)
AHEAD = timedelta(days=3)
MOST_EUR_PER_KWH = 10.0  # beyond, the unit is another one

AWATTAR_URLS = {"de": "https://api.awattar.de/v1/marketdata", "at": "https://api.awattar.at/v1/marketdata"}
TIBBER_URL = "https://api.tibber.com/v1-beta/gql"
ENERGY_CHARTS_URL = "https://api.energy-charts.info/price"

TIBBER_QUERY = (
    "{viewer{homes{id currentSubscription{priceInfo(resolution: QUARTER_HOURLY)"
    "{today{total startsAt} tomorrow{total startsAt}}}}}}"
)

Fetched = AwattarTariff | TibberTariff | EnergyChartsTariff | HttpTariff


@dataclass(frozen=True, slots=True)
class Surcharge:
    """Fees and taxes on top of a market price."""

    markup_eur_per_kwh: float = 0.0
    vat_pct: float = 0.0

    def on(self, entry: Entry) -> Entry:
        if entry.value is None:
            return entry
        return replace(entry, value=(entry.value + self.markup_eur_per_kwh) * (1.0 + self.vat_pct / 100.0))


async def entries(settings: Fetched, now: datetime) -> list[Entry]:
    """What the service knows around now, surcharges included. Raises DeviceError."""
    answer = await ask(await question(settings, now))
    surcharge = surcharge_of(settings)
    found = [surcharge.on(entry) for entry in translate(settings, answer)]
    if any(entry.value is not None and abs(entry.value) > MOST_EUR_PER_KWH for entry in found):
        raise DeviceError(
            said(
                "tariff.unit",
                "a price of more than {most:g} EUR/kWh: the unit must be another one",
                most=MOST_EUR_PER_KWH,
            )
        )
    return found


def surcharge_of(settings: Fetched) -> Surcharge:
    if isinstance(settings, TibberTariff):
        return Surcharge()
    return Surcharge(settings.markup_eur_per_kwh, settings.vat_pct)


async def question(settings: Fetched, now: datetime) -> Question:
    """What to send. Raises DeviceError when a token's file can't be read."""
    start_at, end_at = now - BEHIND, now + AHEAD
    match settings:
        case AwattarTariff():
            window = {"start": str(_milliseconds(start_at)), "end": str(_milliseconds(end_at))}
            return Question(settings.url or AWATTAR_URLS[settings.country], window)
        case TibberTariff():
            token = await secret(settings.token, settings.token_file)
            return Question(settings.url or TIBBER_URL, body={"query": TIBBER_QUERY}, bearer=token)
        case EnergyChartsTariff():
            days = {"start": f"{start_at:%Y-%m-%d}", "end": f"{end_at:%Y-%m-%d}"}
            return Question(settings.url or ENERGY_CHARTS_URL, {"bzn": settings.bidding_zone, **days})
        case HttpTariff():
            return Question(settings.url, bearer=await secret(settings.token, settings.token_file))
        case _:
            assert_never(settings)


def translate(settings: Fetched, answer: Json) -> Iterable[Entry]:
    """An answer as entries. Raises DeviceError."""
    match settings:
        case AwattarTariff():
            return _awattar(answer)
        case TibberTariff():
            return _tibber(answer, settings.home)
        case EnergyChartsTariff():
            return _energy_charts(answer)
        case HttpTariff():
            return _custom(answer, settings)
        case _:
            assert_never(settings)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _per_mwh(found: Json) -> float | None:
    price = reading.number(found)
    return None if price is None else price * MWH_PER_KWH


def _awattar(answer: Json) -> list[Entry]:
    return [
        Entry(
            reading.moment(reading.at(each, "start_timestamp")),
            reading.moment(reading.at(each, "end_timestamp")),
            _per_mwh(reading.at(each, "marketprice")),
        )
        for each in reading.items(reading.at(answer, "data"))
    ]


def _tibber(answer: Json, home: str | None) -> list[Entry]:
    complaints = reading.pairs(answer).get("errors")
    if complaints:
        raise DeviceError(said("tibber.refused", "Tibber refuses the question; is the token still good?"))
    homes = reading.items(reading.at(answer, "data", "viewer", "homes"))
    chosen = next((each for each in homes if home is None or reading.at(each, "id") == home), None)
    if chosen is None:
        raise DeviceError(
            said("tibber.no_such_home", "Tibber knows no such home")
            if home
            else said("tibber.no_home", "Tibber knows no home")
        )
    if reading.at(chosen, "currentSubscription") is None:
        raise DeviceError(said("tibber.no_contract", "Tibber knows no contract for this home"))
    info = reading.at(chosen, "currentSubscription", "priceInfo")
    days = [reading.items(reading.at(info, day) or []) for day in ("today", "tomorrow")]
    return lasting(
        {
            reading.moment(reading.at(each, "startsAt")): reading.number(reading.at(each, "total"))
            for day in days
            for each in day
        }
    )


def _energy_charts(answer: Json) -> list[Entry]:
    starts = reading.items(reading.at(answer, "unix_seconds"))
    prices = reading.items(reading.at(answer, "price"))
    if len(starts) != len(prices):
        raise DeviceError(said("tariff.uneven", "the answer has more times than prices, or fewer"))
    unit = reading.pairs(answer).get("unit")
    if isinstance(unit, str) and unit.replace(" ", "").casefold() != "eur/mwh":
        raise DeviceError(said("tariff.currency", "the prices are not in EUR/MWh"))
    return lasting({reading.moment(at): _per_mwh(price) for at, price in zip(starts, prices, strict=True)})


def _custom(answer: Json, settings: HttpTariff) -> list[Entry]:
    rows = reading.items(reading.at(answer, *path(settings.prices)))
    start, end, price = (
        None if text is None else path(text) for text in (settings.start, settings.end, settings.price)
    )
    assert start is not None
    assert price is not None
    values = {reading.moment(reading.at(row, *start)): _scaled(reading.at(row, *price), settings.scale) for row in rows}
    if end is None:
        return lasting(values)
    ends = {reading.moment(reading.at(row, *start)): reading.moment(reading.at(row, *end)) for row in rows}
    return [Entry(start_at, ends[start_at], value) for start_at, value in values.items()]


def _scaled(found: Json, scale: float) -> float | None:
    price = reading.number(found)
    return None if price is None else price * scale
