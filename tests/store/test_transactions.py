"""Transaction ids: durable before the wallbox hears them, and the same for the same start."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.store import Store, transactions
from tests.store.values import NOON


async def test_the_same_start_gets_the_same_id_and_another_start_another(store: Store) -> None:
    first = await store.begin("garage", 1, "tag", NOON, 1000.0)
    assert first > 0
    assert await store.begin("garage", 1, "tag", NOON, 1000.0) == first
    others = [
        await store.begin("carport", 1, "tag", NOON, 1000.0),
        await store.begin("garage", 2, "tag", NOON, 1000.0),
        await store.begin("garage", 1, "tag", NOON + timedelta(seconds=1), 1000.0),
        await store.begin("garage", 1, "tag", NOON, 1000.5),
        await store.begin("garage", 1, "tag", NOON, None),
    ]
    assert len({first, *others}) == 6
    assert await store.begin("garage", 1, "tag", NOON, None) == others[-1]


async def test_two_repetitions_at_the_same_time_get_one_id(store: Store) -> None:
    ids = await asyncio.gather(*(store.begin("garage", 1, "tag", NOON, 1000.0) for _ in range(5)))
    assert len(set(ids)) == 1


async def test_ids_are_never_given_twice_over_restarts_and_what_runs_is_adopted(path: Path, clock: ManualClock) -> None:
    given = []
    for day in range(3):
        store = await Store.open(path, clock)
        given.append(await store.begin("garage", 1, "tag", NOON + timedelta(days=day), 1000.0))
        await store.close()
    store = await Store.open(path, clock)
    assert len(set(given)) == 3
    assert await store.open_one("garage", 1) == given[-1]
    assert await store.begin("garage", 1, "tag", NOON, 1000.0) == given[0]
    await store.close()


async def test_the_id_is_on_the_card_when_the_answer_comes(store: Store, path: Path) -> None:
    id_ = await store.begin("garage", 1, "tag", NOON, 1000.0)
    other = sqlite3.connect(path)
    assert other.execute("SELECT id, id_tag FROM transactions").fetchall() == [(id_, "tag")]
    assert await store.end("garage", id_, NOON + timedelta(hours=2), 9000.0, "EVDisconnected")
    assert other.execute("SELECT meter_stop_wh, reason FROM transactions").fetchall() == [(9000.0, "EVDisconnected")]
    other.close()


async def test_only_an_open_transaction_of_this_wallbox_is_ended(store: Store) -> None:
    id_ = await store.begin("garage", 1, "tag", NOON, 1000.0)
    assert not await store.end("garage", id_ + 1, NOON, None, "Local")
    assert not await store.end("carport", id_, NOON, None, "Local")
    assert not await store.end("garage", -1, NOON, None, "Local")
    assert await store.end("garage", id_, NOON, None, "Local")
    assert not await store.end("garage", id_, NOON, None, "Local")
    assert await store.open_one("garage", 1) is None


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_start_that_is_repeated_after_its_end_runs_again(
    path: Path, clock: ManualClock, restarted: bool
) -> None:
    store = await Store.open(path, clock)
    id_ = await store.begin("garage", 1, "tag", NOON, 1000.0)
    await store.end("garage", id_, NOON + timedelta(hours=1), 1000.0, "Local")
    if restarted:
        await store.close()
        store = await Store.open(path, clock)
    assert await store.begin("garage", 1, "tag", NOON, 1000.0) == id_
    assert await store.open_one("garage", 1) == id_
    assert await store.end("garage", id_, NOON + timedelta(hours=2), 4000.0, "Local")
    await store.close()


async def test_a_wallbox_that_forgot_to_end_one_is_taken_at_its_newest(store: Store) -> None:
    await store.begin("garage", 1, "tag", NOON, 1000.0)
    newer = await store.begin("garage", 1, "tag", NOON + timedelta(hours=5), 8000.0)
    assert await store.open_one("garage", 1) == newer
    assert await store.open_one("garage", 2) is None


async def test_a_card_that_fails_keeps_no_car_from_charging(
    path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hemsd.store.opening.BUSY_S", 0.01)
    monkeypatch.setattr(transactions, "DURABLE_WITHIN_S", 0.05)
    store = await Store.open(path, clock)
    await store.settle()
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    id_ = await store.begin("garage", 1, "tag", NOON, 1000.0)
    assert await store.begin("garage", 1, "tag", NOON, 1000.0) == id_
    assert store.trouble is not None
    other.rollback()
    await store.close()
    assert other.execute("SELECT id FROM transactions").fetchall() == [(id_,)]
    other.close()
