"""A charging visit as a fold over ticks: from plug-in to plug-out, with its energy split by source.

Two witnesses tell the energy. The wallbox's register is exact but comes late and in steps; its power comes more often
but is only a rate. So the sources are weighed tick by tick with the power, and each step of the register is shared
out by the weights that have piled up since the last one. Without a register, the power alone is integrated. A
register that falls (per-transaction registers, a reboot) starts anew from where it is; one that leaps by more than
the wallbox could have delivered is not believed for that step. Energy never falls.

A lost link ends nothing: the car is still there, and the register tells afterwards what it took meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hemsd.model import QUARTER, QuarterHour, SteeringState, Visit, WallboxImage, quarter_start

REMEMBERED_QUARTERS = 192  # two days
MAX_PLAUSIBLE_W = 45_000.0  # the largest AC wallbox is 43 kW (IEC 61851-1 mode 3, 63 A on three phases)
ROUNDING_WH = 10.0  # meterStop is a whole number by the standard, a sample need not be: that is no fall
LEAST, LONGEST = timedelta(seconds=1), timedelta(days=100)  # of a visit: what is beyond is the clock's doing


@dataclass(frozen=True, slots=True)
class Sources:
    """Watts into one car by where they come from; their sum is the car's power."""

    solar_w: float = 0.0
    battery_w: float = 0.0
    grid_w: float = 0.0

    @property
    def total_w(self) -> float:
        return self.solar_w + self.battery_w + self.grid_w


@dataclass(frozen=True, slots=True)
class Energy:
    """Watt-hours into one car by where they came from."""

    solar_wh: float = 0.0
    battery_wh: float = 0.0
    grid_wh: float = 0.0

    @property
    def total_wh(self) -> float:
        return self.solar_wh + self.battery_wh + self.grid_wh


NOTHING = Energy()


@dataclass(frozen=True, slots=True)
class Start:
    """What a transaction's start told of the register."""

    register_wh: float
    counted_wh: float  # of the visit, by then
    at_s: float  # when it began, which may be long before it was told


@dataclass(frozen=True, slots=True)
class Stop:
    """What a transaction's end told of the register."""

    register_wh: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Running:
    """A visit in progress and what its fold remembers."""

    visit: Visit
    register_wh: float | None = None
    register_s: float | None = None  # when the register was last seen to move
    last_s: float | None = None
    unsettled: Energy = NOTHING  # by power, since the register last moved
    quarter: QuarterHour | None = None
    quarters: tuple[
        QuarterHour, ...
    ] = ()  # that are over, the newest few: a wall clock that is set back returns to them
    first_s: float | None = None  # its first tick in this run of the daemon, on the clock that only rises
    written_at: datetime | None = None  # when the car came, as an earlier run had it; None: it came in this one
    lasted: timedelta = LEAST  # before this run, for sure, whatever the wall clock says
    start: Start | None = None  # of the transaction, until a sample tells the register
    stopped_s: float | None = None  # when a transaction's end told the register: a sample from before is older


def plug_in(
    visit_id: str,
    number: int,
    image: WallboxImage,
    at: datetime,
    vehicle: str | None,
    managed: bool,
    policy: str | None = None,
    stop: Stop | None = None,
) -> Running:
    """The beginning of a visit. ``stop`` is that of the one before: what a sample told until then has been counted."""
    sample, register_wh, stopped_s = image.sample, None, None
    if stop is not None and (sample is None or sample.received_s <= stop.at_s):
        register_wh, stopped_s = stop.register_wh, stop.at_s
    elif sample is not None:
        register_wh = sample.energy_wh
    visit = Visit(
        id=visit_id,
        number=number,
        wallbox=image.name,
        plugged_in_at=at,
        vehicle=vehicle,
        managed=managed,
        policy=policy,
        transaction_id=image.transaction_id,
        meter_start_wh=register_wh,
        meter_last_wh=register_wh,
    )
    return Running(visit, register_wh=register_wh, stopped_s=stopped_s)


def adopt(visit: Visit, quarters: tuple[QuarterHour, ...] = ()) -> Running:
    """A visit that was running when the daemon stopped; its register says what was charged meanwhile.

    ``quarters`` are all that were written, oldest first. The last may not be over yet, and neither did the first begin
    with its quarter-hour; those between bear witness to how long the car was there.
    """
    lasted = max(LEAST, QUARTER * (len(quarters) - 2))
    quarter = quarters[-1] if quarters else None
    came_at = visit.plugged_in_at
    return Running(visit, register_wh=visit.meter_last_wh, quarter=quarter, written_at=came_at, lasted=lasted)


