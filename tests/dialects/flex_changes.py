"""What is different between two flex sessions, in the words of ENODE-97: the measure of what a webhook may tell.

Energy moves with each tick, so a followed statistic is a quarter-hour that is over, not each watt-hour.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from web.flex_models import FlexBlock, FlexSession


class What(StrEnum):
    """What is different about a session."""

    STATE = "state"
    BLOCKS = "blocks"
    STATISTICS = "statistics"
    TARGET = "target"
    OUTCOME = "outcome"
    ERROR = "error"


def differences(before: FlexSession | None, now: FlexSession) -> frozenset[What]:
    """Nothing when nobody needs to be told; a session that was not known before differs in everything."""
    if before is None:
        return frozenset(What)
    found = {
        What.STATE: (before.state, before.plugged_out_at) != (now.state, now.plugged_out_at),
        What.BLOCKS: _starts(before.blocks) != _starts(now.blocks),
        What.STATISTICS: before.statistics.timeseries != now.statistics.timeseries,
        What.TARGET: before.target != now.target,
        What.OUTCOME: _verdict(before) != _verdict(now),
        What.ERROR: before.error != now.error,
    }
    return frozenset(what for what, differs in found.items() if differs)


def _starts(blocks: list[FlexBlock]) -> list[tuple[str, datetime]]:
    return [(block.type, block.start_at) for block in blocks]


def _verdict(session: FlexSession) -> tuple[object, ...]:
    """The projected moment drifts by seconds with each tick; who follows it reads it with the next news."""
    outcome = session.outcome.latest
    if outcome is None:
        return ()
    return (outcome.type, outcome.target_id, getattr(outcome, "state", None))
