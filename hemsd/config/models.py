"""The whole of config.yaml as one model: every section, every default, every unit.

An unknown key is an error, so that a typing mistake can't silently leave a default in force. Drivers define their own
settings; this module only puts them together. Parts of hemsd receive their own section and never see the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from drivers.base import Strict
from drivers.co2.settings import Co2Settings
from drivers.forecast.settings import ForecastSettings
from drivers.modbus import ModbusSettings
from drivers.mqtt import MqttBrokerSettings, MqttChargeSettings, MqttSettings, MqttSocSettings
from drivers.ocpp16.settings import OcppServerSettings, OcppWallboxSettings
from drivers.pulse_settings import PulseSettings
from drivers.simulated.settings import SimulateSettings
from drivers.tariffs.settings import TariffSection, TimeOfDay
from hemsd.cloud.settings import CloudSettings
from hemsd.model import Role, SiteSettings, SteeringSettings, VerificationSettings, WallboxSettings
from hemsd.notices.settings import AlertSettings
from web.settings import WebSettings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
"""A name that a person chose; it stands in addresses and file names, so letters, digits, - and _ only."""

Percent = Annotated[float, Field(ge=0, le=100)]

AnyMeter = ModbusSettings | MqttSettings | PulseSettings
MeterSettings = Annotated[AnyMeter, Field(discriminator="driver")]


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


MeterEntry = Annotated[
    Annotated[MeterSettings, Tag("one")] | Annotated[tuple[MeterSettings, ...], Tag("several")],
    Discriminator(_one_or_several),
]


class VehicleSettings(Strict):
    """A car of the household, and where it charges."""

    wallbox: Name
    """The wallbox, by its name under wallboxes"""
    capacity_kwh: Annotated[float, Field(gt=0, le=300)] = 60.0
    """How much its battery holds when full"""
    phases: Literal[1, 2, 3] = 3
    """How many phases its charger uses"""
    max_a: Annotated[float, Field(ge=6, le=80)] = 16.0
    """The highest current per phase that its charger takes"""
    min_a: Annotated[float, Field(ge=6, le=32)] | None = None
    """The lowest current per phase that it charges with, where that is more than 6"""
    never_pause: bool = False
    """True for a car that does not wake up after a pause: it gets the minimum current instead"""
    soc: MqttSocSettings | None = None
    """Who tells its state of charge; left out: the wallbox, or the driver by hand"""
    elsewhere: MqttChargeSettings | None = None
    """Who tells that it charges away from home; left out: nobody, and such a charge leaves no visit"""


class DayGoal(Strict):
    """What a car must have reached by when."""

    deadline: TimeOfDay
    """Local time, such as "07:00\""""
    minimum_charge_target_pct: Percent = 80.0
    """The state of charge that the car must have by then"""


class ScheduleSettings(Strict):
    """Deadlines by day; the more exact day wins, and a day left out has none."""

    monday: DayGoal | None = None
    """The deadline on Mondays"""
    tuesday: DayGoal | None = None
    """The deadline on Tuesdays"""
    wednesday: DayGoal | None = None
    """The deadline on Wednesdays"""
    thursday: DayGoal | None = None
    """The deadline on Thursdays"""
    friday: DayGoal | None = None
    """The deadline on Fridays"""
    saturday: DayGoal | None = None
    """The deadline on Saturdays"""
    sunday: DayGoal | None = None
    """The deadline on Sundays"""
    weekdays: DayGoal | None = None
    """The deadline from Monday to Friday"""
    weekend: DayGoal | None = None
    """The deadline on Saturday and Sunday"""

    def on(self, weekday: int) -> DayGoal | None:
        """The goal of a day; 0 is Monday, as in ``date.weekday()``."""
        exact = (
            self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday,
        )[weekday]  # fmt: skip
        return exact or (self.weekend if weekday >= 5 else self.weekdays)


class PolicySettings(Strict):
    """What the household wants for one car."""

    vehicle: Name
    """The car, by its name under vehicles"""
    battery_reserve_pct: Percent = 20.0
    """The level below which the car is charged at once, whatever it costs"""
    schedule: ScheduleSettings = ScheduleSettings()
    """Deadlines by day"""


class StorageSettings(Strict):
    """Where everything is written down."""

    path: Path = Path("hemsd.db")
    """The database; a relative path counts from the directory of config.yaml"""
    keep_days: Annotated[int, Field(ge=7, le=36_500)] = 730
    """Older readings and decisions are deleted; visits stay"""
    copies: Annotated[int, Field(ge=0, le=30)] = 3
    """How many copies of the database are kept beside it, one a day while it is below 8 MB; 0 makes none"""
    max_mb: Annotated[int, Field(ge=20)] = 1000
    """A database larger than this forgets its oldest readings and decisions early"""
    max_mb_per_day: Annotated[int, Field(ge=1)] = 100
    """More written in a day than this, copies aside, raises an alert: memory cards wear out"""

    @property
    def password_hash_file(self) -> Path:
        """Where `hemsd password` keeps the hash of the page's password."""
        return self.path.with_name("page-password")


