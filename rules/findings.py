"""What a check of the grid meter can find (``rules.commission``), and how it is said: what was seen, what to change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hemsd.said import said


class Kind(StrEnum):
    WALLBOX_DOES_NOT_FOLLOW = "wallbox does not follow"
    RESTLESS = "the house was too restless"
    NO_METER = "no grid meter"
    SIGN = "swapped sign"
    SCALE = "wrong scale"
    OUTSIDE = "meter does not see the wallbox"
    INSIDE = "meter sees only the wallbox"
    PHASE_MISSING = "a phase is missing"
    PHASE_REVERSED = "a phase is reversed"
    ROTATION = "another phase order"
    GIVING_HOUSE = "the house would give energy"
    ODD_SHARE = "a share without a name"


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Kind
    text: str  # what was seen, for people
    remedy: str  # what to change


def silent() -> Finding:
    return Finding(
        Kind.NO_METER,
        said("check.silent", "The grid meter said nothing."),
        said("check.silent.do", "See what `hemsd probe` says of it."),
    )


def restless() -> Finding:
    return Finding(
        Kind.RESTLESS,
        said("check.restless", "The steps don't agree with each other: something else in the house moved as much."),
        said("check.restless.do", "Try again when oven and heat pump are off, and no clouds pass."),
    )


def lazy(asked_w: float, moved_w: float) -> Finding:
    return Finding(
        Kind.WALLBOX_DOES_NOT_FOLLOW,
        said(
            "check.lazy",
            "The wallbox was asked for {asked_w:.0f} W more and less, and moved by {moved_w:.0f} W.",
            asked_w=asked_w,
            moved_w=moved_w,
        ),
        said("check.lazy.do", "Take a car that is far from full and can charge with 10 A."),
    )


def outside(share: float) -> Finding:
    return Finding(
        Kind.OUTSIDE,
        said(
            "check.outside",
            "The grid meter moved by {share_pct:.0f}% of what the wallbox moved by: it does not see the wallbox.",
            share_pct=100 * share,
        ),
        said(
            "check.outside.do",
            "The wallbox is connected before the meter, or another meter is the grid's: check address and unit.",
        ),
    )


def part(size: float) -> Finding:
    """A share that not all phases make, where no current tells which."""
    return Finding(
        Kind.PHASE_MISSING,
        said(
            "check.phase_missing",
            "The grid meter shows {size_pct:.0f}% of what the wallbox moved by, as if not all phases counted.",
            size_pct=100 * size,
        ),
        said(
            "check.phase_missing.do",
            "Check the meter's voltage taps and transformers on each phase, and the direction of each transformer.",
        ),
    )


def odd(share: float) -> Finding:
    return Finding(
        Kind.ODD_SHARE,
        said(
            "check.odd_share",
            "The grid meter shows {share_pct:.0f}% of what the wallbox moved by.",
            share_pct=100 * share,
        ),
        said(
            "check.odd_share.do",
            "Check the ratio of the meter's transformers, and that nothing else charges at the same time.",
        ),
    )


def sign(*, inverted: bool) -> Finding:
    """``inverted``: config.yaml turns it round already."""
    return Finding(
        Kind.SIGN,
        said(
            "check.sign", "The grid meter counts the other way round: it shows less import when the wallbox takes more."
        ),
        said("check.sign.undo", "Under meters.grid, take invert: true out.")
        if inverted
        else said("check.sign.do", "Under meters.grid, write invert: true."),
    )


def scale(tens: int, written: float) -> Finding:
    """Wrong by so many powers of ten; ``written`` is the scale in config.yaml."""
    times = 10 ** abs(tens)
    return Finding(
        Kind.SCALE,
        said("check.scale_much", "The grid meter shows {times:,d} times too much.", times=times)
        if tens > 0
        else said("check.scale_little", "The grid meter shows {times:,d} times too little.", times=times),
        said(
            "check.scale.do",
            "Over MQTT: scale: {factor} under meters.grid. Over Modbus: the scale of power_w in points or device file.",
            factor=f"{written * 10.0**-tens:g}",
        ),
    )


def reversed_phases(phases: Sequence[int]) -> Finding:
    """One or two of 1 to 3."""
    return Finding(
        Kind.PHASE_REVERSED,
        said(
            "check.phase_reversed",
            "On {names} the current falls when the wallbox takes more: the transformer sits the wrong way round.",
            names=_lines(phases),
        ),
        said(
            "check.phase_reversed.do",
            "Turn it round, or write inverted_cts: {phases_list} under meters.grid.",
            phases_list=str(list(phases)),
        ),
    )


def unseen_phases(phases: Sequence[int]) -> Finding:
    """One or two of 1 to 3."""
    return Finding(
        Kind.PHASE_MISSING,
        said("check.phase_unseen", "On {names} the grid meter does not see the wallbox.", names=_lines(phases)),
        said(
            "check.phase_unseen.do",
            "Check the transformer and the voltage tap of that phase; a swapped pair shows like this too.",
        ),
    )


def _lines(phases: Sequence[int]) -> str:
    """One phase, or two: three would be another finding."""
    if len(phases) == 1:
        return f"L{phases[0]}"
    return said("lines.two", "L{first:d} and L{second:d}", first=phases[0], second=phases[1])


def inside() -> Finding:
    return Finding(
        Kind.INSIDE,
        said("check.inside", "The grid meter shows what the wallbox takes, and nothing else."),
        said(
            "check.inside.do",
            "It sits in the wallbox's feed: name the meter at the house connection under meters.grid.",
        ),
    )


def giving_house(beside_w: float) -> Finding:
    return Finding(
        Kind.GIVING_HOUSE,
        said(
            "check.giving",
            "Without the wallbox the house would use {beside_w:.0f} W, less than nothing.",
            beside_w=beside_w,
        ),
        said("check.giving.do", "An inverter is missing under meters.pv, or the sign of pv or battery is wrong."),
    )


def rotation(seen: int, written: int) -> Finding:
    """The phase of the house behind the wallbox's L1, as it is and as config.yaml has it."""
    return Finding(
        Kind.ROTATION,
        said(
            "check.rotation",
            "The wallbox's L1 is the house's L{seen}, and config.yaml says L{written}.",
            seen=str(seen),
            written=str(written),
        ),
        said(
            "check.rotation.do",
            "Write phase_rotation: {order} for this wallbox.",
            order={1: "RST", 2: "STR", 3: "TRS"}[seen],
        ),
    )
