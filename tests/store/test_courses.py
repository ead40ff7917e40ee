"""What a visit was for is kept beside it, and programs are known beside a running daemon."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.model import Outcome
from hemsd.store import Store, VisitFilter, clients
from hemsd.store.clients import NameTaken
from tests.store.values import NOON, a_command, a_visit


async def test_a_course_is_kept_beside_its_visit_and_replaced(store: Store) -> None:
    visit = a_visit(policy="home")
    store.save_visit(visit)
    store.save_course(visit.id, {"id": visit.id, "begun": []})
    store.save_course(visit.id, {"id": visit.id, "begun": [{"type": "REGULAR"}]})
    await store.settle()
    assert await store.views.courses([visit.id, a_visit(2).id]) == {
        visit.id: {"id": visit.id, "begun": [{"type": "REGULAR"}]}
    }
    assert await store.views.courses([]) == {}


async def test_a_visit_counts_who_obeyed_and_only_what_was_judged(store: Store) -> None:
    visit = a_visit()
    store.save_visit(visit)
    for number, outcome in enumerate((Outcome.APPLIED, Outcome.APPLIED, Outcome.REJECTED, Outcome.UNVERIFIED), 1):
        store.record_command(a_command(number, outcome=outcome, final=True))
    store.record_command(a_command(9, outcome=Outcome.UNVERIFIED, final=False))
    await store.settle()
    assert await store.views.obedience([visit.id, a_visit(2).id]) == {visit.id: (2, 3)}


async def test_visits_are_found_by_policy_and_by_how_long_they_lasted(store: Store) -> None:
    for number in range(1, 5):
        out_at = NOON + timedelta(minutes=number, seconds=30 * number)
        store.save_visit(a_visit(number, policy="home" if number % 2 else None, plugged_out_at=out_at))
    await store.settle()
    assert [v.number for v in (await store.views.visits(VisitFilter(policy="home"))).visits] == [3, 1]
    assert [v.number for v in (await store.views.visits(VisitFilter(lasted_s=60.0))).visits] == [4, 3, 2]


async def test_a_name_is_found_by_its_uuid_also_when_it_is_no_longer_configured(store: Store) -> None:
    made = store.identities(policies=["home"]).policies["home"]
    assert store.name_of("policy", made) == "home"
    assert store.name_of("vehicle", made) is None


async def test_clients_come_and_go_while_the_daemon_has_the_file(store: Store, path: Path, clock: ManualClock) -> None:
    client_id, secret = clients.add(path, clock, "cloud", ["flex", "partner"])
    known = await store.views.ask(lambda db: clients.find(db, "id", client_id))
    assert known is not None
    assert known.knows(secret)
    assert not known.knows(secret + "x")
    assert known.scopes == {"flex", "partner"}
    with pytest.raises(NameTaken):
        clients.add(path, clock, "cloud", ["flex"])
    store.save_visit(a_visit())
    await store.settle()
    assert [client.name for client in clients.listed(path, clock)] == ["cloud"]
    assert clients.remove(path, clock, "cloud")
    assert not clients.remove(path, clock, "cloud")
    assert await store.views.ask(lambda db: clients.find(db, "id", client_id)) is None
