"""Every wallbox of the field, on a real socket: what the verdict says, beside what is true.

The parts are the daemon's own: central system, courier, Control, trials. Only the rules are replaced, by a script that
tells each wallbox the same sequence, because here it matters what becomes of a command and not why it was given. What
is true is read off the simulated wallbox's pilot and relay when the verdict falls.

Each wallbox has a home and a time of its own (``tests.virtual``): what is learned of one must not help the next, and a
busy machine must not make one of them look silent. So the table is the same on every machine, and the one in docs/ is
compared with it; ``python -m tests.wallboxes.obedience`` writes that anew.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from unittest.mock import patch

from drivers.ocpp16.server import CentralSystem
from drivers.ocpp16.settings import OcppServerSettings, OcppWallboxSettings
from drivers.ocpp16.steering import Failsafe
from drivers.simulated.car import Car
from drivers.simulated.personalities import PERSONALITIES, Personality
from drivers.simulated.wallbox import SimulatedWallbox, WallboxSpec
from hemsd.clock import Clock
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
    WallboxImage,
    WallboxSettings,
)
from hemsd.visits import Car as VisitCar
from hemsd.visits import Visits
from rules.steer import Memory
from tests.ocpp16.fakes import MemoryBook
from tests.virtual import LoopClock, virtually

TABLE = Path(__file__).parents[2] / "docs" / "obedience.md"

NAME = "garage"
START_AT = datetime(2026, 6, 21, 8, 0, tzinfo=UTC)
MOST_S = 7200.0
STUCK_S = 1500.0  # a script that has not moved for so long never will
LEFT_S = 400.0  # ... or when its transaction has ended
MUTE_S = 600.0  # a wallbox that has told of no current by then never will
OUTAGE_S = 60.0
SETTLED_S = 25.0  # from the plug, or the verdict before, to the next command
STEP_A = 3.1  # a wallbox of few steps rounds down by no more


class Mishap(StrEnum):
    """What befalls a wallbox before it is told something."""

    OUTAGE = "the network is gone for a minute"
    REBOOT = "it loses its power for a moment"


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    kind: DecisionKind
    amps: float
    phases: int = 3
    after: Mishap | None = None


SCRIPT = (
    Step("start 8 A", DecisionKind.START, 8.0),
    Step("raise to 12 A", DecisionKind.STEP, 12.0),
    Step("cut to 7.5 A", DecisionKind.STEP, 7.5),
    Step("one phase", DecisionKind.STEP, 8.0, 1),
    Step("three phases", DecisionKind.STEP, 8.0, 3),
    Step("12 A after an outage", DecisionKind.STEP, 12.0, after=Mishap.OUTAGE),
    Step("8 A after a reboot", DecisionKind.STEP, 8.0, after=Mishap.REBOOT),
    Step("pause", DecisionKind.STOP, 0.0),
    Step("start 10 A", DecisionKind.START, 10.0),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One command of one wallbox: what was said of it, and what was so."""

    personality: str
    step: str
    verdict: Outcome
    truths: tuple[Outcome, ...]  # the claims that hold
    rule: str
    frames: int

    @property
    def truth(self) -> Outcome:
        """The one that matters most."""
        return self.truths[0]

    @property
    def wrong(self) -> bool:
        """Only what claims to know can be wrong."""
        return self.verdict in CLAIMS and self.verdict not in self.truths


CLAIMS = frozenset({Outcome.APPLIED, Outcome.ACCEPTED_INEFFECTIVE, Outcome.PHASE_SWITCH_INEFFECTIVE})


def truths(box: SimulatedWallbox, command: Command) -> tuple[Outcome, ...]:
    """What the pilot and the relay do about a command: every claim that holds."""
    station = box.station
    offers_a = station._pilot_a() if station.enabled else 0.0
    wanted_a = command.amps if box.personality.cap_a is None else min(command.amps, box.personality.cap_a)
    found = []
    if offers_a > command.amps + 0.3 or (offers_a < wanted_a - STEP_A and station.enabled):
        found.append(Outcome.ACCEPTED_INEFFECTIVE)
    if command.amps > 0 and command.phases not in (None, station.phases):
        found.append(Outcome.PHASE_SWITCH_INEFFECTIVE)
    return tuple(found) or (Outcome.APPLIED,)


