"""Out of a stranger's JSON: what stands at a path, a moment, a number. What does not fit is a DeviceError."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from drivers.base import DeviceError
from drivers.mqtt_payload import Json, Path, path
from hemsd.said import said

MILLISECONDS_FROM = 1e11  # as seconds that is the year 5138
EARLIEST_S, LATEST_S = 946_684_800.0, 4_102_444_800.0  # 2000 and 2100: anything else is no moment of a price


def at(found: Json, *steps: str | int) -> Json:
    """What stands at a path. Raises DeviceError when nothing does."""
    for step in steps:
        match found, step:
            case dict(), str() if step in found:
                found = found[step]
            case list(), int() if step < len(found):
                found = found[step]
            case _:
                raise DeviceError(said("answer.nothing_at", "the answer has nothing at {place}", place=shown(steps)))
    return found


def shown(steps: Path | tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def items(found: Json) -> list[Json]:
    if not isinstance(found, list):
        raise DeviceError(said("answer.no_list", "the answer has no list where one was expected"))
    return found


def pairs(found: Json) -> dict[str, Json]:
    if not isinstance(found, dict):
        raise DeviceError(said("answer.no_object", "the answer has no object where one was expected"))
    return found


def table(answer: Json, rows: str, start: str, value: str, scale: float) -> dict[datetime, float | None]:
    """Of each entry of the list at the path ``rows``, its beginning and its value, times ``scale``."""
    start_at, value_at = path(start), path(value)
    found = {}
    for row in items(at(answer, *path(rows))):
        told = number(at(row, *value_at))
        found[moment(at(row, *start_at))] = None if told is None else told * scale
    return found


def number(found: Json) -> float | None:
    """A finite number; None for null."""
    if found is None:
        return None
    if isinstance(found, bool | dict | list):
        raise DeviceError(said("answer.no_number", "the answer has no number where one was expected"))
    try:
        value = float(found)
    except (ValueError, OverflowError):
        raise DeviceError(said("answer.no_number", "the answer has no number where one was expected")) from None
    if not math.isfinite(value):
        raise DeviceError(said("answer.no_finite", "the answer has no finite number where one was expected"))
    return value


def moment(found: Json) -> datetime:
    """ISO 8601 with a zone, or seconds or milliseconds since 1970."""
    seconds = _iso_s(found) if isinstance(found, str) and not _is_number(found) else number(found)
    if seconds is None:
        raise DeviceError(said("answer.no_time", "the answer has an entry without a time"))
    if abs(seconds) >= MILLISECONDS_FROM:
        seconds /= 1000.0
    if not EARLIEST_S <= seconds <= LATEST_S:
        raise DeviceError(said("answer.odd_time", "the answer has a time that is no moment of today"))
    return datetime.fromtimestamp(seconds, UTC)


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(".", "", 1).isdecimal()


def _iso_s(text: str) -> float:
    try:
        parsed = datetime.fromisoformat(text.strip())
        if parsed.tzinfo is None:
            raise DeviceError(said("answer.no_zone", "the answer has a time without a zone"))
        return parsed.timestamp()
    except (ValueError, OverflowError):
        raise DeviceError(said("answer.no_iso", "the answer has a time that is not ISO 8601")) from None
