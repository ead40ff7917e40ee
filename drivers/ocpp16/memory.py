"""What experience taught about one kind of box, to be kept over restarts.

A value of plain data, so that it can be stored as it is. What can't be read back is forgotten and found out again.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.ocpp16.ways import Purpose, Way


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one vendor, model and firmware."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    way: Way | None = None  # the newest that was proven to work
    incapable: frozenset[Purpose] = frozenset()  # answered NotSupported or NotImplemented
    measurands: tuple[str, ...] | None = None  # the list that the box took
    interval_s: int | None = None  # what the box makes of the sample interval that it is asked for
    step_a: float = 0.1  # the box keeps whole multiples of this
    zero_proven: bool = False  # 0 A paused it
    zero_ends_tx: bool = False  # 0 A ended the transaction: never again
    falls_back: bool | None = None  # to the second period of a profile, by itself; None: it was never put to the test

    @property
    def key(self) -> str:
        return f"{self.vendor}|{self.model}|{self.firmware}"
