"""The drivers of what comes as a series: prices in both directions, the forecast of the sun, and the grid's CO2."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from drivers.base import Driver
from drivers.co2.making import make_co2
from drivers.forecast.making import make_forecast
from drivers.tariffs.making import make_tariff
from drivers.tariffs.prices import Direction
from hemsd.clock import Clock
from hemsd.config import Config
from hemsd.grid_co2 import GridCo2
from hemsd.prices import ToldPrices


def series_drivers(
    config: Config, clock: Clock, prices: ToldPrices, co2: GridCo2, say: Callable[[str, str | None], None]
) -> list[Driver]:
    """One for each of them in config.yaml; what they fetched is kept beside the database."""
    zone, folder = ZoneInfo(config.site.timezone), config.storage.path.parent
    directions = {Direction.IMPORT: config.tariff.import_, Direction.EXPORT: config.tariff.export}
    drivers = [
        make_tariff(direction, settings, zone=zone, clock=clock, sink=prices.take, folder=folder, say=say)
        for direction, settings in directions.items()
    ]
    if config.forecast is not None:
        drivers.append(make_forecast(config.forecast, clock=clock, sink=prices.foresee, folder=folder, say=say))
    if config.co2 is not None:
        drivers.append(make_co2(config.co2, clock=clock, sink=co2.take, folder=folder, say=say))
    return drivers
