"""The last known values in a small JSON file, so that a restart without the Internet still knows today's prices.

The file is replaced as a whole (written beside, then renamed), so a power cut leaves the old one or the new one. A file
that can't be understood, or that another source wrote, counts as none.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from drivers.series.quarters import Series
from hemsd.model import QUARTER, quarter_start

log = logging.getLogger(__name__)

LARGEST_BYTES = 1024 * 1024


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    fetched_at: AwareDatetime
    first_at: AwareDatetime
    values: tuple[float | None, ...]

    @model_validator(mode="after")
    def _sound(self) -> _File:
        if quarter_start(self.first_at) != self.first_at:
            raise ValueError("first_at is no quarter-hour")
        if any(value is not None and not math.isfinite(value) for value in self.values):
            raise ValueError("a value is not finite")
        return self


def load(file: Path, source: str) -> Series | None:
    """What the file knows of this source; None when it knows nothing."""
    try:
        if file.stat().st_size > LARGEST_BYTES:
            return None
        found = _File.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("%s is of no use (%s); it will be written anew", file, type(error).__name__)
        return None
    if found.source != source:
        return None
    first_at = quarter_start(found.first_at)
    starts_at = tuple(first_at + number * QUARTER for number in range(len(found.values)))
    return Series(starts_at, found.values, found.source, found.fetched_at)


def save(file: Path, series: Series) -> None:
    """Writes it; a card that can't be written is logged and costs nothing else."""
    if not series.starts_at:
        return
    text = json.dumps(
        {
            "source": series.source,
            "fetched_at": series.fetched_at.isoformat(),
            "first_at": series.starts_at[0].isoformat(),
            "values": series.values,
        }
    )
    beside = file.with_name(file.name + ".new")
    try:
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except OSError as error:
        log.warning("%s can't be written (%s)", file, error.strerror)
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def earliest_kept(now: datetime, days: int) -> datetime:
    """What is older is dropped from the file."""
    return quarter_start(now) - days * 96 * QUARTER
