"""Prints a session as programs send it to the analysis API: three hours at 11 kW, a value every five minutes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 6, 21, 18, 0, tzinfo=UTC)


def value(minute: int) -> dict[str, object]:
    at = BEGIN + timedelta(minutes=minute)
    kwh = round(11.0 * minute / 60, 3)
    return {"timestamp": at.isoformat(), "measurand": "Energy.Active.Import.Register", "unit": "kWh", "value": kwh}


if __name__ == "__main__":
    values = [value(minute) for minute in range(0, 181, 5)]
    print(json.dumps({"session_id": "evening", "charging_station_id": "garage", "meter_values": values}))
