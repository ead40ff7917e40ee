"""kill -9 at any moment: the file stays whole, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hemsd.clock import ManualClock
from hemsd.store import Store

ROOT = Path(__file__).parents[2]


async def run_and_kill(kind: str, path: Path, after_s: float) -> dict[str, list[int]]:
    """What the process had said until it was killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.crashing", kind, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), 30)
    assert first.split() == [b"open", b"0"]
    saying = asyncio.ensure_future(process.stdout.read())
    await asyncio.sleep(after_s)
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    said: dict[str, list[int]] = defaultdict(list)
    for line in (await saying).decode().splitlines(keepends=True):
        if line.endswith("\n"):  # the last one may be cut
            what, number = line.split()
            said[what].append(int(number))
    return said


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path)
    try:
        yield db
    finally:
        db.close()


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(180)]),
        pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
async def test_kills_at_any_moment_lose_nothing_that_was_acknowledged(path: Path, kills: int) -> None:
    chance = random.Random(17)
    commands: list[int] = []
    transactions: list[int] = []
    for _ in range(kills):
        said = await run_and_kill("changes", path, chance.uniform(0.0, 0.4))
        commands += said["command"]
        transactions += said["transaction"]
        with opened(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            stored = {id_ for (id_,) in db.execute("SELECT id FROM commands")}
            assert stored >= set(commands)
            assert {id_ for (id_,) in db.execute("SELECT id FROM transactions")} >= set(transactions)
            if said["energy"]:
                visit = (said["visit"][-1],)
                [energy_wh] = db.execute("SELECT energy_wh FROM visits WHERE number = ?", visit).fetchone()
                assert energy_wh >= said["energy"][-1]

        store = await Store.open(path, ManualClock())
        assert store.next_command_id() == max(stored, default=0) + 1
        assert len(await store.running_visits()) == await store.views.count_visits()
        await store.close()

    assert len(commands) == len(set(commands)) > 20
    assert len(transactions) == len(set(transactions)) > 5


@pytest.mark.slow
async def test_a_killed_daemon_loses_at_most_the_last_group_of_readings(path: Path) -> None:
    said = await run_and_kill("readings", path, 3.5)
    with opened(path) as db:
        [newest_s] = db.execute("SELECT max(grid_w) FROM site_minutes").fetchone()
    a_busy_machine_s = 60  # one real second
    assert said["second"][-1] - newest_s <= 60 + a_busy_machine_s
    assert newest_s > 60
