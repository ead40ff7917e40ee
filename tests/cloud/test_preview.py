"""`hemsd cloud preview` shows exactly what leaves, for every receiver; and every field can be kept in the house."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hemsd.cloud.lanes import Lane
from hemsd.cloud.marks import SESSION
from hemsd.cloud.preview import EXAMPLE_KEY, preview
from hemsd.cloud.settings import NEEDED, CloudSettings
from hemsd.store.outbox import Entry
from tests.cloud.home import Home, at_home, settings
from tests.cloud.receiver import receiving

BY_HTTP_ITSELF = {"host", "content-length", "accept-encoding"}
CREATED_AT = "createdAt"  # a moment of its own for each event; so the signature differs as well
NEVER_THE_SAME = {"authorization", "idempotency-key", "x-enode-delivery", "x-enode-signature"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hemsd.db"


async def a_day(home: Home) -> None:
    await home.plug_in()
    await home.charge(minutes=30)
    await home.plug_out()
    home.clock.leap(60)


async def send_everything(home: Home) -> None:
    for lane in home.cloud.lanes:
        await home.pay(lane, 120)


def messages(shown: str) -> dict[str, tuple[dict[str, str], Any]]:
    """By method and path: the headers and the document that the preview names."""
    found = {}
    for part in shown.split("\n\n"):
        first, _, rest = part.partition("\n")
        if " http" in first:
            head, brace, body = rest.partition("\n{")
            method, url = first.split()
            headers = dict(line.split(": ", 1) for line in head.splitlines())
            found[f"{method} /{url.split('/', 3)[3]}"] = (headers, json.loads(brace + body))
    return found


def without_its_moment(document: Any) -> Any:
    return {key: value for key, value in document.items() if key != CREATED_AT}


async def test_what_the_preview_shows_is_what_every_receiver_gets(path: Path, tmp_path: Path) -> None:
    async with receiving() as receiver:
        chosen = settings(receiver.url, tmp_path, "analysis", "summaries", "webhook")
        async with at_home(path, chosen) as home:
            await a_day(home)
            await home.store.settle()
            shown = messages(await preview(home.cloud))
            assert receiver.heard == [], "to look is not to tell"
            await send_everything(home)
        assert {heard.line for heard in receiver.heard} == set(shown)
        for heard in receiver.heard:
            headers, document = shown[heard.line]
            assert without_its_moment(heard.body) == without_its_moment(document)
            named = {name.lower(): value for name, value in headers.items()}
            assert set(heard.headers) - BY_HTTP_ITSELF - {"content-encoding"} == set(named) - {"content-encoding"}
            same = set(named) - NEVER_THE_SAME - {"content-encoding"}
            assert {name: heard.headers[name] for name in same} == {name: named[name] for name in same}
            assert "secret-token" not in str(headers)
        assert sum(EXAMPLE_KEY in headers.values() for headers, _ in shown.values()) == 4


async def test_an_event_that_waits_is_shown_as_it_waits(path: Path, tmp_path: Path) -> None:
    async with at_home(path, settings("http://127.0.0.1:9", tmp_path, "webhook")) as home:
        assert "once it is found odd" in await preview(home.cloud)
        anomaly = {"event": "station.anomaly_detected", "anomaly_score": 0.7}
        home.store.carry_out(told=home.cloud.marks.of_station(anomaly))
        await home.store.settle()
        assert '"anomaly_score": 0.7' in await preview(home.cloud)


def leaves(document: Any, before: str = "") -> Iterator[str]:
    """The dotted paths of a document, as ``leave_out`` takes them."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield f"{before}{key}"
            yield from leaves(value, f"{before}{key}.")
    elif isinstance(document, list):
        for each in document:
            yield from leaves(each, before)


async def what_would_leave(home: Home, lane: Lane, leave_out: tuple[str, ...] = ()) -> set[str]:
    """The paths of every message to a receiver about the newest visit."""
    at, found = home.clock.utc(), set()
    lines = home.cloud.marks.lines
    for kind in {"analysis": ("visit",), "summaries": lines.summaries}.get(lane.name, (SESSION,)):
        route: Any = replace(lane.route, leave_out=leave_out)  # type: ignore[type-var]
        entry = Entry(0, lane.name, kind, home.visits[1].id, told=1, done=0, told_at=at, due_at=at)
        parcel = await route.parcel(entry, at)
        found |= set(leaves(json.loads(parcel.request.body)))
    return found


@pytest.mark.parametrize("whom", ["analysis", "summaries", "webhook"])
async def test_every_field_can_be_kept_in_the_house(whom: str, path: Path, tmp_path: Path) -> None:
    """But those without which a session can't be understood: who wants to keep these, leaves the receiver out."""
    async with at_home(path, settings("http://127.0.0.1:9", tmp_path, whom)) as home:
        await a_day(home)
        lane = home.lane(whom)
        told = await what_would_leave(home, lane)
        assert len(told) > 2
        for field in told - (NEEDED if whom == "analysis" else frozenset()):
            gone = {each for each in told if each == field or each.startswith(f"{field}.")}
            assert await what_would_leave(home, lane, (field,)) == told - gone, field


async def test_the_present_and_visits_of_a_fleet_can_be_pruned_as_well(path: Path, tmp_path: Path) -> None:
    section = {"host": "127.0.0.1", "tls": False, "leave_out": ["energy_wh", "decisions.reason"]}
    async with at_home(path, CloudSettings.model_validate({"telemetry": section})) as home:
        await a_day(home)
        await home.store.settle()
        shown = await preview(home.cloud)
        assert '"solar_wh"' in shown
        assert '"energy_wh"' not in shown
        assert EXAMPLE_KEY in shown
