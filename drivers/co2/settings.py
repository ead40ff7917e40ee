"""The ``co2`` section of config.yaml: who foretells the CO2 of the grid's electricity. Left out, none is counted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drivers.base import Strict
from drivers.mqtt_settings import JsonPath
from drivers.series.address import HttpSource, SafeUrl

PollS = Annotated[float, Field(ge=900, le=86_400)]


class EnergyChartsCo2(Strict):
    """Measured and foretold for a country by Energy-Charts (Fraunhofer ISE)."""

    driver: Literal["energy-charts"]
    country: Annotated[str, Field(pattern=r"^[a-z]{2,6}$")] = "de"
    """Which country, such as de, at or nl"""
    poll_s: PollS = 3600.0
    """How often to ask"""
    url: SafeUrl = "https://api.energy-charts.info/co2eq"
    """Its address"""


class HttpCo2(HttpSource):
    """A forecast from any address that answers JSON."""

    values: JsonPath = "$"
    """Where in the answer the list of values stands, like $.data"""
    start: JsonPath = "$.start"
    """Where in an entry its beginning stands: ISO 8601 with zone, or seconds since 1970"""
    co2: JsonPath = "$.g_per_kwh"
    """Where in an entry the grams per kilowatt-hour stand"""
    scale: float = 1.0
    """Values are multiplied by this: 1000 for a source in kg/kWh"""
    poll_s: PollS = 3600.0
    """How often to ask"""


Co2Settings = Annotated[EnergyChartsCo2 | HttpCo2, Field(discriminator="driver")]
