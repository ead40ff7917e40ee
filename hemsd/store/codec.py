"""Between the values of hemsd.model and what SQLite holds: milliseconds, numbers, texts, a little JSON.

JSON keeps only what differs from the default, so that evidence stays short, and is read back through pydantic, which
knows the types. It is pure ASCII with escapes: a wallbox may send half a surrogate pair, and that must not stop a
command from being recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from sqlite3 import Row

from pydantic import TypeAdapter

from hemsd.model import (
    Attempt,
    Command,
    Decision,
    DecisionKind,
    DispatchStatus,
    Evidence,
    Outcome,
    QuarterHour,
    Reading,
    Sample,
    SiteMinute,
    SteeringState,
    Visit,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
DAY_MS = 86_400_000

Value = int | float | str | None
"""What a column holds."""

Columns = dict[str, Value]

ATTEMPTS = TypeAdapter(tuple[Attempt, ...])
EVIDENCE = TypeAdapter(Evidence)


# ---------------------------------------------------------------------------------------------------------------------
# Primitives


def ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def ms_or_none(at: datetime | None) -> int | None:
    return None if at is None else ms(at)


def utc(at_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at_ms)


def utc_or_none(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else utc(at_ms)


def text(words: str) -> str:
    """Words from outside, with what is no Unicode replaced: SQLite refuses lone surrogates."""
    return words.encode("utf-8", "replace").decode()


def to_json(value: object) -> str:
    return json.dumps(_plain(value), separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        held = [(f, getattr(value, f.name)) for f in fields(value)]
        return {f.name: _plain(v) for f, v in held if f.default is MISSING or v != f.default}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Values to columns


def visit_columns(visit: Visit) -> Columns:
    return {
        "number": visit.number,
        "id": visit.id,
        "wallbox": visit.wallbox,
        "vehicle": visit.vehicle,
        "plugged_in_ms": ms(visit.plugged_in_at),
        "plugged_out_ms": ms_or_none(visit.plugged_out_at),
        "managed": visit.managed,
        "policy": visit.policy,
        "aborted": visit.aborted,
        "transaction_id": visit.transaction_id,
        "meter_start_wh": visit.meter_start_wh,
        "meter_last_wh": visit.meter_last_wh,
        "energy_wh": visit.energy_wh,
        "solar_wh": visit.solar_wh,
        "battery_wh": visit.battery_wh,
        "grid_wh": visit.grid_wh,
        "final_state": visit.final_state,
    }


def decision_columns(row_id: int, decision: Decision, visit_id: str | None) -> Columns:
    return {
        "id": row_id,
        "wallbox": decision.wallbox,
        "visit": visit_id,
        "at_ms": ms(decision.at),
        "kind": decision.kind,
        "state": decision.state,
        "rule": decision.rule,
        "reason": text(decision.reason),
        "limit_a": decision.limit_a,
        "phases": decision.phases,
        "target_w": decision.target_w,
        "inputs": to_json(decision.inputs),
        "dispatched": decision.dispatched,
        "command_id": decision.command_id,
        "ticks": decision.ticks,
    }


def command_columns(command: Command) -> Columns:
    return {
        "id": command.id,
        "wallbox": command.wallbox,
        "visit": command.visit_id,
        "at_ms": ms(command.at),
        "sent_s": command.sent_s,
        "amps": command.amps,
        "phases": command.phases,
        "watts": command.watts,
        "before_a": command.before_a,
        "dispatch_status": command.dispatch_status,
        "outcome": command.outcome,
        "final": command.final,
        "observed_current_offered_a": command.observed_current_offered_a,
        "observed_power_w": command.observed_power_w,
        "effect_s": command.effect_s,
        "attempts": to_json(command.attempts),
        "evidence": None if command.evidence is None else to_json(command.evidence),
    }


def reading_columns(visit_id: str, sample: Sample) -> Columns:
    at_ms = ms(sample_at(sample))
    l1_a, l2_a, l3_a = sample.currents_a
    l1_v, l2_v, l3_v = sample.voltages_v
    return {
        "visit": visit_id,
        "minute_ms": at_ms - at_ms % MINUTE_MS,
        "at_ms": at_ms,
        "transaction_id": sample.transaction_id,
        "offered_a": sample.offered_a,
        "offered_w": sample.offered_w,
        "l1_a": l1_a,
        "l2_a": l2_a,
        "l3_a": l3_a,
        "l1_v": l1_v,
        "l2_v": l2_v,
        "l3_v": l3_v,
        "power_w": sample.power_w,
        "energy_wh": sample.energy_wh,
        "soc_pct": sample.soc_pct,
        "backlog": sample.backlog,
    }


def sample_at(sample: Sample) -> datetime:
    """When it was measured: our own time, except for history that the wallbox kept while it was alone."""
    if sample.backlog and sample.box_time is not None:
        return sample.box_time
    return sample.received_at


def minute_columns(minute: SiteMinute) -> Columns:
    at_ms = ms(minute.at)
    return {
        "at_ms": at_ms - at_ms % MINUTE_MS,
        "grid_w": minute.grid_w,
        "pv_w": minute.pv_w,
        "battery_w": minute.battery_w,
        "soc_pct": minute.soc_pct,
        "house_w": minute.house_w,
        "cars_w": to_json(minute.cars_w) if minute.cars_w else None,
    }


def quarter_columns(quarter: QuarterHour) -> Columns:
    return {
        "visit": quarter.visit_id,
        "start_ms": ms(quarter.start_at),
        "energy_wh": quarter.energy_wh,
        "solar_wh": quarter.solar_wh,
        "battery_wh": quarter.battery_wh,
        "grid_wh": quarter.grid_wh,
    }


# ---------------------------------------------------------------------------------------------------------------------
# Rows to values


def visit_of(row: Row) -> Visit:
    return Visit(
        id=row["id"],
        number=row["number"],
        wallbox=row["wallbox"],
        plugged_in_at=utc(row["plugged_in_ms"]),
        plugged_out_at=utc_or_none(row["plugged_out_ms"]),
        vehicle=row["vehicle"],
        managed=bool(row["managed"]),
        policy=row["policy"],
        aborted=bool(row["aborted"]),
        transaction_id=row["transaction_id"],
        meter_start_wh=row["meter_start_wh"],
        meter_last_wh=row["meter_last_wh"],
        energy_wh=row["energy_wh"],
        solar_wh=row["solar_wh"],
        battery_wh=row["battery_wh"],
        grid_wh=row["grid_wh"],
        final_state=SteeringState(row["final_state"]),
    )


def decision_of(row: Row) -> Decision:
    return Decision(
        wallbox=row["wallbox"],
        at=utc(row["at_ms"]),
        kind=DecisionKind(row["kind"]),
        state=SteeringState(row["state"]),
        rule=row["rule"],
        reason=row["reason"],
        limit_a=row["limit_a"],
        phases=row["phases"],
        target_w=row["target_w"],
        inputs=json.loads(row["inputs"]),
        dispatched=bool(row["dispatched"]),
        command_id=row["command_id"],
        ticks=row["ticks"],
    )


def command_of(row: Row) -> Command:
    return Command(
        id=row["id"],
        wallbox=row["wallbox"],
        at=utc(row["at_ms"]),
        sent_s=row["sent_s"],
        amps=row["amps"],
        phases=row["phases"],
        watts=row["watts"],
        visit_id=row["visit_id"],
        before_a=row["before_a"],
        dispatch_status=DispatchStatus(row["dispatch_status"]),
        outcome=Outcome(row["outcome"]),
        final=bool(row["final"]),
        observed_current_offered_a=row["observed_current_offered_a"],
        observed_power_w=row["observed_power_w"],
        effect_s=row["effect_s"],
        attempts=ATTEMPTS.validate_python(json.loads(row["attempts"])),
        evidence=None if row["evidence"] is None else EVIDENCE.validate_python(json.loads(row["evidence"])),
    )


def reading_of(row: Row) -> Reading:
    return Reading(
        at=utc(row["at_ms"]),
        transaction_id=row["transaction_id"],
        offered_a=row["offered_a"],
        offered_w=row["offered_w"],
        currents_a=(row["l1_a"], row["l2_a"], row["l3_a"]),
        voltages_v=(row["l1_v"], row["l2_v"], row["l3_v"]),
        power_w=row["power_w"],
        energy_wh=row["energy_wh"],
        soc_pct=row["soc_pct"],
        backlog=bool(row["backlog"]),
    )


def quarter_of(row: Row) -> QuarterHour:
    return QuarterHour(
        visit_id=row["visit_id"],
        start_at=utc(row["start_ms"]),
        energy_wh=row["energy_wh"],
        solar_wh=row["solar_wh"],
        battery_wh=row["battery_wh"],
        grid_wh=row["grid_wh"],
    )


def step_of(row: Row, cars_w: Mapping[str, float]) -> SiteMinute:
    return SiteMinute(
        at=utc(row["step_ms"]),
        grid_w=row["grid_w"],
        pv_w=row["pv_w"],
        battery_w=row["battery_w"],
        soc_pct=row["soc_pct"],
        house_w=row["house_w"],
        cars_w=cars_w,
    )
