"""Where every hour costs the same and nobody forecasts the sun, a charge from the grid waits as long as it may.

Among equal prices a plan takes the earliest: what goes wrong can still be made good. But a home that charges from the
sun would buy in the morning what its roof gives at noon. So without a forecast, and with a price that does not move,
waiting is made worth a ten-thousandth of a cent a quarter-hour: too little to be seen in any sum, and enough to be
preferred. The last half an hour before the deadline is left free where there is other time, for what goes wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hemsd.model import quarter_start
from rules.plan_values import Plan, Quarter

FLAT_EUR_PER_KWH = 0.001  # prices that differ by less are the same to a household
WAITING_EUR_PER_KWH = 1e-6
KEPT_FREE = timedelta(minutes=30)


def need_not_hurry(quarters: Sequence[Quarter], from_at: datetime, until_at: datetime) -> bool:
    """Whether waiting costs nothing, and what the sun will do is not known."""
    ahead = [each for each in quarters if quarter_start(from_at) <= each.start_at < until_at]
    prices = [each.import_eur_per_kwh for each in ahead if each.import_eur_per_kwh is not None]
    if not prices or len(prices) < len(ahead) or any(each.surplus_w is not None for each in ahead):
        return False
    return max(prices) - min(prices) < FLAT_EUR_PER_KWH


def patient(quarters: Sequence[Quarter], until_at: datetime) -> tuple[Quarter, ...]:
    """The same quarter-hours, each a trace cheaper than the one before; the last ones before the end a trace dearer."""
    return tuple(
        replace(each, import_eur_per_kwh=each.import_eur_per_kwh + _trace(number, len(quarters), each, until_at))
        if each.import_eur_per_kwh is not None
        else each
        for number, each in enumerate(quarters)
    )


def _trace(number: int, count: int, quarter: Quarter, until_at: datetime) -> float:
    is_kept_free = until_at - KEPT_FREE <= quarter.start_at < until_at
    return WAITING_EUR_PER_KWH * (count if is_kept_free else -number)


def said(plan: Plan) -> Plan:
    """The plan with the true reason of its late hours."""
    reason = plan.reason.replace("Cheapest", "Late", 1).replace("the cheapest", "late", 1)
    return replace(plan, reason=f"{reason}, because the sun may come first" if reason != plan.reason else reason)