class Bench:
    """One wallbox with its quirks, before the daemon's own parts."""

    def __init__(self, quirks: Sequence[str], clock: Clock, steps: Sequence[Step] = SCRIPT) -> None:
        self.clock = clock
        self.steps = steps
        self.rows: list[Row] = []
        self.box = SimulatedWallbox(WallboxSpec(NAME, NAME, max_a=32.0, personality=tuple(quirks)), clock)
        self.box.plug(_car(self.box.personality))
        self._called = " + ".join(quirks)
        self._central = CentralSystem(
            OcppServerSettings(host="127.0.0.1", port=0),
            {NAME: OcppWallboxSettings(charge_point=NAME, max_a=32.0)},
            Failsafe(),
            MemoryBook(),
            clock,
            lambda event: self.control.notice(event),
        )
        self.driver = self._central.wallboxes[NAME]
        self._courier = Dispatcher(self.driver, clock)
        self._latest = Latest(clock, {"grid": Role.GRID}, (NAME,))
        journal = MemoryJournal()
        self.control = Control(
            clock=clock,
            latest=self._latest,
            couriers={NAME: self._courier},
            settings=ControlSettings(SteeringSettings(tick_s=2.0), SiteSettings(), (WallboxSettings(NAME),)),
            journal=journal,
            visits=Visits(journal, {NAME: VisitCar()}),
            judged=self._judged,
            disobeyed=lambda command: self.driver.verdict(command.outcome),
            controllable=lambda _: self.driver.controllable,
        )
        self._told: dict[int, Step] = {}  # by the number of the command
        self._next = 0  # step of the script
        self._struck: int | None = None  # the newest step before which something has befallen it
        self._charges = False  # has been seen to, since the plug or that
        self._moved_s = clock.monotonic()  # when the script last went on

    # --- the script in the place of the rules

    def script(
        self, _s: object, _site: object, _boxes: object, memory: Memory, now: Snapshot, _w: object
    ) -> tuple[Memory, tuple[Decision, ...]]:
        (image,) = now.wallboxes
        if self._next == len(self.steps) or not self._ready(image, now.now_s):
            return memory, (_hold(now),)
        step = self.steps[self._next]
        self._moved_s = now.now_s
        if step.after is not None and self._struck != self._next:
            self._struck, self._charges = self._next, False
            self._strike(step.after)
            return memory, (_hold(now),)
        self._next, self._charges = self._next + 1, True
        self._told[len(self._told) + 1] = step
        return memory, (_send(now, step),)

    def _ready(self, image: WallboxImage, now_s: float) -> bool:
        quiet_s = now_s - self._moved_s
        flows = image.sample is not None and (image.sample.max_current_a or image.sample.power_w or 0.0) > 1.0
        return (
            image.connected
            and not self.box.firmware.reboot_wanted
            and image.controllable
            and image.transaction_id is not None
            and image.last_final
            and quiet_s >= SETTLED_S
            and (self._charges or flows or quiet_s > MUTE_S)
        )

    def _strike(self, mishap: Mishap) -> None:
        match mishap:
            case Mishap.OUTAGE:
                self.box.cut_link()
                asyncio.get_running_loop().call_later(OUTAGE_S, self.box.link_allowed.set)
            case Mishap.REBOOT:
                self.box.firmware.reboot("PowerLoss")

    @property
    def _done(self) -> bool:
        """The script is over, or can't go on."""
        command, quiet_s = self.control.orders[NAME].command, self.clock.monotonic() - self._moved_s
        if command is not None and not command.final:
            return False
        over = self._next == len(self.steps) or not self.driver.controllable
        return over or (quiet_s > LEFT_S and self.driver.transaction_id is None) or quiet_s > STUCK_S

    def _judged(self, command: Command) -> None:
        if not command.final:
            return
        self._moved_s = self.clock.monotonic()
        if command.outcome is not Outcome.ACCEPTED_INEFFECTIVE:
            self.driver.verdict(command.outcome)
        rule = command.evidence.rule if command.evidence else ""
        so = truths(self.box, command)
        step = self._told[command.id].name
        self.rows.append(Row(self._called, step, command.outcome, so, rule, len(command.attempts)))

    # --- the world

    async def _live(self) -> None:
        """Moves the wallbox second by second, and lets the meter see it."""
        while True:
            self.box.station.advance(1.0)
            self.box.tick()
            self._latest.put("grid", MeterReading(power_w=self.box.station.power_w))
            await self.clock.sleep(1.0)

    async def run(self, silent_s: float = 0.0) -> None:
        """The script; then all that is hemsd's dies at once, and the wallbox is left to itself for so long."""
        began_s = self.clock.monotonic()
        with self._scripted():
            async with asyncio.TaskGroup() as group:
                hemsd = [group.create_task(self._central.run())]
                await self._central.listening()
                url = f"ws://127.0.0.1:{self._central.port}"
                world = [group.create_task(work) for work in (self.box.run(url), self._live())]
                hemsd += [group.create_task(work) for work in (self._courier.run(), self.control.run())]
                while not self._done and self.clock.monotonic() - began_s < MOST_S:
                    await self.clock.sleep(1.0)
                for task in hemsd:
                    task.cancel()
                for socket in self._central.sockets:
                    socket.transport.abort()
                await self.clock.sleep(silent_s)
                for task in world:
                    task.cancel()

    @contextmanager
    def _scripted(self) -> Iterator[None]:
        with patch("hemsd.control.steer", self.script):
            yield


