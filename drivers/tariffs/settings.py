"""The ``tariff`` section of config.yaml: what a kilowatt-hour from the grid costs, and what one fed in brings.

Market prices get ``markup_eur_per_kwh`` and then ``vat_pct`` on top. Where a market price is what a kilowatt-hour fed
in brings, both are usually 0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from drivers.base import Strict, Unfit
from drivers.mqtt_settings import JsonPath
from drivers.series.address import HttpSource, SafeUrl
from hemsd.said import said

EurPerKwh = Annotated[float, Field(ge=-10, le=10)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""A local time such as 07:00."""

DEFAULT_PRICE_EUR_PER_KWH = 0.30
DEFAULT_FEED_IN_EUR_PER_KWH = 0.08


class FixedTariff(Strict):
    """The same price at any time."""

    driver: Literal["fixed"]
    eur_per_kwh: EurPerKwh
    """The price of a kilowatt-hour in euros, taxes included"""


class TariffPeriod(Strict):
    """A part of the day with a price of its own."""

    begin: TimeOfDay
    """Local time at which it begins, such as 22:00"""
    end: TimeOfDay
    """Local time at which it ends; earlier than begin: on the next day"""
    days: Literal["every day", "weekdays", "weekend"] = "every day"
    """On which days it begins"""
    eur_per_kwh: EurPerKwh
    """The price of a kilowatt-hour in this period"""


class ScheduleTariff(Strict):
    """Prices that depend on the time of day."""

    driver: Literal["schedule"]
    eur_per_kwh: EurPerKwh
    """The price outside every period"""
    periods: Annotated[tuple[TariffPeriod, ...], Field(min_length=1)]
    """Where two overlap, the first one counts"""


class AwattarTariff(Strict):
    """Hourly prices of the day-ahead market, from aWATTar."""

    driver: Literal["awattar"]
    country: Literal["de", "at"] = "de"
    """Which market area"""
    markup_eur_per_kwh: EurPerKwh = 0.0
    """Fees and network charges, added to the market price before the tax"""
    vat_pct: Annotated[float, Field(ge=0, le=100)] = 19.0
    """The tax on top"""
    url: SafeUrl | None = None
    """Another address that answers in the same way"""


class EnergyChartsTariff(Strict):
    """Quarter-hourly prices of the day-ahead market, from Energy-Charts (Fraunhofer ISE)."""

    driver: Literal["energy-charts"]
    bidding_zone: Annotated[str, Field(pattern=r"^[A-Z0-9-]{2,12}$")] = "DE-LU"
    """Which market area, such as DE-LU, AT or NL"""
    markup_eur_per_kwh: EurPerKwh = 0.0
    """Fees and network charges, added to the market price before the tax"""
    vat_pct: Annotated[float, Field(ge=0, le=100)] = 19.0
    """The tax on top"""
    url: SafeUrl | None = None
    """Another address that answers in the same way"""


class TibberTariff(Strict):
    """Quarter-hourly prices of a Tibber contract, all included."""

    driver: Literal["tibber"]
    token: SecretStr | None = None
    """The personal access token; better in an environment variable or in token_file"""
    token_file: Path | None = None
    """A file that holds the token"""
    home: str | None = None
    """The home's id; left out: the first one"""
    url: SafeUrl | None = None
    """Another address that answers in the same way"""

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.token is None) == (self.token_file is None):
            raise Unfit(said("set.one_token", "write either token or token_file"))
        return self


class HttpTariff(HttpSource):
    """Prices from any address that answers JSON."""

    prices: JsonPath = "$"
    """Where in the answer the list of prices stands, like $.data"""
    start: JsonPath = "$.start"
    """Where in an entry its beginning stands: ISO 8601 with zone, or seconds since 1970"""
    end: JsonPath | None = None
    """Where its end stands; left out: it lasts until the next one begins"""
    price: JsonPath = "$.eur_per_kwh"
    """Where in an entry the price stands"""
    scale: float = 1.0
    """Prices are multiplied by this: 0.001 for a source in EUR/MWh, 0.01 for cents"""
    poll_s: Annotated[float, Field(ge=60, le=86_400)] = 3600.0
    """How often to ask"""
    markup_eur_per_kwh: EurPerKwh = 0.0
    """Added to each price before the tax"""
    vat_pct: Annotated[float, Field(ge=0, le=100)] = 0.0
    """The tax on top"""


TariffSettings = Annotated[
    FixedTariff | ScheduleTariff | AwattarTariff | EnergyChartsTariff | TibberTariff | HttpTariff,
    Field(discriminator="driver"),
]


class TariffSection(Strict):
    """Prices decide what sun and grid are worth; they never outrank the fuse."""

    import_: Annotated[TariffSettings, Field(alias="import")] = FixedTariff(
        driver="fixed", eur_per_kwh=DEFAULT_PRICE_EUR_PER_KWH
    )
    """What a kilowatt-hour from the grid costs"""
    export: TariffSettings = FixedTariff(driver="fixed", eur_per_kwh=DEFAULT_FEED_IN_EUR_PER_KWH)
    """What a kilowatt-hour fed into the grid brings"""
