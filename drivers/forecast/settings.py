"""The ``forecast`` section of config.yaml: where the solar forecast comes from. Left out, none is counted on.

Roofs are described as installers do: tilt from the horizontal, azimuth from the south (east is -90, west 90).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from drivers.base import Strict, Unfit
from drivers.mqtt_settings import JsonPath
from drivers.series.address import HttpSource, SafeUrl
from hemsd.said import said

PollS = Annotated[float, Field(ge=900, le=86_400)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


class Plane(Strict):
    """Panels that look the same way."""

    tilt_deg: Annotated[float, Field(ge=0, le=90)]
    """0 is flat, 90 upright"""
    azimuth_deg: Annotated[float, Field(ge=-180, le=180)]
    """0 is south, -90 east, 90 west"""
    peak_kw: Annotated[float, Field(gt=0, le=1000)]
    """The panels' rated power together"""


Planes = Annotated[tuple[Plane, ...], Field(min_length=1, max_length=6)]


class ForecastSolarSettings(Strict):
    """Forecast.Solar. Without a key it may be asked twelve times an hour, once for each plane."""

    driver: Literal["forecast-solar"]
    latitude: Latitude
    """Of the home, in degrees north"""
    longitude: Longitude
    """Of the home, in degrees east"""
    planes: Planes
    """The panels"""
    api_key: SecretStr | None = None
    """The key of a paid account; better in an environment variable or in api_key_file"""
    api_key_file: Path | None = None
    """A file that holds the key"""
    poll_s: PollS = 3600.0
    """How often to ask"""
    url: SafeUrl = "https://api.forecast.solar"
    """Its address"""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.api_key is not None and self.api_key_file is not None:
            raise Unfit(said("set.one_key", "write either api_key or api_key_file"))
        return self


class OpenMeteoSettings(Strict):
    """Open-Meteo: irradiance on each plane, times the planes' power and a factor for all losses."""

    driver: Literal["open-meteo"]
    latitude: Latitude
    """Of the home, in degrees north"""
    longitude: Longitude
    """Of the home, in degrees east"""
    planes: Planes
    """The panels"""
    performance: Annotated[float, Field(gt=0, le=1.2)] = 0.85
    """What of the rated power is left after heat, cables and inverter"""
    poll_s: PollS = 3600.0
    """How often to ask"""
    url: SafeUrl = "https://api.open-meteo.com/v1/forecast"
    """Its address"""


class HttpForecastSettings(HttpSource):
    """A forecast from any address that answers JSON."""

    values: JsonPath = "$"
    """Where in the answer the list of values stands"""
    start: JsonPath = "$.start"
    """Where in an entry its beginning stands: ISO 8601 with zone, or seconds since 1970"""
    power: JsonPath = "$.power_w"
    """Where in an entry the power stands"""
    scale: float = 1.0
    """Powers are multiplied by this: 1000 for a source in kilowatts"""
    poll_s: PollS = 3600.0
    """How often to ask"""


ForecastSettings = Annotated[
    ForecastSolarSettings | OpenMeteoSettings | HttpForecastSettings, Field(discriminator="driver")
]
