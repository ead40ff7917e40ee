"""From settings to a running driver that tells the CO2 of the grid's electricity."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from drivers.base import Driver
from drivers.co2 import sources
from drivers.co2.settings import Co2Settings, EnergyChartsCo2
from drivers.series.poller import Luck, Poller, Say, Source
from drivers.series.quarters import Series
from drivers.series.timetable import Every
from hemsd.clock import Clock

Co2Sink = Callable[[Series], None]
"""Takes all that is known, in grams per kWh, each time that something new is. Never blocks."""


def make_co2(
    settings: Co2Settings,
    *,
    clock: Clock,
    sink: Co2Sink,
    folder: Path | None,
    say: Say,
    luck: Luck = random.random,
) -> Driver:
    """A Driver that gives what it knows to ``sink``. ``folder`` is where it is kept over a restart; None: nowhere."""

    return Poller(
        name="CO2 forecast",
        source=Source(label(settings), partial(sources.entries, settings), Every(timedelta(seconds=settings.poll_s))),
        file=None if folder is None else folder / "co2.json",
        deliver=sink,
        clock=clock,
        say=say,
        luck=luck,
    )


def label(settings: Co2Settings) -> str:
    """The source in words, without anything secret: what another one told is not taken up."""
    if isinstance(settings, EnergyChartsCo2):
        return f"Energy-Charts {settings.country}"
    return f"{urlsplit(settings.url).hostname} {settings.values} {settings.co2} x {settings.scale:g}"
