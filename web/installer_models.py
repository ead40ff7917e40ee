"""The installer's corner: the settings in force, their faults, strangers and the log."""

from __future__ import annotations

from web.models import Page, Utc
from web.spoken import Spoken


class FaultPage(Page):
    """What `hemsd check` finds in the file."""

    line: int
    path: str
    wrong: Spoken
    remedy: Spoken


class StrangerPage(Page):
    """A wallbox that was not let in."""

    identity: str
    remote: str
    why: Spoken
    time: Utc
    block: str
    """What config.yaml would need for it"""


class LogPage(Page):
    time: Utc
    level: str
    logger: str
    text: str


class InstallerPage(Page):
    config: str
    """The settings in force, as YAML, secrets hidden"""
    file: str | None
    faults: list[FaultPage]
    """Of the file as it is now; none: it is fine"""
    strangers: list[StrangerPage]
    log: list[LogPage]
    """Of the last hour, oldest first"""
