"""Copies of the database, and the way back."""

# ruff: noqa: ASYNC240

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from hemsd.app import only_one
from hemsd.cli import main
from hemsd.clock import ManualClock
from hemsd.ops.backup import DailyCopies, restore
from hemsd.store import Store, StoreError, copies
from tests.store.values import a_visit


def visits_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM visits").fetchone()[0])


def spoil(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(8 * 1024)
        file.write(b"\xff" * 8 * 1024)


async def grown(store: Store, visits: int) -> None:
    for number in range(1, visits + 1):
        store.save_visit(a_visit(number))
    await store.settle()


async def test_a_copy_of_a_database_in_use_is_one_whole_file_for_its_owner_only(
    store: Store, config: Path, tmp_path: Path
) -> None:
    await grown(store, 50)
    target = tmp_path / "away" / "copy.db"
    assert main(["backup", str(target), "-c", str(config)]) == 0
    store.save_visit(a_visit(51))
    await store.settle()
    assert visits_in(target) == 50
    assert [file.name for file in target.parent.iterdir()] == ["copy.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_a_damaged_database_is_not_copied_over_a_good_copy(
    store: Store, path: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await grown(store, 200)
    target = tmp_path / "copy.db"
    assert main(["backup", str(target), "-c", str(config)]) == 0
    await store.close()
    spoil(path)
    assert main(["backup", str(target), "-c", str(config)]) == 1
    assert "damaged" in capsys.readouterr().err
    assert visits_in(target) == 200


async def test_a_restore_brings_the_copy_back_and_keeps_what_was_there(
    store: Store, path: Path, config: Path, tmp_path: Path, clock: ManualClock
) -> None:
    await grown(store, 3)
    main(["backup", str(tmp_path / "copy.db"), "-c", str(config)])
    store.save_visit(a_visit(4))
    await store.close()
    assert main(["restore", str(tmp_path / "copy.db"), "-c", str(config)]) == 0
    [aside] = tmp_path.glob("hemsd.db.before-*")
    assert (visits_in(path), visits_in(aside)) == (3, 4)
    again = await Store.open(path, clock)
    assert await again.views.count_visits() == 3
    await again.close()


async def test_a_log_that_a_crash_left_behind_goes_aside_with_its_file_and_not_into_the_restored_one(
    store: Store, path: Path, tmp_path: Path, clock: ManualClock
) -> None:
    await grown(store, 3)
    copies.copy_database(path, tmp_path / "copy.db")
    store.save_visit(a_visit(4))
    await store.settle()
    left = {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal")}  # as after a kill -9
    await store.close()
    for suffix, content in left.items():
        Path(f"{path}{suffix}").write_bytes(content)
    aside = restore(tmp_path / "copy.db", path, clock)
    assert aside is not None
    assert (visits_in(path), visits_in(aside)) == (3, 4)


async def test_nothing_is_restored_under_a_running_daemon(
    store: Store, path: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await grown(store, 1)
    copies.copy_database(path, tmp_path / "copy.db")
    with only_one(path):
        assert main(["restore", str(tmp_path / "copy.db"), "-c", str(config)]) == 1
    assert "another hemsd is running" in capsys.readouterr().err
    assert not list(tmp_path.glob("*before*"))


@pytest.mark.parametrize("wrong", ["missing", "text", "damaged", "foreign", "newer"])
async def test_what_is_no_good_copy_is_refused_and_changes_nothing(
    store: Store, path: Path, tmp_path: Path, clock: ManualClock, wrong: str
) -> None:
    await grown(store, 200)
    copy = tmp_path / "copy.db"
    copies.copy_database(path, copy)
    await store.close()
    match wrong:
        case "missing":
            copy.unlink()
        case "text":
            copy.write_text("no database at all" * 1000)
        case "damaged":
            spoil(copy)
        case "foreign":
            copy.unlink()
            with closing(sqlite3.connect(copy)) as db:
                db.execute("CREATE TABLE songs (name TEXT)")
        case "newer":
            with closing(sqlite3.connect(copy)) as db, db:
                db.execute("INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('hemsd', 'm999_tomorrow')")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"copy\.db|m999"):
        restore(copy, path, clock)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*before*"))


async def test_each_day_leaves_a_copy_and_the_oldest_goes(store: Store, path: Path, clock: ManualClock) -> None:
    await grown(store, 1)
    daily = DailyCopies(store, 2, clock)
    for _day in range(3):
        await daily.look()
        await daily.look()
        clock.leap(86_400)
    assert [copy.name for copy in copies.kept(path)] == ["hemsd.db.copy-20260623", "hemsd.db.copy-20260622"]
    assert [visits_in(copy) for copy in copies.kept(path)] == [1, 1]
    assert daily.trouble is None


async def test_a_large_database_is_copied_less_often_so_that_copies_do_not_wear_out_the_card(
    store: Store, path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "BYTES_PER_DAY", path.stat().st_size * 0.4)
    ahead = copies.daily(path, clock.utc() + timedelta(days=400))  # of a clock that was wrong
    ahead.write_bytes(b"")
    daily, days = DailyCopies(store, 9, clock), []
    for day in range(9):
        before = len(copies.kept(path))
        await daily.look()
        days += [day] * (len(copies.kept(path)) - before)
        clock.leap(86_400)
    assert days == [0, 3, 6]


async def test_a_copy_that_can_not_be_made_is_said_and_the_old_ones_stay(
    store: Store, path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = DailyCopies(store, 1, clock)
    await daily.look()
    clock.leap(86_400)
    monkeypatch.setattr(copies, "ROOM", 1e12)
    await daily.look()
    assert daily.trouble is not None
    assert "no room" in daily.trouble
    assert len(copies.kept(path)) == 1
    monkeypatch.undo()
    await daily.look()
    assert daily.trouble is None


async def test_after_damage_the_newest_good_copy_takes_its_place(path: Path, clock: ManualClock) -> None:
    store = await Store.open(path, clock)
    for visits in (200, 300, 400):
        await grown(store, visits)
        copies.copy_database(path, copies.daily(path, clock.utc() + timedelta(days=visits // 100)))
    store.save_visit(a_visit(401))
    await store.close()
    spoil(path)
    spoil(copies.kept(path)[0])
    store = await Store.open(path, clock)
    assert await store.views.count_visits() == 300
    assert store.next_visit_number() == 301
    assert store.mended is not None
    assert "copy-20260624" in store.mended
    assert list(path.parent.glob("hemsd.db.damaged-*"))
    await store.close()
