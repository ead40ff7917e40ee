"""From settings to a running forecast, and the value that it gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from drivers.base import Driver
from drivers.forecast import sources
from drivers.forecast.expected import Forecast
from drivers.forecast.settings import ForecastSettings
from drivers.series.poller import Luck, Poller, Say, Source
from drivers.series.quarters import Series
from drivers.series.timetable import Every
from hemsd.clock import Clock

ForecastSink = Callable[[Forecast], None]
"""Takes everything that is expected, each time that the forecast changes. Never blocks."""


def make_forecast(
    settings: ForecastSettings,
    *,
    clock: Clock,
    sink: ForecastSink,
    folder: Path | None,
    say: Say,
    luck: Luck = random.random,
) -> Driver:
    """A Driver that gives forecasts to ``sink``. ``folder`` is where they are kept over a restart; None: nowhere."""

    def deliver(series: Series) -> None:
        sink(Forecast(series.starts_at, series.values, series.source, series.fetched_at))

    return Poller(
        name="solar forecast",
        source=Source(label(settings), partial(sources.entries, settings), Every(timedelta(seconds=settings.poll_s))),
        file=None if folder is None else folder / "forecast.json",
        deliver=deliver,
        clock=clock,
        say=say,
        luck=luck,
    )


def label(settings: ForecastSettings) -> str:
    """Source and roof in words, without anything secret: a forecast for other panels is not taken up."""
    if settings.driver == "http":
        return f"{urlsplit(settings.url).hostname} {settings.values} {settings.power} x {settings.scale:g}"
    roof = ", ".join(f"{each.peak_kw:g} kW {each.tilt_deg:g}/{each.azimuth_deg:g}" for each in settings.planes)
    share = f" x {settings.performance:g}" if settings.driver == "open-meteo" else ""
    return f"{settings.driver} {settings.latitude:g} {settings.longitude:g}: {roof}{share}"
