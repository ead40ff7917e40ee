"""Calls to addresses that want to know when something happened.

``flex:session:updated`` carries the whole session, so a newer one replaces what was not delivered. It is sent for what
receivers follow: another state, target, outcome or error, a new block, a quarter-hour that is over. Energy that only
grows and a projection that only drifts are no news; they come along with the next. ``station.anomaly_detected`` is
news by itself: each is kept until it is delivered. The receiver's rules are the flex dialect's: signed with HMAC-SHA1
over the bytes of the body, the delivery id kept over the tries, 5 s for an answer, anything but 2xx is a failure, and
after 24 hours of failures the address is given up.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hemsd.cloud.answer import Answer, Fate, Request, fate_of
from hemsd.cloud.fields import Document, digest, timestamp, to_bytes, without
from hemsd.cloud.marks import STATION
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.payloads import Payloads
from hemsd.cloud.route import Judgement, NothingToSay, Parcel
from hemsd.store.outbox import Entry

ANSWER_S = 5.0
GIVES_UP_AFTER_S = 86_400.0
SETTLED = "SETTLED"


def signature(secret: str, body: bytes) -> str:
    """The value of x-enode-signature. SHA-1 is what the receivers check; as an HMAC it is still sound."""
    return "sha1=" + hmac.digest(secret.encode(), body, "sha1").hex()


DRIFTS = (
    "session.blocks.kwhSum",
    "session.blocks.endAt",
    "session.statistics.aggregated",
    "session.outcome.latest.batteryLevelAtReadyBy",
    "session.outcome.latest.minimumChargeTargetReachedAt",
)
"""What moves with each tick: without it, two sessions differ exactly when there is news."""


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """``progress`` of a debt is the digest of what was followed of the session that was last delivered."""

    lane: str
    url: str
    secret: Callable[[], str]
    outbox: Outbox
    payloads: Payloads
    as_array: bool = False
    leave_out: Sequence[str] = ()

    async def next(self, at: datetime, resting: Sequence[int]) -> Entry | None:
        return await self.outbox.next(self.lane, at, resting)

    async def parcel(self, entry: Entry, at: datetime) -> Parcel | NothingToSay:
        if entry.kind == STATION:
            return self._posted(json.loads(entry.body or "{}"), entry.kind)
        session = await self.payloads.flex_session(entry.subject)
        if session is None:
            return NothingToSay(over=True)
        settled = session.get("state") == SETTLED
        event: Document = {
            "event": entry.kind,
            "userId": await self.payloads.user_id(),
            "createdAt": timestamp(entry.told_at),
            "session": session,
        }
        looks = digest(to_bytes(without(event, ("createdAt", *DRIFTS, *self.leave_out))))
        if looks == entry.progress:
            return NothingToSay(progress=looks, over=settled)
        return self._posted(event, f"{looks} {SETTLED}" if settled else looks)

    def _posted(self, event: Document, plan: str) -> Parcel:
        event = without(event, self.leave_out)
        body = to_bytes([event] if self.as_array else event)
        headers = {"Content-Type": "application/json", "x-enode-signature": signature(self.secret(), body)}
        return Parcel(Request("POST", self.url, body, headers), plan)

    def keyed(self, request: Request, key: str) -> Request:
        return replace(request, headers={**request.headers, "x-enode-delivery": key})

    async def judged(self, entry: Entry, parcel: Parcel, answer: Answer, at: datetime) -> Judgement:
        match fate_of(answer):
            case Fate.TAKEN:
                looks, _, settled = (parcel.plan or "").partition(" ")
                over = entry.kind == STATION or settled == SETTLED
                return Judgement(Fate.TAKEN, over=over, progress=looks)
            case Fate.DEAD if answer.status != 413:  # a refusal may be a mistake that somebody is just mending
                return Judgement(Fate.LATER)
            case fate:
                return Judgement(fate)
