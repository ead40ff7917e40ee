"""A recorded day once more, in virtual time, under the rules and settings of now.

The very same Control that steers a real home turns its ticks here; only the world around it is played: sun and house
from the recording, wallbox and car from the simulated home's physics, without any socket. So ``--set`` answers "what
if": how the day would have gone with another budget, another fuse, another mode.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers.simulated.day import Day, load
from drivers.simulated.physics import Battery, Car, Home, Station
from hemsd.clock import ManualClock
from hemsd.config import load as read_config
from hemsd.config import named_meters, wallbox_settings
from hemsd.control import Control, ControlSettings
from hemsd.dispatch import Answered, Rested, nobody, nothing
from hemsd.journal import MemoryJournal
from hemsd.latest import Latest
from hemsd.model import (
    Command,
    ConnectorStatus,
    Decision,
    DecisionKind,
    Dispatch,
    DispatchStatus,
    LinkUp,
    MeterReading,
    Outcome,
    QuarterHour,
    Role,
    Sample,
    Sampled,
    Snapshot,
    StatusChanged,
    TransactionStarted,
    WallboxSettings,
)
from hemsd.prices import contract_prices
from hemsd.visits import Car as VisitCar
from hemsd.visits import Visits
from rules.savings import cost_eur

SAMPLE_S = 10.0
STEP_S = 2.5  # of the physics; steps of 1 s give the same day within 0.1 %, and take longer


class PlayedWallbox:
    """A wallbox that obeys at once; also its own courier, because there is no wire in between."""

    def __init__(self, settings: WallboxSettings, clock: ManualClock) -> None:
        self.settings = settings
        self.station = Station(phase_choice=settings.phases, max_a=settings.max_a)
        self.answered: Answered = nobody
        self.rested: Rested = nothing
        self.status: ConnectorStatus | None = None
        self._clock = clock

    def give(self, command: Command, failsafe_a: float) -> None:
        self.station.tell(command.amps, command.phases)
        self.answered(command, Dispatch(DispatchStatus.APPLIED), self._clock.monotonic())

    def rest(self, limit_a: float, phases: int | None, failsafe_a: float) -> None:
        self.station.tell(limit_a, phases)

    def present_status(self) -> ConnectorStatus:
        if self.station.power_w > 0:
            return ConnectorStatus.CHARGING
        return ConnectorStatus.SUSPENDED_EV if self.station.offered_a else ConnectorStatus.SUSPENDED_EVSE

    def sample(self) -> Sample:
        station = self.station
        return Sample(
            received_s=self._clock.monotonic(),
            received_at=self._clock.utc(),
            transaction_id=1,
            offered_a=station.offered_a,
            currents_a=station.currents_a,
            voltages_v=station.voltages_v,
            power_w=station.power_w,
            energy_wh=round(station.energy_wh),
        )


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would have happened. Energies are the cars', in kWh."""

    hours: float
    solar_kwh: float
    battery_kwh: float
    grid_kwh: float
    starts: int
    phase_switches: int
    commands: int
    verdicts: Mapping[str, int]
    decisions: tuple[Decision, ...]
    quarters: tuple[QuarterHour, ...] = field(compare=False)  # under the ids of visits, which differ each time

    @property
    def energy_kwh(self) -> float:
        return self.solar_kwh + self.battery_kwh + self.grid_kwh


@dataclass(slots=True)
class Stage:
    """The played world and the Control that steers it."""

    home: Home
    clock: ManualClock
    latest: Latest
    control: Control
    journal: MemoryJournal
    boxes: tuple[PlayedWallbox, ...]
    snapshots: list[Snapshot] = field(default_factory=list)


def stage(day: Day, settings: ControlSettings, *, start_s: float = 0.0, battery: bool = False) -> Stage:
    """Sets the scene: each wallbox with a hungry car at its cable."""
    clock = ManualClock(start_at=day.moment(start_s))
    boxes = tuple(PlayedWallbox(box, clock) for box in settings.boxes)
    for box in boxes:
        box.station.plug(Car(capacity_kwh=1e6, soc_pct=20.0))
        box.station.enabled = True
    home = Home(
        day,
        stations={box.settings.name: box.station for box in boxes},
        battery=Battery() if battery else None,
        t_s=start_s,
    )
    roles = {"grid": Role.GRID, "pv": Role.PV} | ({"battery": Role.BATTERY} if battery else {})
    latest = Latest(clock, roles, tuple(box.settings.name for box in boxes))
    journal = MemoryJournal()
    control = Control(
        clock=clock,
        latest=latest,
        couriers={box.settings.name: box for box in boxes},
        settings=settings,
        journal=journal,
        visits=Visits(journal, {box.settings.name: VisitCar() for box in boxes}),
    )
    scene = Stage(home, clock, latest, control, journal, boxes)
    control.ticked = scene.snapshots.append
    for box in boxes:
        name = box.settings.name
        control.notice(LinkUp(name, "replay"))
        control.notice(StatusChanged(name, 1, ConnectorStatus.PREPARING))
        control.notice(TransactionStarted(name, 1, 1, "replay", clock.utc(), 0.0))
    return scene


def play(scene: Stage, seconds: float, step_s: float = STEP_S) -> None:
    """Goes on for ``seconds``: the home in steps of ``step_s``, Control at its ticks, with meters read just before."""
    home, clock = scene.home, scene.clock
    tick_s = scene.control.settings.steering.tick_s
    next_tick_s = clock.monotonic()
    next_sample_s = clock.monotonic()
    end_s = clock.monotonic() + seconds
    while clock.monotonic() < end_s:
        home.step(step_s)
        clock.leap(step_s)
        if clock.monotonic() >= next_sample_s:
            next_sample_s += SAMPLE_S
            _read_wallboxes(scene)
        if clock.monotonic() >= next_tick_s:
            next_tick_s += tick_s
            _read_meters(scene)
            scene.control.tick()


