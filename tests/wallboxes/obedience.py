"""Every wallbox of the field at once, on real sockets: what the verdict says, beside what is true.

The parts are the daemon's own: central system, courier, Control, trials. Only the rules are replaced, by a script that
tells each wallbox the same sequence, because here it matters what becomes of a command and not why it was given. What
is true is read off the simulated wallbox's pilot and relay when the verdict falls.

Each wallbox has a central system to itself: they all call themselves the same, and what is learned of one must not
help the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from drivers.ocpp16.charge_point import Patience
from drivers.ocpp16.server import CentralSystem
from drivers.ocpp16.settings import OcppServerSettings, OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe
from drivers.simulated.car import Car
from drivers.simulated.personalities import PERSONALITIES, Personality, compose
from drivers.simulated.wallbox import SimulatedWallbox, WallboxSpec
from hemsd.clock import FastClock
from hemsd.control import Control, ControlSettings
from hemsd.dispatch import Dispatcher
from hemsd.journal import MemoryJournal
from hemsd.latest import Latest
from hemsd.model import (
    Command,
    Decision,
    DecisionKind,
    MeterReading,
    Outcome,
    Role,
    SiteSettings,
    Snapshot,
    SteeringSettings,
    SteeringState,
    WallboxSettings,
)
from hemsd.visits import Car as VisitCar
from hemsd.visits import Visits
from rules.steer import Memory
from tests.ocpp16.fakes import MemoryBook

START_AT = datetime(2026, 6, 21, 8, 0, tzinfo=UTC)
STUCK_S = 420.0  # a script that has not moved for so long never will
LEFT_S = 90.0  # ... or when its transaction has ended
MUTE_S = 150.0  # a wallbox that has told of no current by then never will
SETTLED_S = 25.0  # from the plug to the first command
STEP_A = 3.1  # a wallbox of few steps rounds down by no more


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    kind: DecisionKind
    amps: float
    phases: int = 3


SCRIPT = (
    Step("start 8 A", DecisionKind.START, 8.0),
    Step("raise to 12 A", DecisionKind.STEP, 12.0),
    Step("cut to 7.5 A", DecisionKind.STEP, 7.5),
    Step("one phase", DecisionKind.STEP, 8.0, 1),
    Step("three phases", DecisionKind.STEP, 8.0, 3),
    Step("pause", DecisionKind.STOP, 0.0),
    Step("start 10 A", DecisionKind.START, 10.0),
)


@dataclass(slots=True)
class Row:
    """One command of one wallbox: what was said of it, and what was so."""

    personality: str
    step: str
    verdict: Outcome
    truth: Outcome
    rule: str
    attempts: int

    @property
    def wrong(self) -> bool:
        """Only what claims to know can be wrong."""
        return self.verdict in CLAIMS and self.verdict is not self.truth


CLAIMS = frozenset({Outcome.APPLIED, Outcome.ACCEPTED_INEFFECTIVE, Outcome.PHASE_SWITCH_INEFFECTIVE})


def truth(box: SimulatedWallbox, command: Command) -> Outcome:
    """What the pilot and the relay do about a command."""
    station = box.station
    offers_a = station._pilot_a() if station.enabled else 0.0
    wanted_a = command.amps if box.personality.cap_a is None else min(command.amps, box.personality.cap_a)
    if offers_a > command.amps + 0.3 or (offers_a < wanted_a - STEP_A and station.enabled):
        return Outcome.ACCEPTED_INEFFECTIVE
    if command.amps > 0 and command.phases not in (None, station.phases):
        return Outcome.PHASE_SWITCH_INEFFECTIVE
    return Outcome.APPLIED


@dataclass(slots=True)
class _Part:
    """One wallbox and how far its script has come."""

    name: str
    personality: str
    box: SimulatedWallbox
    central: CentralSystem
    next_step: int = 0
    told_s: float = 0.0  # the newest step
    moved_s: float = 0.0  # ... or its verdict
    commands: dict[int, Step] = field(default_factory=dict)


class Field:
    """All wallboxes, one Control."""

    def __init__(self, personalities: Sequence[str], clock: FastClock) -> None:
        self.clock = clock
        self.rows: list[Row] = []
        self._began_s = clock.monotonic()
        self._physics_s = clock.monotonic()
        names = {f"box{number:02d}": personality for number, personality in enumerate(personalities)}
        self.parts = {name: self._part(name, personality) for name, personality in names.items()}
        self.latest = Latest(clock, {"grid": Role.GRID}, tuple(self.parts))
        self.journal = MemoryJournal()
        couriers = {name: Dispatcher(part.central.wallboxes[name], clock) for name, part in self.parts.items()}
        self.couriers = couriers
        self.control = Control(
            clock=clock,
            latest=self.latest,
            couriers=couriers,
            settings=ControlSettings(
                SteeringSettings(tick_s=2.0), SiteSettings(), tuple(WallboxSettings(name) for name in self.parts)
            ),
            journal=self.journal,
            visits=Visits(self.journal, {name: VisitCar() for name in self.parts}),
            judged=self._judged,
        )
        self.control.disobeyed = lambda command: self._box(command.wallbox).verdict(command.outcome)
        self.control.controllable = lambda name: self._box(name).controllable

    def _part(self, name: str, personality: str) -> _Part:
        box = SimulatedWallbox(WallboxSpec(name, name, max_a=32.0, personality=(personality,)), self.clock)
        box.plug(_car(box.personality))
        central = CentralSystem(
            OcppServerSettings(host="127.0.0.1", port=0),
            {name: OcppWallboxSettings(charge_point=name, max_a=32.0)},
            Failsafe(),
            MemoryBook(),
            self.clock,
            lambda event: self.control.notice(event),
            patience=Patience(command_s=2.0, setup_s=1.0),
        )
        return _Part(name, personality, box, central)

    def _box(self, name: str) -> Any:
        return self.parts[name].central.wallboxes[name]

    # --- the script in the place of the rules

    def script(
        self, _s: object, _site: object, boxes: Sequence[WallboxSettings], memory: Memory, now: Snapshot, _w: object
    ) -> tuple[Memory, tuple[Decision, ...]]:
        images = {image.name: image for image in now.wallboxes}
        decisions = []
        for box in boxes:
            image, part = images[box.name], self.parts[box.name]
            step = SCRIPT[part.next_step] if part.next_step < len(SCRIPT) else None
            ready = image.connected and image.controllable and image.transaction_id is not None and image.last_final
            flows = image.sample is not None and (image.sample.max_current_a or 0.0) > 1.0
            begun = part.next_step > 0 or flows or now.now_s - self._began_s > MUTE_S
            settled = begun and now.now_s - part.told_s >= SETTLED_S
            if step is None or not ready or not settled:
                decisions.append(_hold(box.name, now))
                continue
            part.next_step += 1
            part.told_s = part.moved_s = now.now_s
            part.commands[len(self.journal.commands) + 1 + sum(d.kind is not HOLD for d in decisions)] = step
            decisions.append(_send(box.name, now, step))
        return memory, tuple(decisions)

    @property
    def done(self) -> bool:
        return all(self._done(name, part) for name, part in self.parts.items())

    def _done(self, name: str, part: _Part) -> bool:
        """Its script is over, or it can't go on with it."""
        command, quiet_s = self.control.orders[name].command, self.clock.monotonic() - part.moved_s
        if command is not None and not command.final:
            return False
        over = part.next_step == len(SCRIPT) or not self._box(name).controllable
        return over or (quiet_s > LEFT_S and self._box(name).transaction_id is None) or quiet_s > STUCK_S

    def _judged(self, command: Command) -> None:
        if not command.final:
            return
        part = self.parts[command.wallbox]
        part.moved_s = self.clock.monotonic()
        if command.outcome is not Outcome.ACCEPTED_INEFFECTIVE:
            self._box(command.wallbox).verdict(command.outcome)
        self.rows.append(
            Row(
                part.personality,
                part.commands[command.id].name,
                command.outcome,
                truth(part.box, command),
                command.evidence.rule if command.evidence else "",
                len(command.attempts),
            )
        )

    # --- the world

    def advance(self) -> None:
        """Moves every wallbox to the present, in steps of a second, and lets the meter see it."""
        while self._physics_s + 1.0 <= self.clock.monotonic():
            self._physics_s += 1.0
            for part in self.parts.values():
                part.box.station.advance(1.0)
                part.box.tick()
        self.latest.put("grid", MeterReading(power_w=sum(part.box.station.power_w for part in self.parts.values())))

    async def _live(self) -> None:
        while True:
            self.advance()
            await self.clock.sleep(max(1.0, 0.02 * self.clock.speed))

    async def run(self, most_s: float) -> None:
        with self._scripted():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part.central.run()) for part in self.parts.values()]
                for part in self.parts.values():
                    await part.central.listening()
                    tasks.append(group.create_task(part.box.run(f"ws://127.0.0.1:{part.central.port}")))
                tasks += [group.create_task(courier.run()) for courier in self.couriers.values()]
                tasks += [group.create_task(self._live()), group.create_task(self.control.run())]
                while not self.done and self.clock.monotonic() - self._began_s < most_s:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                for task in tasks:
                    task.cancel()

    @contextmanager
    def _scripted(self) -> Iterator[None]:
        with patch("hemsd.control.steer", self.script):
            yield