def _hold(now: Snapshot) -> Decision:
    return Decision(NAME, now.at, DecisionKind.HOLD, SteeringState.MODULATING, "script", "waits")


def _send(now: Snapshot, step: Step) -> Decision:
    return Decision(
        NAME, now.at, step.kind, SteeringState.MODULATING, "script", step.name, limit_a=step.amps, phases=step.phases
    )


def _car(personality: Personality) -> Car:
    car = Car(capacity_kwh=1000.0, soc_pct=personality.car_soc_pct or 35.0, max_a=personality.car_max_a or 32.0)
    car.min_a = personality.car_min_a or car.min_a
    car.phases = personality.car_phases or car.phases
    car.overshoot_s = personality.car_overshoot_s or 0.0
    car.sleeps_after_s = personality.car_sleeps_after_s
    return car


def judged(*quirks: str) -> list[Row]:
    """The sequence with a wallbox of these quirks, and its rows."""

    async def scene() -> list[Row]:
        bench = Bench(quirks, LoopClock(START_AT))
        await bench.run()
        return bench.rows

    return virtually(scene())


# --- where the evidence is absent, and why

TOTAL_POWER = "it tells the power of all phases together only, and nothing of the current that it had before"
LITTLE = "a car of 7 A shows nothing of higher limits, and an offer is not believed that no current has borne out"
OVERTAKEN = "its second connection replaced the first while it was asked"

UNPROVABLE: Mapping[tuple[str, str], str] = {
    ("no_metervalues", step.name): "it never sends a sample, and refuses the request for one" for step in SCRIPT
} | {
    ("car_1phase", "three phases"): "a car of one phase can't show that three are connected",
    ("boot_loop_on_measurands", "12 A after an outage"): "it restarts while its obedience is looked for",
    ("boot_loop_on_measurands", "8 A after a reboot"): TOTAL_POWER,
    ("boot_loop_on_measurands", "start 10 A"): TOTAL_POWER,
    ("power_only", "start 8 A"): TOTAL_POWER,
    ("power_only", "one phase"): TOTAL_POWER,
    ("power_only", "three phases"): TOTAL_POWER,
    ("power_only", "8 A after a reboot"): TOTAL_POWER,
    ("power_only", "start 10 A"): TOTAL_POWER,
    ("car_max7", "start 8 A"): LITTLE,
    ("car_max7", "raise to 12 A"): LITTLE,
    ("car_max7", "cut to 7.5 A"): LITTLE,
    ("car_max7", "12 A after an outage"): LITTLE,
    ("car_max7", "8 A after a reboot"): LITTLE,
    ("double_connect", "raise to 12 A"): OVERTAKEN,
    ("double_connect", "pause"): OVERTAKEN,
}

