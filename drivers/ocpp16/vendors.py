"""What single vendors tell outside the standard, and hemsd can use. Pure; one function a fact."""

from __future__ import annotations

import json

from drivers.ocpp16.inbound import number, text
from drivers.ocpp16.wire import Json

DUTY_A_PER_PCT = 0.6  # IEC 61851-1 annex A, from 10 % to 85 % duty cycle
LEAST_DUTY_PCT = 10.0
MOST_DUTY_PCT = 85.0


def piloted_a(data_transfer: Json) -> float | None:
    """The current that the pilot really offers, where a DataTransfer tells its duty cycle.

    Sungrow AC011E: message ``cpChargingParameterRpt``, ``duty`` in tenths of a percent (100 is 6 A). Its
    Current.Offered is a constant 16 A, so this is the only truth about the limit (evcc issue 31874).
    """
    if text(data_transfer.get("messageId")) != "cpChargingParameterRpt":
        return None
    data = data_transfer.get("data")
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            return None
    duty = number(data.get("duty")) if isinstance(data, dict) else None
    if duty is None:
        return None
    duty_pct = duty / 10
    if duty_pct >= 100 or duty_pct < LEAST_DUTY_PCT:  # constant level, or below what a pilot can express: no charge
        return 0.0
    return round(duty_pct * DUTY_A_PER_PCT, 1) if duty_pct <= MOST_DUTY_PCT else None
