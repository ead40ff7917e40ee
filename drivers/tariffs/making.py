"""From settings to a running tariff."""

from __future__ import annotations

import random
from datetime import timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from drivers.base import Driver
from drivers.series.poller import Luck, Poller, Say, Source
from drivers.series.timetable import DayAhead, Every
from drivers.tariffs import sources
from drivers.tariffs.calendar import CalendarTariff
from drivers.tariffs.prices import Direction, PriceSink, of_series
from drivers.tariffs.settings import (
    AwattarTariff,
    EnergyChartsTariff,
    FixedTariff,
    HttpTariff,
    ScheduleTariff,
    TariffSettings,
    TibberTariff,
)
from hemsd.clock import Clock


def make_tariff(
    direction: Direction,
    settings: TariffSettings,
    *,
    zone: tzinfo,
    clock: Clock,
    sink: PriceSink,
    folder: Path | None,
    say: Say,
    luck: Luck = random.random,
) -> Driver:
    """A Driver that gives prices to ``sink``. ``folder`` is where prices are kept over a restart; None: nowhere."""
    name = f"{direction} prices"
    if isinstance(settings, FixedTariff | ScheduleTariff):
        return CalendarTariff(name, direction, settings, zone, sink, clock)
    return Poller(
        name=name,
        source=source_of(settings, zone),
        file=None if folder is None else folder / f"prices-{direction}.json",
        deliver=lambda series: sink(of_series(direction, series)),
        clock=clock,
        say=say,
        luck=luck,
    )


def source_of(settings: sources.Fetched, zone: tzinfo) -> Source:
    """Whom to ask, and when."""
    timetable = Every(timedelta(seconds=settings.poll_s)) if isinstance(settings, HttpTariff) else DayAhead(zone)
    return Source(label=label(settings), entries=partial(sources.entries, settings), timetable=timetable)


def label(settings: sources.Fetched) -> str:
    """Source and surcharges in words, without anything secret: prices kept from another source are not taken up."""
    match settings:
        case AwattarTariff():
            who = f"aWATTar {settings.country}"
        case EnergyChartsTariff():
            who = f"Energy-Charts {settings.bidding_zone}"
        case TibberTariff():
            who = f"Tibber {settings.home or 'first home'}"
        case HttpTariff():
            who = f"{urlsplit(settings.url).hostname} {settings.prices} {settings.price} x {settings.scale:g}"
        case _:
            assert_never(settings)
    surcharge = sources.surcharge_of(settings)
    if surcharge == sources.Surcharge():
        return who
    return f"{who} + {surcharge.markup_eur_per_kwh:g} EUR/kWh + {surcharge.vat_pct:g} %"
