"""What an installer wants to know of a wallbox: a value, made when asked for."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.ocpp16.charge_point import ChargePoint
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.saying import Installed


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """None: not known."""

    vendor: str
    model: str
    firmware: str
    connected: bool
    status: str | None
    way: str  # how limits are said to it now
    way_proven: bool
    falls_back: bool | None  # to the failsafe by itself when hemsd is silent; True only where that was tested
    can_steer: bool  # False: it has said that it has no charging profiles
    zero_proven: bool  # 0 A pauses it
    zero_ends_transaction: bool
    step_a: float
    phase_switching: bool | None  # what it announces
    sample_interval_s: float
    clock_offset_s: float | None
    clock_trusted: bool
    writes_today: int
    reboots_over_and_over: bool
    bad_frames: int
    unknown_actions: int
    floods: bool


def diagnostics_of(box: ChargePoint) -> Diagnostics:
    memory, speaker, installed = box.steering.memory, box.steering.speaker, box.steering.installed
    identity = box.preparation.identity
    return Diagnostics(
        vendor=identity.vendor,
        model=identity.model,
        firmware=identity.firmware,
        connected=box.linked,
        status=box.status.value if box.status else None,
        way=str(speaker.ladder.way),
        way_proven=memory.way == speaker.ladder.way,
        falls_back=_falls_back(memory, installed),
        can_steer=speaker.can_steer,
        zero_proven=memory.zero_proven,
        zero_ends_transaction=memory.zero_ends_tx,
        step_a=memory.step_a,
        phase_switching=box.configuration.phase_switching,
        sample_interval_s=box.sample_interval_s,
        clock_offset_s=box.box_clock.offset_s if box.box_clock.known else None,
        clock_trusted=box.box_clock.trusted,
        writes_today=speaker.writes.today,
        reboots_over_and_over=box.preparation.minimal,
        bad_frames=box.counters.bad_frames,
        unknown_actions=box.counters.unknown_actions,
        floods=box.flooding,
    )


def _falls_back(memory: Memory, installed: Installed | None) -> bool | None:
    if memory.falls_back is False or (installed is not None and not installed.falls_back):
        return False
    return memory.falls_back