def _read_meters(scene: Stage) -> None:
    home = scene.home
    phases_a = tuple(power_w / home.voltage_v for power_w in home.grid_phases_w)
    scene.latest.put("grid", MeterReading(power_w=home.grid_w, currents_a=(phases_a[0], phases_a[1], phases_a[2])))
    scene.latest.put("pv", MeterReading(power_w=home.pv_w))
    if home.battery is not None:
        scene.latest.put("battery", MeterReading(power_w=home.battery.power_w, soc_pct=home.battery.soc_pct))


def _read_wallboxes(scene: Stage) -> None:
    for box in scene.boxes:
        status = box.present_status()
        if status is not box.status:
            box.status = status
            scene.control.notice(StatusChanged(box.settings.name, 1, status))
        scene.control.notice(Sampled(box.settings.name, box.sample()))


def outcome(scene: Stage) -> Replayed:
    """The sums of what was played so far."""
    journal = scene.journal
    visits = journal.visits.values()
    verdicts: dict[str, int] = {}
    for command in journal.commands.values():
        verdicts[command.outcome] = verdicts.get(command.outcome, 0) + 1
    stations = [box.station for box in scene.boxes]
    return Replayed(
        hours=round(scene.snapshots[-1].now_s / 3600 - scene.snapshots[0].now_s / 3600, 2) if scene.snapshots else 0.0,
        solar_kwh=round(sum(visit.solar_wh for visit in visits) / 1000, 3),
        battery_kwh=round(sum(visit.battery_wh for visit in visits) / 1000, 3),
        grid_kwh=round(sum(visit.grid_wh for visit in visits) / 1000, 3),
        starts=sum(decision.kind is DecisionKind.START for decision in journal.decisions.values()),
        phase_switches=sum(station.switches for station in stations),
        commands=len(journal.commands),
        verdicts={outcome.value: verdicts[outcome] for outcome in Outcome if outcome in verdicts},
        decisions=tuple(journal.decisions.values()),
        quarters=tuple(journal.quarters.values()),
    )


def replay(day: Day, settings: ControlSettings, *, start_s: float = 0.0, battery: bool = False) -> Replayed:
    """A whole recorded day from ``start_s`` to its end."""
    scene = stage(day, settings, start_s=start_s, battery=battery)
    play(scene, day.length_s - start_s)
    return outcome(scene)


# ---------------------------------------------------------------------------------------------------------------------
# The command


def main(file: Path, *, settings: Sequence[str], config: Path, as_json: bool) -> int:
    """``hemsd replay``: plays the file and prints what would have happened."""
    try:
        day = load(str(file))
    except ValueError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return 2
    chosen = read_config(config, overrides=settings)
    has_battery = any(meter.role is Role.BATTERY for meter in named_meters(chosen))
    steered = ControlSettings(chosen.steering, chosen.site, wallbox_settings(chosen), chosen.verification)
    played = replay(day, steered, battery=has_battery)
    eur = cost_eur(played.quarters, contract_prices(chosen.tariff, ZoneInfo(chosen.site.timezone)))
    print(_as_json(played, eur) if as_json else _as_text(day.name, played, eur))
    return 0


def _as_text(name: str, played: Replayed, eur: float | None) -> str:
    share = played.solar_kwh / played.energy_kwh if played.energy_kwh else 0.0
    lines = [
        f"{name}, {played.hours:g} h:",
        f"  {played.energy_kwh:.2f} kWh charged: {played.solar_kwh:.2f} from the sun ({share:.0%}), "
        f"{played.battery_kwh:.2f} from the battery, {played.grid_kwh:.2f} from the grid"
        + (f", worth {eur:.2f} EUR" if eur is not None else ""),
        f"  {played.starts} starts, {played.phase_switches} phase switches, {played.commands} commands",
    ]
    lines += [f"  {d.at:%H:%M:%S} {d.kind:5} {_offer(d):10} {d.reason}" for d in played.decisions if d.dispatched]
    return "\n".join(lines)


def _offer(decision: Decision) -> str:
    return f"{decision.limit_a or 0:g} A" + (f" x {decision.phases}" if decision.limit_a and decision.phases else "")


def _as_json(played: Replayed, eur: float | None) -> str:
    decisions = [
        {
            "time": decision.at.isoformat().replace("+00:00", "Z"),
            "wallbox": decision.wallbox,
            "kind": decision.kind,
            "state": decision.state,
            "rule": decision.rule,
            "reason": decision.reason,
            "limit_a": decision.limit_a,
            "phases": decision.phases,
            "target_w": decision.target_w,
            "inputs": dict(decision.inputs),
            "dispatched": decision.dispatched,
            "ticks": decision.ticks,
        }
        for decision in played.decisions
    ]
    return json.dumps(
        {
            "hours": played.hours,
            "energy_kwh": round(played.energy_kwh, 3),
            "solar_kwh": played.solar_kwh,
            "battery_kwh": played.battery_kwh,
            "grid_kwh": played.grid_kwh,
            "cost_eur": None if eur is None else round(eur, 2),
            "starts": played.starts,
            "phase_switches": played.phase_switches,
            "commands": played.commands,
            "verdicts": dict(played.verdicts),
            "decisions": decisions,
        },
        indent=2,
    )
