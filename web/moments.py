"""Times that somebody asks for: in UTC, and near enough that one may go on reckoning with them.

A datetime ends with the year 9999, so a deadline then, and half an hour more for a charge, is an OverflowError in the
midst of the rules. No household plans its car for another century; the door says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

EARLIEST_AT = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_AT = datetime(2200, 1, 1, tzinfo=UTC)


def in_reach(moment: datetime) -> datetime:
    """The same in UTC; raises ValueError for another age."""
    if not EARLIEST_AT <= moment < LATEST_AT:
        raise ValueError(f"must be a time from {EARLIEST_AT.year} to {LATEST_AT.year - 1}")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(in_reach)]
