"""`hemsd cloud preview`: exactly what would leave the house, made by the parts that would send it.

It works on a copy of the database, so it disturbs no daemon that runs beside it, and it opens no connection.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from drivers.base import DeviceError
from hemsd.cloud.answer import Request
from hemsd.cloud.lanes import Lane, NothingToSay
from hemsd.cloud.marks import SESSION, VISIT
from hemsd.cloud.service import ANALYSIS, SUMMARIES, Cloud
from hemsd.cloud.telemetry import Fleet
from hemsd.model import Visit
from hemsd.store.outbox import Entry

NOBODY = "Nothing leaves this house: config.yaml names nobody under cloud."
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
        parts += _of_fleet(cloud.fleet, visit)
    return "\n\n".join(parts)


async def _of_lane(cloud: Cloud, lane: Lane, visit: Visit | None) -> AsyncIterator[str]:
    if visit is None:
        return
    for kind in _kinds(cloud, lane.name):
        at = cloud.clock.utc()
        entry = Entry(0, lane.name, kind, visit.id, told=1, done=0, told_at=at, due_at=at)
        try:
            parcel = await lane.route.parcel(entry, at)
        except DeviceError as error:
            yield f"{kind}: {error}"
            continue
        if isinstance(parcel, NothingToSay):
            yield f"{kind}: nothing of the newest visit"
        else:
            yield _shown(lane.route.keyed(parcel.request, EXAMPLE_KEY))


def _kinds(cloud: Cloud, lane: str) -> tuple[str, ...]:
    lines = cloud.marks.lines
    if lane == ANALYSIS:
        return (VISIT,)
    if lane == SUMMARIES:
        return lines.summaries
    return (SESSION,) if lane in lines.session_hooks else ()


def _shown(request: Request) -> str:
    headers = {**request.headers, "Authorization": "(signed in)"}
    lines = [f"{request.method} {_without_password(request.url)}"]
    lines += [f"{name}: {value}" for name, value in sorted(headers.items())]
    return "\n".join([*lines, _pretty(json.loads(request.body or b"null"))])


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _of_fleet(fleet: Fleet, visit: Visit | None) -> list[str]:
    told: dict[str, object] = {"online": True, "state": fleet.state()}
    if visit is not None:
        told[f"visits/{visit.id}"] = fleet.visit(visit)
    return [f"{fleet.topic}/{name}\n{_pretty(document)}" for name, document in told.items() if document is not None]


def _pretty(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)
