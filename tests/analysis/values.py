"""Meter values as a program would post them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

TEN = datetime(2026, 2, 27, 10, 0, tzinfo=UTC)


def at(minutes: float, start: datetime = TEN) -> str:
    return (start + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def register(
    kwh: Sequence[float], *, every_min: float = 15, first_min: float = 0, start: datetime = TEN
) -> list[object]:
    """One register value after the other."""
    return [
        {"timestamp": at(first_min + i * every_min, start), "value": value, "unit": "kWh"}
        for i, value in enumerate(kwh)
    ]


def offered(watts: float, *, until_min: float, every_min: float = 15) -> list[object]:
    moments = [i * every_min for i in range(int(until_min // every_min) + 1)]
    return [{"timestamp": at(m), "value": watts, "measurand": "Power.Offered", "unit": "W"} for m in moments]


def session(name: str = "s-1", values: Sequence[object] | None = None, **others: object) -> dict[str, object]:
    body: dict[str, object] = {"session_id": name, "charging_station_id": "CP-1", "connector_id": "1", **others}
    return body if values is None else {**body, "meter_values": list(values)}


HEALTHY = [0.0, 1.8, 3.6, 5.4, 7.2, 9.0, 9.9, 9.9]
FALLING = [0.0, 1.8, 3.6, 5.4, 3.0, 4.8, 6.6, 8.4]
