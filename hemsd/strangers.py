"""Who knocked at the OCPP port in vain: a wallbox whose name was mistyped, or somebody who tries names.

Few are kept. A wallbox that nobody let in knocks for hours; names that are made up change with each knock, and would
push it out, and ring the owner's telephone for each. So a newcomer takes the place of one that was not seen for long,
and where there is none, that of the newcomer before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hemsd.model import StrangerRefused

SHOWN_S = 3600.0
MOST = 20


@dataclass(slots=True)
class Strangers:
    """By the name that each gave, with the time of its last knock; the one known for longest first."""

    seen: dict[str, tuple[StrangerRefused, float]] = field(default_factory=dict)

    def knocked(self, stranger: StrangerRefused, now_s: float) -> None:
        if stranger.identity not in self.seen and len(self.seen) >= MOST:
            long_ago = next((name for name, (_, seen_s) in self.seen.items() if now_s - seen_s >= SHOWN_S), None)
            del self.seen[long_ago if long_ago is not None else next(reversed(self.seen))]
        self.seen[stranger.identity] = (stranger, now_s)

    def lately(self, now_s: float) -> Mapping[str, StrangerRefused]:
        """Who is worth an alert."""
        return {name: stranger for name, (stranger, seen_s) in self.seen.items() if now_s - seen_s < SHOWN_S}
