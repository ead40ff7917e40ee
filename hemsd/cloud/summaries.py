"""Finished visits in the words of the public dialects, each put at an address of its own: twice is as good as once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from hemsd.cloud.answer import Answer, Request, fate_of
from hemsd.cloud.fields import Document, digest, to_bytes, without
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.payloads import Payloads
from hemsd.cloud.route import Judgement, NothingToSay, Parcel
from hemsd.model import Visit
from hemsd.store.outbox import Entry


@dataclass(frozen=True, slots=True)
class SummaryRoute:
    lane: str
    url: str
    paths: Mapping[str, str]
    outbox: Outbox
    payloads: Payloads
    leave_out: Sequence[str] = ()

    async def next(self, at: datetime, resting: Sequence[int]) -> Entry | None:
        return await self.outbox.next(self.lane, at, resting)

    async def parcel(self, entry: Entry, at: datetime) -> Parcel | NothingToSay:
        visit = await self.outbox.visit(entry.subject)
        path = self.paths.get(entry.kind)
        document = None if visit is None or path is None else await self._document(entry)
        if visit is None or path is None or document is None:
            return NothingToSay(over=True)
        body = to_bytes(without(document, self.leave_out))
        url = f"{self.url.rstrip('/')}/{self._filled_in(path, visit).lstrip('/')}"
        return Parcel(Request("PUT", url, body, {"Content-Type": "application/json"}), digest(body))

    async def _document(self, entry: Entry) -> Document | None:
        match entry.kind:
            case "partner":
                return await self.payloads.partner_session(entry.subject)
            case "ev":
                return await self.payloads.ev_session(entry.subject)
            case "flex":
                return await self.payloads.flex_session(entry.subject)
            case _:
                return None

    def _filled_in(self, path: str, visit: Visit) -> str:
        cars = [visit.vehicle] if visit.vehicle else []
        known = self.outbox.store.identities([visit.wallbox], cars)
        places = {
            "org_id": known.org_id,
            "user_id": known.user_id,
            "location_id": known.location_id,
            "wallbox_id": known.wallboxes[visit.wallbox],
            "vehicle_id": known.vehicles[visit.vehicle] if visit.vehicle else "unknown",
            "visit_id": visit.id,
            "number": str(visit.number),
        }
        return path.format(**{name: quote(value, safe="") for name, value in places.items()})

    def keyed(self, request: Request, key: str) -> Request:
        return replace(request, headers={**request.headers, "Idempotency-Key": key})

    async def judged(self, entry: Entry, parcel: Parcel, answer: Answer, at: datetime) -> Judgement:
        return Judgement(fate_of(answer))
