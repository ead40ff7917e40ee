"""What a receiver said, or why it said nothing, and what that means for the debt and for the lane."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SHOWN = 300
"""So much of an answer is kept for people."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be said to a receiver."""

    method: str
    url: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` None: there was no whole answer; ``text`` says why. ``sent_bytes`` is what the line carried for
    it; 0 where nobody was reached."""

    status: int | None
    text: str = ""
    body: bytes = b""
    retry_after_s: float | None = None
    sent_bytes: int = 0

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def summary(self) -> str:
        """For people: the status and the first words."""
        if self.status is None:
            return self.text
        words = self.text or " ".join(self.body[:SHOWN].decode("utf-8", "replace").split())
        return f"{self.status} {words}".strip()

    def document(self) -> dict[str, object] | None:
        """The JSON object that it carries; None when it carries none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


class Fate(StrEnum):
    """What an answer means."""

    TAKEN = "taken"
    LATER = "later"  # this debt fails at present; the others may go on meanwhile
    SILENCE = "silence"  # nothing can be said to this receiver at present
    DEAD = "dead"  # it will never be taken as it is


# Credentials can be mended without touching what waits; the others ask for time.
ASK_FOR_TIME = frozenset({401, 403, 407, 408, 421, 425, 429, 503})


def fate_of(answer: Answer) -> Fate:
    """What an answer means where a route does not know better."""
    match answer.status:
        case None:
            return Fate.SILENCE
        case status if status in ASK_FOR_TIME:
            return Fate.SILENCE
        case status if 200 <= status < 300:
            return Fate.TAKEN
        case status if 400 <= status < 500:
            return Fate.DEAD
        case status if 500 <= status < 600:
            return Fate.LATER
        case _:  # 1xx and 3xx: what is at this address is not the receiver
            return Fate.SILENCE