HOLD = DecisionKind.HOLD


def _hold(name: str, now: Snapshot) -> Decision:
    return Decision(name, now.at, HOLD, SteeringState.MODULATING, "script", "waits")


def _send(name: str, now: Snapshot, step: Step) -> Decision:
    return Decision(
        name, now.at, step.kind, SteeringState.MODULATING, "script", step.name, limit_a=step.amps, phases=step.phases
    )


def _car(personality: Personality) -> Car:
    car = Car(capacity_kwh=1000.0, soc_pct=personality.car_soc_pct or 35.0, max_a=32.0)
    car.min_a = personality.car_min_a or car.min_a
    car.phases = personality.car_phases or car.phases
    car.overshoot_s = personality.car_overshoot_s or 0.0
    car.sleeps_after_s = personality.car_sleeps_after_s
    return car


# A wallbox that needs 25 real seconds for an answer would need 25 minutes of the clock that runs 60 times as fast.
QUICKER: Mapping[str, Personality] = {"slow_answer_25s": Personality(answer_delay_s=0.3)}


async def judge_all(personalities: Sequence[str], *, speed: float, most_s: float = 3600.0) -> list[Row]:
    """The sequence with each of them, and its rows."""
    with patch.dict(PERSONALITIES, QUICKER):
        for name in personalities:
            compose([name])
        everybody = Field(personalities, FastClock(START_AT, speed))
        await everybody.run(most_s)
    return everybody.rows


def table(rows: Sequence[Row]) -> str:
    """For docs: a line a wallbox, a column a step; what is wrong is in capitals."""
    names = list(dict.fromkeys(row.personality for row in rows))
    lines = [
        "| wallbox or car | " + " | ".join(step.name for step in SCRIPT) + " |",
        "|---" * (len(SCRIPT) + 1) + "|",
    ]
    for name in sorted(names):
        cells = []
        for step in SCRIPT:
            mine = [row for row in rows if row.personality == name and row.step == step.name]
            cells.append("; ".join(_cell(row) for row in mine) or "–")
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: Row) -> str:
    ways = f" ({row.attempts} frames)" if row.attempts > 2 else ""
    if row.wrong:
        return f"**{row.verdict.upper()} BUT {row.truth.upper()}**"
    return row.verdict.replace("_", " ") + ways


if __name__ == "__main__":  # python -m tests.wallboxes.obedience > table.md
    print(table(asyncio.run(judge_all(tuple(PERSONALITIES), speed=12.0))))
