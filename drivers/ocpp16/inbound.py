"""What wallboxes send, read tolerantly: pure functions from payload to value, and none of them ever raises.

Real boxes send numbers as text and text as numbers, over-long and padded tags, empty strings, and fields of their own.
What can't be read is None, and the caller answers the box all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from drivers.ocpp16.boxtime import BoxTime, read_time
from drivers.ocpp16.wire import Json
from hemsd.model import ConnectorStatus

MAX_TEXT = 255
MAX_ID_TAG = 20  # OCPP 1.6 section 7.28: IdToken is a CiString20Type

_STATUS_BY_WORD = {status.value.lower(): status for status in ConnectorStatus}


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Printable characters only: some boxes pad their texts with NUL and other control bytes."""
    if not isinstance(value, str | int | float):
        return ""
    return "".join(c for c in str(value) if c.isprintable()).strip()[:limit]


def number(value: object) -> float | None:
    """A finite number, however it is written."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        read = float(value.strip().replace(",", ".") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def whole(value: object) -> int | None:
    read = number(value)
    return int(read) if read is not None and read == int(read) else None


@dataclass(frozen=True, slots=True)
class Boot:
    vendor: str
    model: str
    firmware: str
    serial: str


def read_boot(payload: Json) -> Boot:
    serial = text(payload.get("chargePointSerialNumber")) or text(payload.get("chargeBoxSerialNumber"))
    return Boot(
        vendor=text(payload.get("chargePointVendor")),
        model=text(payload.get("chargePointModel")),
        firmware=text(payload.get("firmwareVersion")),
        serial=serial,
    )


@dataclass(frozen=True, slots=True)
class StatusReport:
    connector_id: int
    status: ConnectorStatus | None  # None: a word that OCPP 1.6 does not have
    error_code: str
    info: str
    at: BoxTime | None


def read_status(payload: Json) -> StatusReport:
    vendor_code = text(payload.get("vendorErrorCode"))
    info = text(payload.get("info"))
    return StatusReport(
        connector_id=_connector(payload),
        status=_STATUS_BY_WORD.get(text(payload.get("status")).lower()),
        error_code=text(payload.get("errorCode"), 50) or "NoError",
        info=" ".join(word for word in (info, vendor_code) if word),
        at=read_time(payload.get("timestamp")),
    )


@dataclass(frozen=True, slots=True)
class Start:
    connector_id: int
    id_tag: str
    meter_start_wh: float | None
    at: BoxTime | None
    stamp: str  # the timestamp as it was written: what a repetition has in common with the first


def read_start(payload: Json) -> Start:
    return Start(
        connector_id=_connector(payload),
        id_tag=read_id_tag(payload),
        meter_start_wh=_register(payload.get("meterStart")),
        at=read_time(payload.get("timestamp")),
        stamp=text(payload.get("timestamp")),
    )


@dataclass(frozen=True, slots=True)
class Stop:
    transaction_id: int | None  # None: missing, 0, -1 or no number
    meter_stop_wh: float | None
    at: BoxTime | None
    reason: str  # empty: none was given


def read_stop(payload: Json) -> Stop:
    return Stop(
        transaction_id=read_transaction_id(payload),
        meter_stop_wh=_register(payload.get("meterStop")),
        at=read_time(payload.get("timestamp")),
        reason=text(payload.get("reason"), 50),
    )


def read_id_tag(payload: Json) -> str:
    return text(payload.get("idTag"), MAX_ID_TAG)


def read_transaction_id(payload: Json) -> int | None:
    read = whole(payload.get("transactionId"))
    return read if read is not None and read > 0 else None


def _connector(payload: Json) -> int:
    """Missing or unreadable: 1, as most homes' boxes have one connector."""
    read = whole(payload.get("connectorId"))
    return read if read is not None and read >= 0 else 1


def _register(value: object) -> float | None:
    """meterStart and meterStop are in Wh by OCPP 1.6 sections 6.45 and 6.49; a register is never negative."""
    read = number(value)
    return read if read is not None and read >= 0 else None