def disown(running: Running) -> Running:
    """It is a stranger's car: nobody's schedule counts, and the visit is only recorded."""
    return replace(running, visit=replace(running.visit, managed=False, policy=None, vehicle=None))


def retimed(running: Running, at: datetime, now_s: float) -> Running:
    """The wall clock was set: the car came as long before now as it really did.

    Where it came before this run, what that run wrote stays, unless the clock of then and that of now can't both be
    right. Until NTP answers it may be this one, so nothing is lost for good.
    """
    since_at = at if running.first_s is None else at - timedelta(seconds=now_s - running.first_s)
    came_at = since_at
    if running.written_at is not None:
        plausible = timedelta() <= since_at - running.written_at <= LONGEST
        came_at = running.written_at if plausible else since_at - running.lasted
    return replace(running, visit=replace(running.visit, plugged_in_at=came_at))


def advance(
    running: Running, image: WallboxImage, sources: Sources, state: SteeringState, at: datetime, now_s: float
) -> tuple[Running, QuarterHour | None]:
    """One tick further; also gives the quarter-hour that has just ended, if one has."""
    visit = running.visit
    if image.transaction_id is not None and image.transaction_id != visit.transaction_id:
        visit = replace(visit, transaction_id=image.transaction_id)
    if visit.final_state is not state:
        visit = replace(visit, final_state=state)
    elapsed_s = max(0.0, now_s - running.last_s) if running.last_s is not None else 0.0
    weights = _add(running.unsettled, sources, elapsed_s / 3600.0)
    register_wh = _told(running, image)
    if register_wh is None:
        gained = weights if running.register_wh is None else NOTHING
        if running.register_wh is None:
            weights = NOTHING
    else:
        gained, weights, running = _register_step(running, weights, register_wh, now_s)
    visit = _with_energy(visit, gained, register_wh)
    quarter, finished = _quarter(running, visit.id, gained, at)
    quarters = running.quarters if finished is None else (*running.quarters, finished)[-REMEMBERED_QUARTERS:]
    first_s = now_s if running.first_s is None else running.first_s
    moved = replace(
        running, visit=visit, unsettled=weights, last_s=now_s, quarter=quarter, quarters=quarters, first_s=first_s
    )
    return moved, finished


def transaction_started(running: Running, meter_start_wh: float | None, started_s: float) -> Running:
    """The register's first word, where no sample has told it yet: the first one that does is held against it."""
    if meter_start_wh is None or running.register_wh is not None:
        return running
    visit = replace(running.visit, meter_start_wh=meter_start_wh)
    return replace(running, visit=visit, start=Start(meter_start_wh, visit.energy_wh, started_s))


def transaction_ended(running: Running, meter_stop_wh: float | None, now_s: float) -> Running:
    """The register's last word; where it counts each transaction for itself it is lower, and says nothing new."""
    known_wh = running.register_wh
    if known_wh is None and running.start is not None:
        known_wh = running.start.register_wh
    if meter_stop_wh is None or known_wh is None or meter_stop_wh <= known_wh:
        return running
    gained, unsettled, moved = _register_step(running, running.unsettled, meter_stop_wh, now_s)
    quarter = running.quarter
    if quarter is not None:
        quarter = _grown(quarter, gained)
    visit = _with_energy(running.visit, gained, meter_stop_wh)
    return replace(moved, visit=visit, unsettled=unsettled, quarter=quarter, stopped_s=now_s)


def _told(running: Running, image: WallboxImage) -> float | None:
    """The register of the newest sample; an older one would look as if the register had fallen and begun anew."""
    sample = image.sample
    if sample is None or (running.stopped_s is not None and sample.received_s <= running.stopped_s):
        return None
    return sample.energy_wh


def plug_out(running: Running, at: datetime) -> tuple[Visit, QuarterHour | None]:
    """The visit as it ended; it does not change any more.

    A wall clock that has just been started in another year can't end it before its time.
    """
    visit = _with_energy(running.visit, running.unsettled if running.register_wh is None else NOTHING, None)
    unseen = running.last_s is None  # adopted, and gone before the first tick
    left_at = max(at, visit.plugged_in_at + running.lasted)
    return replace(visit, plugged_out_at=left_at, aborted=visit.aborted or unseen), running.quarter


