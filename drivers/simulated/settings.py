"""What config.yaml says under ``simulate:``: which day the simulated home plays, how fast, and what stands in it."""

from __future__ import annotations

from os.path import isfile  # says False of a name that no file can have, where Path raises

from pydantic import Field, field_validator

from drivers.base import Strict, Unfit
from drivers.simulated import day as days
from drivers.simulated.personalities import compose
from hemsd.said import said


class SimulatedBattery(Strict):
    """A home battery that holds the grid exchange at zero by itself."""

    capacity_wh: float = Field(default=10_000.0, gt=0)
    """How much it holds when full."""
    max_w: float = Field(default=5_000.0, gt=0)
    """The most that it charges or discharges with."""
    soc_pct: float = Field(default=60.0, ge=0, le=100)
    """How full it is at the start."""
    floor_pct: float = Field(default=5.0, ge=0, le=100)
    """It never discharges below this."""


class SimulatedCar(Strict):
    """The car that is plugged in at a simulated wallbox."""

    capacity_kwh: float = Field(default=60.0, gt=0)
    """How much its battery holds when full."""
    soc_pct: float = Field(default=35.0, ge=0, le=100)
    """How full it is at the start."""
    target_pct: float = Field(default=100.0, ge=0, le=100)
    """The car ends the charge by itself here."""
    phases: int = Field(default=3, ge=1, le=3)
    """How many phases its charger can use."""
    max_a: float = Field(default=16.0, ge=6, le=80)
    """The most that its charger takes on each phase."""
    min_a: float = Field(default=6.0, ge=0, le=32)
    """Offered less than this, it draws nothing."""
    plugged: bool = True
    """Whether it stands at the wallbox when the simulation starts."""


class SimulateSettings(Strict):
    """A home on real sockets, for the first start and the tests."""

    speed: float = Field(default=60.0, gt=0)
    """Simulated seconds in a real second."""
    day: str = "serf-2022-03-18"
    """One of the recorded days that come with hemsd, or the path of a CSV with the header t_s,pv_w,house_w."""
    start_s: float = Field(default=3000.0, ge=0)
    """Where in the day the simulation begins (t_s of the recording)."""
    battery: SimulatedBattery | bool = False
    """A home battery: true for an ordinary one."""
    car: SimulatedCar = SimulatedCar()
    """The car at the wallbox."""
    personality: dict[str, list[str]] = Field(default_factory=dict)
    """The quirks of each wallbox by its name in config.yaml; a wallbox that is not named is honest."""
    seed: int = 1
    """Fixes the noise of the meters."""
    noise_w: float = Field(default=0.0, ge=0)
    """How much the house load trembles from second to second (one standard deviation)."""
    modbus_port: int = Field(default=0, ge=0, le=65535)
    """Where inverter (unit 1), battery (unit 2) and grid meter (unit 200) answer; 0 takes any free port."""

    @field_validator("day")
    @classmethod
    def _there(cls, day: str) -> str:
        if day not in days.shipped() and not isfile(day):
            raise Unfit(
                said("set.no_day", "there is no such day"),
                said("set.no_day.do", "take one of {days}, or the path of a CSV", days=", ".join(days.shipped())),
            )
        return day

    @field_validator("personality")
    @classmethod
    def _known(cls, personality: dict[str, list[str]]) -> dict[str, list[str]]:
        for names in personality.values():
            compose(names)
        return personality
