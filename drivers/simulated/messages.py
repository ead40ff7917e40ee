"""What the simulated wallbox tells the central system: small values first, OCPP 1.6 payloads at the last moment.

A value waits in the outbox until the link takes it. Only then is it written out, because by then the wallbox may know
the transaction id that it lacked, and because it is the writing that a personality distorts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ocpp.v16 import call

from drivers.simulated.personalities import Personality, Stamp
from drivers.simulated.station import Station
from hemsd.model import ConnectorStatus

LOCAL = timedelta(hours=2)  # the zone that a wallbox with Stamp.LOCAL_NO_ZONE lives in
VENDOR = "hemsd"
MODEL = "Simulated wallbox"
FIRMWARE = "1.0"

SampledValues = tuple[dict[str, str], ...]


@dataclass(slots=True)
class Transaction:
    """A charge. ``id`` is None until the central system gave one."""

    id_tag: str
    started_at: datetime
    meter_start_wh: float
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Boot:
    pass


@dataclass(frozen=True, slots=True)
class Beat:
    pass


@dataclass(frozen=True, slots=True)
class Status:
    connector_id: int
    status: ConnectorStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class Start:
    transaction: Transaction


@dataclass(frozen=True, slots=True)
class Stop:
    transaction: Transaction
    at: datetime
    meter_wh: float
    reason: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """``values`` are sampledValue objects."""

    at: datetime
    context: str
    values: SampledValues
    transaction: Transaction | None = None


Message = Boot | Beat | Status | Start | Stop | Sampled


def measured(station: Station, measurands: Iterable[str], context: str, personality: Personality) -> SampledValues:
    """The sampledValue objects of this moment, phase by phase where the meter has phases."""
    values: list[dict[str, str]] = []

    def add(measurand: str, value: float, unit: str, phase: str = "", digits: int = 2) -> None:
        sampled = {"value": f"{value:.{digits}f}", "context": context, "measurand": measurand, "unit": unit}
        values.append(sampled | ({"phase": phase} if phase else {}))

    offered_a = station.promised_a if personality.offered_echoes else station.offered_a
    if personality.offered_constant_a is not None:
        offered_a = personality.offered_constant_a
    for measurand in measurands:
        match measurand:
            case "Energy.Active.Import.Register":
                add(measurand, station.energy_wh, "Wh", digits=1)
            case "Power.Active.Import":
                add(measurand, station.power_w, "W", digits=1)
            case "Current.Import" if personality.currents:
                for phase, current_a in zip(("L1", "L2", "L3"), station.currents_a, strict=True):
                    add(measurand, current_a, "A", phase)
            case "Voltage":
                for phase, volts in zip(("L1-N", "L2-N", "L3-N"), station.voltages_v, strict=True):
                    add(measurand, volts, "V", phase, digits=1)
            case "Current.Offered" if personality.offered:
                add(measurand, offered_a, "A")
            case "Power.Offered" if personality.offered:
                add(measurand, offered_a * station.voltage_v * station.phases, "W", digits=0)
            case _:
                pass  # SoC is accepted and never known: the car does not tell it over IEC 61851
    if personality.bad_unit:
        values.append({"value": "1", "measurand": "Transaction.ID", "unit": "w"})
    return tuple(values)


def stamp(at: datetime, personality: Personality) -> str:
    match personality.stamp:
        case Stamp.LOCAL_NO_ZONE:
            return (at + LOCAL).strftime("%Y-%m-%dT%H:%M:%S")
        case Stamp.YEAR_1970:
            since_midnight = at - at.replace(hour=0, minute=0, second=0, microsecond=0)
            return _iso(datetime(1970, 1, 1, tzinfo=UTC) + since_midnight)
        case _:
            return _iso(at)


def payload(message: Message, personality: Personality, stale_id: int | None = None) -> Any:
    """The ocpp library's call for a message. ``stale_id``: the transaction id that a confused wallbox writes."""
    match message:
        case Boot():
            return call.BootNotification(
                charge_point_vendor=VENDOR,
                charge_point_model=MODEL,
                firmware_version=FIRMWARE,
                charge_box_serial_number=personality.serial,
            )
        case Beat():
            return call.Heartbeat()
        case Status(connector_id, status, at):
            return call.StatusNotification(
                connector_id=connector_id,
                error_code="NoError",
                status=status.value,
                timestamp=stamp(at, personality),
            )
        case Start(transaction):
            return call.StartTransaction(
                connector_id=1,
                id_tag=transaction.id_tag + personality.id_tag_suffix,
                meter_start=int(transaction.meter_start_wh),
                timestamp=stamp(transaction.started_at, personality),
            )
        case Stop(transaction, at, meter_wh, reason):
            known = transaction.id if transaction.id is not None else -1
            told = personality.stop_transaction_id
            return call.StopTransaction(
                meter_stop=int(meter_wh),
                timestamp=stamp(at, personality),
                transaction_id=known if told is None else told,
                reason=reason,
                id_tag=transaction.id_tag + personality.id_tag_suffix,
            )
        case Sampled(at, _, values, transaction):
            known_id = transaction.id if transaction else None
            return call.MeterValues(
                connector_id=1,
                meter_value=[{"timestamp": stamp(at, personality), "sampled_value": list(values)}],
                transaction_id=known_id if stale_id is None or known_id is None else stale_id,
            )


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