def _register_step(
    running: Running, weights: Energy, register_wh: float, now_s: float
) -> tuple[Energy, Energy, Running]:
    """(energy gained by source, weights that are left, the fold with its register moved on)."""
    if running.register_wh is None:
        gained = _since_start(running, weights, register_wh, now_s)
        return gained, NOTHING, replace(running, register_wh=register_wh, register_s=now_s, start=None)
    step_wh = register_wh - running.register_wh
    if -ROUNDING_WH < step_wh <= 0:
        return NOTHING, weights, running
    moved = replace(running, register_wh=register_wh, register_s=now_s)
    came_s = running.first_s if running.written_at is None else None  # None: before this run
    since_s = running.register_s if running.register_s is not None else came_s
    if step_wh < 0 or (since_s is not None and step_wh > _possible_wh(now_s - since_s)):
        return weights, NOTHING, moved
    return _shared_out(step_wh, weights), NOTHING, moved


def _possible_wh(seconds: float) -> float:
    return MAX_PLAUSIBLE_W * (seconds + 60.0) / 3600.0


def _since_start(running: Running, weights: Energy, register_wh: float, now_s: float) -> Energy:
    """What was counted by power until the register was told, and what that left out since the transaction's start."""
    start = running.start
    if start is None:
        return weights
    step_wh = register_wh - start.register_wh
    missing_wh = step_wh - (running.visit.energy_wh - start.counted_wh) - weights.total_wh
    if missing_wh <= 0.0 or step_wh > _possible_wh(now_s - start.at_s):
        return weights
    more = _shared_out(missing_wh, weights)
    return Energy(
        weights.solar_wh + more.solar_wh, weights.battery_wh + more.battery_wh, weights.grid_wh + more.grid_wh
    )


def _shared_out(energy_wh: float, weights: Energy) -> Energy:
    total_wh = weights.total_wh
    if total_wh <= 0:
        # Nothing is known of where it came from (it was charged while hemsd was away): never claim the sun for it.
        return Energy(grid_wh=energy_wh)
    return Energy(
        solar_wh=energy_wh * weights.solar_wh / total_wh,
        battery_wh=energy_wh * weights.battery_wh / total_wh,
        grid_wh=energy_wh * weights.grid_wh / total_wh,
    )


def _add(weights: Energy, sources: Sources, hours: float) -> Energy:
    return Energy(
        weights.solar_wh + max(0.0, sources.solar_w) * hours,
        weights.battery_wh + max(0.0, sources.battery_w) * hours,
        weights.grid_wh + max(0.0, sources.grid_w) * hours,
    )


def _with_energy(visit: Visit, gained: Energy, register_wh: float | None) -> Visit:
    if gained.total_wh == 0 and register_wh in (None, visit.meter_last_wh):
        return visit
    return replace(
        visit,
        energy_wh=visit.energy_wh + gained.total_wh,
        solar_wh=visit.solar_wh + gained.solar_wh,
        battery_wh=visit.battery_wh + gained.battery_wh,
        grid_wh=visit.grid_wh + gained.grid_wh,
        meter_start_wh=visit.meter_start_wh if visit.meter_start_wh is not None else register_wh,
        meter_last_wh=register_wh if register_wh is not None else visit.meter_last_wh,
    )


def _quarter(running: Running, visit_id: str, gained: Energy, at: datetime) -> tuple[QuarterHour, QuarterHour | None]:
    start_at, quarter = quarter_start(at), running.quarter
    finished = None
    if quarter is None or quarter.start_at != start_at:
        finished = quarter
        known = (one for one in running.quarters if one.start_at == start_at)
        quarter = next(known, QuarterHour(visit_id, start_at, 0.0, 0.0, 0.0, 0.0))
    return _grown(quarter, gained), finished


def _grown(quarter: QuarterHour, gained: Energy) -> QuarterHour:
    if gained is NOTHING:
        return quarter
    return replace(
        quarter,
        energy_wh=quarter.energy_wh + gained.total_wh,
        solar_wh=quarter.solar_wh + gained.solar_wh,
        battery_wh=quarter.battery_wh + gained.battery_wh,
        grid_wh=quarter.grid_wh + gained.grid_wh,
    )
