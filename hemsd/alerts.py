"""What a person should know: raised once, cleared once, with what to do about it.

``present`` says what is wrong now; ``Alerts`` remembers since when, and logs only what is new and what is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from hemsd.model import (
    Alert,
    Decision,
    Dimmed,
    DimmedBy,
    Outcome,
    Role,
    Snapshot,
    SteeringSettings,
    StrangerRefused,
    WallboxImage,
)
from hemsd.said import Said, said

log = logging.getLogger(__name__)

LINK_GRACE_S = 60.0
RIVAL_TIMES = 3
VERDICTS = {
    Outcome.APPLIED: said("verdict.applied", "applied"),
    Outcome.ACCEPTED_INEFFECTIVE: said("verdict.accepted_ineffective", "accepted ineffective"),
    Outcome.PHASE_SWITCH_INEFFECTIVE: said("verdict.phase_switch_ineffective", "phase switch ineffective"),
    Outcome.UNVERIFIED: said("verdict.unverified", "unverified"),
    Outcome.REJECTED: said("verdict.rejected", "rejected"),
    Outcome.UNREACHABLE: said("verdict.unreachable", "unreachable"),
    Outcome.TIMEOUT: said("verdict.timeout", "timeout"),
    Outcome.NOT_CAPABLE: said("verdict.not_capable", "not capable"),
}
DISOBEYED = frozenset({Outcome.ACCEPTED_INEFFECTIVE, Outcome.PHASE_SWITCH_INEFFECTIVE, Outcome.REJECTED})

SAID_BY = {
    DimmedBy.CONFIG: said("dimmed.by.config", "site.dimmed_w in config.yaml"),
    DimmedBy.SCHEDULE: said("dimmed.by.schedule", "site.dimmed_schedule in config.yaml"),
    DimmedBy.API: said("dimmed.by.api", "a program, over the API"),
    DimmedBy.MQTT: said("dimmed.by.mqtt", "a control box, over MQTT"),
}

Found = tuple[str, Said, Said]
"""(key, what is wrong, what to do)"""


def of_meters(
    snapshot: Snapshot, steering: SteeringSettings, troubles: Mapping[str, str | None], up_s: float
) -> Iterable[Found]:
    """The grid meter matters most: without it nothing may be judged. ``up_s``: it has had so long to answer."""
    grid = snapshot.grid
    never = grid is None or grid.power_w is None
    if (never and up_s > steering.stale_step_s) or (grid is not None and grid.age_s > steering.stale_step_s):
        yield (
            Role.GRID,
            said("alarm.grid", "The grid meter has been silent for {age_s:.0f} s.", age_s=grid.age_s)
            if grid
            else said("alarm.grid.never", "The grid meter has been silent since the start."),
            said(
                "alarm.grid.do",
                "Charging for surplus goes down to the minimum and then pauses. Check the meter's power and network.",
            ),
        )
    for name, trouble in troubles.items():
        if trouble:
            yield (
                f"device:{name}",
                said("alarm.device", "{name}: {trouble}", name=name, trouble=trouble),
                said("alarm.device.do", "hemsd keeps trying."),
            )


def of_wallbox(image: WallboxImage, outcomes: tuple[Outcome, ...]) -> Iterable[Found]:
    """``outcomes`` are the final verdicts on the newest commands, oldest first."""
    name = image.name
    if not image.connected and image.link_age_s > LINK_GRACE_S:
        yield (
            f"link:{name}",
            said("alarm.link", "The wallbox {name} is not connected.", name=name),
            said("alarm.link.do", "Check its power and network, and that its OCPP address points at this host."),
        )
    if image.error_code not in ("NoError", ""):
        yield (
            f"fault:{name}",
            said("alarm.fault", "The wallbox {name} reports {error}.", name=name, error=image.error_code),
            said("alarm.fault.do", "See its manual."),
        )
    newest = outcomes[-2:]
    if not image.controllable:
        yield (
            f"control:{name}",
            said(
                "alarm.control",
                "The wallbox {name} can't be steered: it accepts every limit, and none has an effect.",
                name=name,
            ),
            said(
                "alarm.control.do",
                "It is left at the failsafe until the next charge. Look for another app or load manager that steers it,"
                " and for newer firmware.",
            ),
        )
    elif len(newest) == 2 and all(outcome in DISOBEYED for outcome in newest):
        yield (
            f"obedience:{name}",
            said(
                "alarm.obedience",
                "The wallbox {name} does not do what it is told ({verdict}).",
                name=name,
                verdict=VERDICTS[newest[-1]],
            ),
            said(
                "alarm.obedience.do",
                "Look at the evidence of the last commands; another app or the car may be steering it as well.",
            ),
        )


def of_rival(wallbox: str, times: int) -> Iterable[Found]:
    """``times`` commands in a row the wallbox was seen to offer less than it may."""
    if times >= RIVAL_TIMES:
        yield (
            f"rival:{wallbox}",
            said(
                "alarm.rival",
                "The wallbox {name} keeps offering less than it may: something else limits it as well.",
                name=wallbox,
            ),
            said(
                "alarm.rival.do",
                "Look for a solar mode or a limit in its own app, or a load manager; only one should steer it.",
            ),
        )


def of_sleeper(decision: Decision) -> Found:
    name = decision.wallbox
    return (
        f"asleep:{name}",
        said(
            "alarm.asleep",
            "The car at {name} takes nothing of the {limit_a:g} A that it is offered and did not wake up.",
            name=name,
            limit_a=decision.limit_a or 0.0,
        ),
        said(
            "alarm.asleep.do",
            "One that is full needs nothing. Else unlock it, or pull the plug and put it in again; for a car that often"
            " does so, never_pause: true under vehicles keeps it awake.",
        ),
    )


def of_dimming(dimmed: Dimmed) -> Found:
    power_kw = dimmed.power_w / 1000
    return (
        "dimmed",
        said(
            "alarm.dimmed.until",
            "The grid operator leaves {power_kw:g} kW to the cars until {until_at:%H:%M} UTC.",
            power_kw=power_kw,
            until_at=dimmed.until_at,
        )
        if dimmed.until_at
        else said("alarm.dimmed", "The grid operator leaves {power_kw:g} kW to the cars.", power_kw=power_kw),
        said("alarm.dimmed.do", "Nothing needs doing; it was said by {teller}.", teller=SAID_BY[dimmed.by]),
    )


def of_no_fallback(wallbox: str, failsafe_a: float) -> Found:
    return (
        f"fallback:{wallbox}",
        said(
            "alarm.fallback",
            "The wallbox {name} would not go to {failsafe_a:g} A by itself if hemsd fell silent: it keeps what it has.",
            name=wallbox,
            failsafe_a=failsafe_a,
        ),
        said("alarm.fallback.do", "Set a limit for lost connections in the wallbox's own settings, if it has one."),
    )


def of_flood(wallbox: str) -> Found:
    return (
        f"flood:{wallbox}",
        said(
            "alarm.flood",
            "The wallbox {name} sends many messages a second; they are taken up more slowly than it sends them.",
            name=wallbox,
        ),
        said("alarm.flood.do", "Restart it, look at its sample interval, and look for newer firmware."),
    )


def of_stranger(stranger: StrangerRefused) -> Found:
    """Somebody at the OCPP port whom the configuration does not let in."""
    name = stranger.identity or said("stranger.nameless", "without a name")
    return (
        f"stranger:{stranger.identity}",
        said(
            "alarm.stranger",
            "A wallbox calling itself {name} tried to connect from {remote} ({why}).",
            name=name,
            remote=stranger.remote,
            why=stranger.why,
        ),
        said(
            "alarm.stranger.do",
            "If it is yours, add it to config.yaml with charge_point: {name}, or correct its password.",
            name=name,
        ),
    )


def of_store(trouble: str) -> Found:
    return (
        "store",
        said("alarm.store", "{trouble}", trouble=trouble),
        said("alarm.store.do", "Charging goes on; check the memory card."),
    )


def of_lane(lane: str, trouble: str) -> Found:
    return (
        f"cloud:{lane}",
        said("alarm.cloud", "{trouble}", trouble=trouble),
        said("alarm.cloud.do", "What waits is kept; see Devices, Told to others."),
    )


class Alerts:
    """The alerts that stand."""

    def __init__(self) -> None:
        self._standing: dict[str, Alert] = {}
        self.updated: Callable[[], None] = lambda: None  # hears of each look, whether or not anything changed

    @property
    def standing(self) -> tuple[Alert, ...]:
        return tuple(sorted(self._standing.values(), key=lambda alert: alert.since_at))

    def update(self, found: Iterable[Found], at: datetime) -> None:
        """Takes all that is wrong now; what is not among it is over."""
        now = {key: (text, remedy) for key, text, remedy in found}
        for key in [key for key in self._standing if key not in now]:
            log.info("Over: %s", self._standing.pop(key).text)
        for key, (text, remedy) in now.items():
            standing = self._standing.get(key)
            if standing is None:
                log.warning("%s %s", text, remedy)
            self._standing[key] = Alert(key, standing.since_at if standing else at, text, remedy)
        self.updated()
