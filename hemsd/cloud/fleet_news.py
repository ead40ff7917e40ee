"""What a fleet is told, as documents: the present, and from the outbox visits, decisions and summaries.

A message that was under way when we died goes out again as it was, or under another key. Decisions are many: the
debt of a visit remembers up to which one they are told, and its plan up to which one a message reached. Those that are
older than a day are thinned to the ones that did something; a summary is never thinned.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from hemsd.cloud.fields import Document, digest, timestamp, to_bytes, without
from hemsd.cloud.marks import DECISIONS, SUMMARY
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.payloads import Payloads
from hemsd.cloud.route import NothingToSay
from hemsd.cloud.settings import TelemetrySettings
from hemsd.model import Decision, DecisionKind, Visit
from hemsd.store import queries
from hemsd.store.outbox import Entry

AT_ONCE = 100  # decisions in one message
WHOLE_FOR = timedelta(days=1)
DOING = frozenset({DecisionKind.START, DecisionKind.STEP, DecisionKind.STOP})


@dataclass(frozen=True, slots=True)
class Message:
    """``plan`` is the same for the same document. When it has arrived, ``progress`` is kept or the debt is ``over``."""

    topic: str
    document: Document
    plan: str
    progress: str | None = None
    more: bool = False  # there is another one at once
    over: bool = True


@dataclass(frozen=True, slots=True)
class Reach:
    """Which decisions a message holds: those after the ones that are told, up to this one, thinned before a moment."""

    upto: int
    thinned_before: str


@dataclass(frozen=True, slots=True)
class FleetNews:
    settings: TelemetrySettings
    outbox: Outbox
    payloads: Payloads
    present: Callable[[], Document]

    def state(self, at: datetime) -> Document:
        """The present, as far as it is told."""
        told = self.settings.fields
        present = {key: value for key, value in self.present().items() if key == "time" or key in told}
        return without({"time": timestamp(at), **present}, self.settings.leave_out)

    async def message(self, entry: Entry, at: datetime) -> Message | NothingToSay:
        visit = await self.outbox.visit(entry.subject)
        if visit is None:
            return NothingToSay(over=True)
        match entry.kind:
            case kind if kind == DECISIONS:
                return await self._decisions(entry, visit, at)
            case kind if kind == SUMMARY:
                return await self._summary(visit)
            case _:
                return self._visit(visit)

    # -- visits and summaries -----------------------------------------------------------------------------------------

    def _visit(self, visit: Visit) -> Message | NothingToSay:
        if "visits" not in self.settings.fields:
            return NothingToSay(over=True)
        return self._whole(
            f"visits/{visit.id}",
            {
                **self._named(visit),
                "plugged_in_at": timestamp(visit.plugged_in_at),
                "plugged_out_at": None if visit.plugged_out_at is None else timestamp(visit.plugged_out_at),
                "managed": visit.managed,
                "energy_wh": round(visit.energy_wh),
                "solar_wh": round(visit.solar_wh),
                "battery_wh": round(visit.battery_wh),
                "grid_wh": round(visit.grid_wh),
                "state": visit.final_state.value,
            },
        )

    async def _summary(self, visit: Visit) -> Message | NothingToSay:
        if "summaries" not in self.settings.fields:
            return NothingToSay(over=True)
        detail = await self.payloads.partner_session(visit.id)
        car = await self.payloads.ev_session(visit.id)
        found = {"hems_session": (detail or {}).get("session"), "ev_session": car}
        if not any(found.values()):
            return NothingToSay(over=True)
        return self._whole(f"summaries/{visit.id}", {**self._named(visit), **found})

    def _named(self, visit: Visit) -> Document:
        known = self.outbox.store.identities([visit.wallbox])
        return {"visit_id": visit.id, "wallbox_id": known.wallboxes[visit.wallbox]}

    def _whole(self, topic: str, document: Document) -> Message:
        document = without(document, self.settings.leave_out)
        return Message(topic, document, digest(to_bytes(document)))

    # -- decisions ----------------------------------------------------------------------------------------------------

    async def _decisions(self, entry: Entry, visit: Visit, at: datetime) -> Message | NothingToSay:
        if "decisions" not in self.settings.fields:
            return NothingToSay(over=True)
        over = visit.plugged_out_at is not None
        after = int(entry.progress or 0)
        under_way = None if entry.plan is None else Reach(**json.loads(entry.plan))
        rows = await self.outbox.ask(
            lambda db: queries.decisions_after(
                db, visit.id, after, AT_ONCE + 1, None if under_way is None else under_way.upto
            )
        )
        if not rows:
            return NothingToSay(progress=entry.progress, over=over)
        shown = rows[:AT_ONCE]
        reach = under_way or Reach(shown[-1][0], (at - WHOLE_FOR).isoformat())
        more = len(rows) > AT_ONCE or under_way is not None
        told = _told(shown, datetime.fromisoformat(reach.thinned_before))
        if not told:
            return NothingToSay(progress=str(reach.upto), due_at=at if more else None, over=over and not more)
        return Message(
            f"decisions/{visit.id}",
            without({**self._named(visit), "decisions": told}, self.settings.leave_out),
            json.dumps(asdict(reach)),
            progress=str(reach.upto),
            more=more,
            over=over and not more,
        )


def _told(rows: Sequence[tuple[int, Decision]], thinned_before: datetime) -> list[Document]:
    return [
        {
            "id": row_id,
            "time": timestamp(one.at),
            "kind": one.kind.value,
            "state": one.state.value,
            "rule": one.rule,
            "reason": one.reason,
            "target_w": one.target_w,
            "limit_a": one.limit_a,
            "phases": one.phases,
            "dispatched": one.dispatched,
        }
        for row_id, one in rows
        if one.at >= thinned_before or one.kind in DOING
    ]
