"""`hemsd cloud preview`: exactly what would leave the house, made by the parts that would send it.

It works on a copy of the database, so it disturbs no daemon that runs beside it, and it opens no connection.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import urlsplit

from drivers.base import DeviceError
from hemsd.cloud.answer import Request
from hemsd.cloud.client import Client
from hemsd.cloud.lanes import Lane
from hemsd.cloud.marks import SESSION, STATION, VISIT
from hemsd.cloud.route import NothingToSay, Transport
from hemsd.cloud.service import ANALYSIS, SUMMARIES, Cloud
from hemsd.cloud.telemetry import TELEMETRY, Fleet
from hemsd.model import Visit
from hemsd.said import said
from hemsd.store import outbox as rows
from hemsd.store.outbox import Entry

NOBODY = said("preview.nobody", "Nothing leaves this house: config.yaml names nobody under cloud.")
EXAMPLE_KEY = "(made when it leaves)"


async def preview(cloud: Cloud) -> str:
    """For people: every kind of message to every receiver, for the newest visit."""
    if cloud.settings.tells_nobody:
        return NOBODY
    page = await cloud.store.views.visits(limit=1)
    visit = page.visits[0] if page.visits else None
    parts = []
    for lane in cloud.lanes.values():
        parts.append(f"# {lane.name}, to {lane.address}")
        parts += [part async for part in _of_lane(cloud, lane, visit)] or ["Nothing: no car has been here yet."]
    if cloud.fleet is not None:
        parts.append(f"# telemetry, to {cloud.fleet.settings.host}:{cloud.fleet.settings.port} (MQTT)")
        parts += [part async for part in _of_fleet(cloud, cloud.fleet, visit)]
    return "\n\n".join(parts)


async def _of_lane(cloud: Cloud, lane: Lane, visit: Visit | None) -> AsyncIterator[str]:
    at = cloud.clock.utc()
    for entry in (*_of_visit(cloud, lane.name, visit, at), *await _waiting_news(cloud, lane.name)):
        try:
            parcel = await lane.route.parcel(entry, at)
            if isinstance(parcel, NothingToSay):
                yield f"{entry.kind}: nothing of the newest visit"
            else:
                yield _shown(lane.transport, lane.route.keyed(parcel.request, EXAMPLE_KEY))
        except DeviceError as error:
            yield f"{entry.kind}: {error}"
    if lane.name in cloud.marks.lines.station_hooks:
        yield f"{STATION}: what the analysis API answers as inference of the station, once it is found odd"


def _of_visit(cloud: Cloud, lane: str, visit: Visit | None, at: datetime) -> tuple[Entry, ...]:
    return () if visit is None else tuple(_owed(lane, kind, visit.id, at) for kind in _kinds(cloud, lane))


async def _waiting_news(cloud: Cloud, lane: str) -> tuple[Entry, ...]:
    """Events that can't be made again from what is known: those that wait."""
    return await cloud.store.views.ask(lambda db: tuple(rows.entries(db, lane, STATION)))


def _kinds(cloud: Cloud, lane: str) -> tuple[str, ...]:
    lines = cloud.marks.lines
    if lane == ANALYSIS:
        return (VISIT,)
    if lane == SUMMARIES:
        return lines.summaries
    return (SESSION,) if lane in lines.session_hooks else ()


def _shown(transport: Transport, request: Request) -> str:
    headers = transport.headers(request) if isinstance(transport, Client) else request.headers
    lines = [f"{request.method} {_without_password(request.url)}"]
    lines += [f"{name}: {value}" for name, value in sorted(headers.items())]
    return "\n".join([*lines, _pretty(json.loads(request.body or b"null"))])


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


async def _of_fleet(cloud: Cloud, fleet: Fleet, visit: Visit | None) -> AsyncIterator[str]:
    yield f"{fleet.topic}/online\n{_pretty(True)}"
    at = cloud.clock.utc()
    yield f"{fleet.topic}/state\n{_pretty(fleet.news.state(at))}"
    if visit is None:
        return
    for kind in cloud.marks.lines.told_of:
        message = await fleet.news.message(_owed(TELEMETRY, kind, visit.id, at), at)
        if isinstance(message, NothingToSay):
            yield f"{kind}: nothing of the newest visit"
        else:
            yield f"{fleet.topic}/{message.topic}\n{_pretty({'message_id': EXAMPLE_KEY, **message.document})}"


def _owed(lane: str, kind: str, subject: str, at: datetime, body: str | None = None) -> Entry:
    """A debt that nobody has."""
    return Entry(0, lane, kind, subject, told=1, done=0, told_at=at, due_at=at, body=body)


def _pretty(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
