"""Old files, damaged files, files of somebody else."""

from __future__ import annotations

import logging
import lzma
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from hemsd.clock import ManualClock
from hemsd.cloud.outbox import Outbox
from hemsd.store import Store, StoreError, outbox
from hemsd.store.schema import migrations
from tests.store.values import NOON, a_command, a_decision, a_visit

OLD = sorted((Path(__file__).parent / "databases").glob("m*.db.xz"))
MIGRATIONS = [migration.name for migration in migrations.pending(Database(memory=True))]


def test_every_layout_that_may_be_on_a_card_is_tried() -> None:
    """The newest is what all other tests have; it gets its file when the next one comes (databases/make.py)."""
    assert {file.name.removesuffix(".db.xz") for file in OLD} >= set(MIGRATIONS[:-1])


def laid_out(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return {
            (name, " ".join(sql.split()))
            for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        }


@pytest.fixture(params=OLD, ids=[file.name for file in OLD])
def old(request: pytest.FixtureRequest, path: Path) -> Path:
    path.write_bytes(lzma.decompress(request.param.read_bytes()))
    return path


def holds(path: Path) -> set[str]:
    """The tables of a file that hold something."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name for name in tables if db.execute(f"SELECT 1 FROM {name}").fetchone()}


async def test_an_old_database_is_read_as_if_it_were_new(old: Path, clock: ManualClock) -> None:
    held = holds(old)
    store = await Store.open(old, clock)
    running, done = (await store.views.visits()).visits
    assert (running.plugged_out_at, done.plugged_out_at) == (None, NOON + timedelta(hours=5))
    commands, decisions = [a_command(visit_id=done.id)], [a_decision(dispatched=True, command_id=1)]
    assert list(await store.views.commands(done.id)) == (commands if "commands" in held else [])
    assert list(await store.views.decisions(done.id)) == (decisions if "decisions" in held else [])
    assert len(await store.views.readings(done.id)) == len(await store.views.quarters(done.id)) == 1
    assert store.facts() == ({"mode/garage": "solar"} if "facts" in held else {})
    assert await store.views.courses([done.id]) == ({done.id: {"policy": "home"}} if "courses" in held else {})
    if "transactions" in held:
        assert await store.open_one("garage", 1) == 2
        assert await store.begin("garage", 1, "04A1B2C3", NOON, 1000.0) == 1
    assert (store.next_command_id(), store.next_visit_number()) == (2 if "commands" in held else 1, 3)
    store.save_visit(a_visit(3))
    await store.settle()
    assert await store.views.count_visits() == 3
    await store.close()


async def test_what_an_old_database_owes_is_owed_still(old: Path, clock: ManualClock) -> None:
    held = holds(old)
    store = await Store.open(old, clock)
    box, at = Outbox(store), NOON + timedelta(days=2)
    if "outbox" in held:
        entry = await box.next("webhook:1f", at)
        assert entry is not None
        assert (entry.kind, entry.failures, entry.failing_since_at) == ("flex:session:updated", 0, None)
        [letter] = await box.dead_letters()
        assert (letter.status, letter.answer) == (422, "422 no such station")
        await box.write(*outbox.revive(at, letter.id))
        assert await box.next("analysis", at) is not None
    else:
        assert await box.backlogs() == {}
    await store.close()


async def test_an_old_database_becomes_laid_out_like_a_new_one(old: Path, tmp_path: Path, clock: ManualClock) -> None:
    for path in (old, tmp_path / "new.db"):
        await (await Store.open(path, clock)).close()
    assert laid_out(old) == laid_out(tmp_path / "new.db")


async def test_a_migration_that_was_cut_off_goes_on(path: Path, clock: ManualClock) -> None:
    with closing(sqlite3.connect(path)) as db:
        migrations.apply(Database(db), stop_before="m003_site")
    store = await Store.open(path, clock)
    store.save_visit(a_visit())
    await store.close()


async def test_a_database_of_a_newer_hemsd_is_left_alone(path: Path, clock: ManualClock) -> None:
    await (await Store.open(path, clock)).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('hemsd', 'm999_from_tomorrow')")
        db.commit()
    with pytest.raises(StoreError, match="m999_from_tomorrow"):
        await Store.open(path, clock)


def overwrite(path: Path) -> None:
    path.write_text("no database at all" * 1000)


def forget_a_few_blocks(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(8 * 1024)
        file.write(b"\xff" * 8 * 1024)


@pytest.mark.parametrize("damage", [overwrite, forget_a_few_blocks])
async def test_a_damaged_database_is_kept_aside_and_a_new_one_begins(
    path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    store = await Store.open(path, clock)
    for number in range(1, 200):
        store.save_visit(a_visit(number))
    await store.close()
    damage(path)
    with caplog.at_level(logging.ERROR):
        store = await Store.open(path, clock)
    assert "damaged" in caplog.text
    [aside] = path.parent.glob("hemsd.db.damaged-*")
    assert aside.stat().st_size > 16 * 1024
    assert await store.views.count_visits() == 0
    await store.close()


async def test_a_place_where_no_file_can_be_is_said_in_words(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be opened"):
        await Store.open(tmp_path / "file" / "hemsd.db", clock)


async def test_odd_characters_in_the_path_are_no_trouble(tmp_path: Path, clock: ManualClock) -> None:
    store = await Store.open(tmp_path / "mein Häuschen #1?.db", clock)
    store.save_visit(a_visit())
    await store.settle()
    assert await store.views.count_visits() == 1
    await store.close()