WITHOUT: Mapping[str, str] = {
    "ignores_profile": "is left alone after the first command: it followed in no way",
    "offered_echoes_and_ignores": "is left alone after the first command: it followed in no way, whatever it said",
    "zero_ends_tx_finishing": "has ended its transaction at 0 A; there is nothing left to start",
    "zero_ends_tx_silent_preparing": "has ended its transaction at 0 A; there is nothing left to start",
    "zero_persists_lockout": "has ended its transaction at 0 A; there is nothing left to start",
}
"""Who gets fewer commands than the script has."""

# --- the table

HEAD = """\
# What hemsd says of each kind of wallbox, beside what is true

Written by `python -m tests.wallboxes.obedience`, and compared with what comes out by the tests. Each line is a
simulated wallbox or car with one way of misbehaving (`drivers/simulated/personalities.py`), on a real socket before
hemsd's own central system, courier and verification. Each column is one command. What is true is read off the wallbox's
pilot and relay at the moment of the verdict.

One word: the verdict, and it is true. Two: the verdict, and what was so. A wrong verdict would stand in bold capitals.
The number of frames is given where a command had to be said in several ways.

"""


def document(rows: Sequence[Row]) -> str:
    """The whole of docs/obedience.md."""
    names = list(dict.fromkeys(row.personality for row in rows))
    parts = [HEAD, table(rows), "\n", _counts(names, rows), "\n## Where it is not known\n\n"]
    parts += [f"- `{name}`, {steps}: {why}.\n" for name, steps, why in _gaps(rows)]
    parts += ["\n## Who was told less\n\n", *(f"- `{name}` {why}.\n" for name, why in WITHOUT.items() if name in names)]
    return "".join(parts)


def table(rows: Iterable[Row]) -> str:
    """A line a wallbox, a column a step."""
    cells = {(row.personality, row.step): _cell(row) for row in rows}
    lines = ["| | " + " | ".join(step.name for step in SCRIPT) + " |", "|---" * (len(SCRIPT) + 1) + "|"]
    for name in dict.fromkeys(name for name, _ in cells):
        lines.append(f"| `{name}` | " + " | ".join(cells.get((name, step.name), "–") for step in SCRIPT) + " |")
    return "\n".join(lines) + "\n"


SO = {
    Outcome.APPLIED: "obeyed",
    Outcome.ACCEPTED_INEFFECTIVE: "not obeyed",
    Outcome.PHASE_SWITCH_INEFFECTIVE: "phases not changed",
}


def _cell(row: Row) -> str:
    if row.wrong:
        return f"**{row.verdict.upper()} BUT {SO[row.truth].upper()}**"
    frames = f" ({row.frames} frames)" if row.frames > 2 else ""
    said = row.verdict.replace("_", " ")
    return said + frames if row.verdict is row.truth else f"{said}, {SO[row.truth]}"


def _counts(names: Sequence[str], rows: Sequence[Row]) -> str:
    by_verdict = Counter(row.verdict for row in rows)
    counted = ", ".join(f"{count} {verdict.replace('_', ' ')}" for verdict, count in by_verdict.most_common())
    wrong = sum(row.wrong for row in rows)
    return f"{len(names)} wallboxes and cars, {len(rows)} commands: {counted}. **Wrong verdicts: {wrong}.**\n"


def _gaps(rows: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    steps: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.verdict not in CLAIMS and row.verdict is not Outcome.REJECTED:
            why = UNPROVABLE.get((row.personality, row.step), f"NOT EXPLAINED ({row.rule})")
            steps.setdefault((row.personality, why), []).append(row.step)
    for (name, why), told in steps.items():
        yield name, "every command" if len(told) == len(SCRIPT) else ", ".join(told), why


def everybody() -> list[Row]:
    return [row for name in PERSONALITIES for row in judged(name)]


if __name__ == "__main__":
    if sys.argv[1:]:
        print(table(judged(*sys.argv[1:])))
    else:
        TABLE.write_text(document(everybody()), encoding="utf-8")