class MdnsSettings(Strict):
    """By what name the house's network finds hemsd (multicast DNS)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")] = "hemsd"
    """Without .local: hemsd makes the page http://hemsd.local:8080"""


class LanguageModelSettings(Strict):
    """A language model that puts answers about a session into nicer words; none is needed."""

    url: str
    """What comes before /chat/completions; https, or http on loopback"""
    model: str
    """The model's name there"""
    key_file: Path | None = None
    """A file that holds the key, where one is needed"""


class ScoringSettings(Strict):
    """How finished visits are judged."""

    model: Name = "csar-base"
    """The model's name"""
    runtime: Literal["auto", "tflite-runtime", "litert", "numpy"] = "auto"
    """What runs it; auto takes the first that works here"""
    language_model: LanguageModelSettings | None = None
    """Who words answers about a session; left out: hemsd itself, from what was measured"""


class Config(Strict):
    """config.yaml."""

    site: SiteSettings = SiteSettings()
    """The house and its connection"""
    meters: dict[Name, MeterEntry] = Field(default_factory=dict)
    """What is measured: grid, pv, battery, or any name with a role; several pv are added up"""
    wallboxes: dict[Name, OcppWallboxSettings] = Field(default_factory=dict)
    """The wallboxes by name"""
    vehicles: dict[Name, VehicleSettings] = Field(default_factory=dict)
    """The cars by name"""
    policies: dict[Name, PolicySettings] = Field(default_factory=dict)
    """What the household wants, by name"""
    steering: SteeringSettings = SteeringSettings()
    """How surplus becomes a charge"""
    verification: VerificationSettings = VerificationSettings()
    """What counts as proof that a wallbox obeyed"""
    tariff: TariffSection = TariffSection()
    """What electricity costs and brings"""
    forecast: ForecastSettings | None = None
    """Who foretells the sun; left out: nobody"""
    co2: Co2Settings | None = None
    """Who foretells the CO2 of the grid's electricity; left out: none is counted"""
    ocpp: OcppServerSettings = OcppServerSettings()
    """Where wallboxes find hemsd"""
    web: WebSettings = WebSettings()
    """Where the page and the HTTP interfaces are served"""
    mqtt: MqttBrokerSettings | None = None
    """The MQTT broker of the house; left out: none"""
    mdns: MdnsSettings | None = None
    """By what name the house's network finds hemsd; left out: none"""
    storage: StorageSettings = StorageSettings()
    """Where everything is written down"""
    scoring: ScoringSettings = ScoringSettings()
    """How finished visits are judged"""
    cloud: CloudSettings = CloudSettings()
    """Who outside the house is told"""
    alerts: AlertSettings = AlertSettings()
    """Who is told when something needs a person"""
    simulate: SimulateSettings | None = None
    """A simulated home on real sockets; left out: the real one"""


@dataclass(frozen=True, slots=True)
class NamedMeter:
    """One meter, with what it measures."""

    name: str
    role: Role
    settings: AnyMeter


def role_of(name: str, settings: AnyMeter) -> Role | None:
    """What a meter measures: as it says, or as its name begins (``pv_roof``, ``pv2``); None when neither tells."""
    if settings.role is not None:
        return settings.role
    return next((role for role in Role if name.startswith(role.value)), None)


def named_meters(config: Config) -> tuple[NamedMeter, ...]:
    """Every meter with its role; the entries of a list are numbered (``pv_1``, ``pv_2``)."""
    return tuple(_named_meters(config))


def _named_meters(config: Config) -> Iterator[NamedMeter]:
    for key, entry in config.meters.items():
        several = entry if isinstance(entry, tuple) else (entry,)
        for number, settings in enumerate(several, 1):
            role = role_of(key, settings)
            assert role is not None, "load() refuses a meter without a role"
            yield NamedMeter(f"{key}_{number}" if isinstance(entry, tuple) else key, role, settings)


def wallbox_settings(config: Config) -> tuple[WallboxSettings, ...]:
    """What the rules may do with each wallbox: its own limits and those of the cars that charge there, combined."""
    return tuple(_with_vehicles(config, name, box) for name, box in config.wallboxes.items())


def _with_vehicles(config: Config, name: str, box: OcppWallboxSettings) -> WallboxSettings:
    """Which of several cars is plugged in is not known, so each limit is the one that is right for all of them."""
    cars = [car for car in config.vehicles.values() if car.wallbox == name]
    phases = {car.phases for car in cars}
    first, second, third = ("RST".index(letter) + 1 for letter in box.phase_rotation)
    return WallboxSettings(
        name=name,
        phases=box.phases,
        min_a=box.min_a,
        max_a=box.max_a,
        vehicle_max_a=min((car.max_a for car in cars), default=None),
        vehicle_min_a=max((car.min_a for car in cars if car.min_a is not None), default=None),
        vehicle_phases=phases.pop() if len(phases) == 1 else None,
        rotation=(first, second, third),
        own_phase_pause=box.own_phase_pause,
        never_pause=any(car.never_pause for car in cars),
        mode=box.mode,
        steer=box.steer,
        priority=box.priority,
    )
