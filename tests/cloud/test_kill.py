"""kill -9 between any two steps of a delivery: nothing is lost, and what arrives twice has the same key."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest

from tests.cloud.receiver import Heard, Receiver, receiving

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Lives:
    """The process that forks a life for each line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(cls, folder: Path) -> Lives:
        return cls(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.cloud.dying", str(folder)),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        )

    async def live(self, path: Path, url: str, dies_at: int = 0) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path} {url} {dies_at}\n".encode())
        return (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode().strip()

    async def end(self) -> None:
        self._process.kill()
        await self._process.wait()


def values(heard: Heard) -> list[tuple[str, str, str, float]]:
    return [
        (value["timestamp"], value["measurand"], value.get("phase", ""), value["value"])
        for value in heard.body["meter_values"]
    ]


def check_analysis(heard: list[Heard], path: Path) -> None:
    """Every value of the store has arrived; what came twice came under one key, unless all of it was put anew."""
    uploads = [each for each in heard if each.path.startswith("/v1/")]
    keys: dict[tuple[str, str, str, float], set[str]] = defaultdict(set)
    for each in uploads:
        for value in values(each):
            keys[value].add(each.key)
    assert all(len(used) == 1 for used in keys.values())
    same_key: dict[str, set[bytes]] = defaultdict(set)
    for each in uploads:
        same_key[each.key].add(each.raw)
    assert all(len(bodies) == 1 for bodies in same_key.values()), "one key, one body"
    with closing(sqlite3.connect(path)) as db:
        stored = {wh for (wh,) in db.execute("SELECT energy_wh FROM meter_values")}
        stored |= {wh for (wh,) in db.execute("SELECT meter_start_wh FROM transactions")}
        stored |= {wh for (wh,) in db.execute("SELECT meter_stop_wh FROM transactions")}
        assert db.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM cloud_verdicts").fetchone() == (1,)
    assert {value for _, kind, _, value in keys if kind == "Energy.Active.Import.Register"} == stored


def check_calls(heard: list[Heard]) -> None:
    """Each state under one key, no key for two states, the settled one last."""
    calls = [each for each in heard if each.path == "/hook"]
    by_key, by_state = defaultdict(set), defaultdict(set)
    for each in calls:
        state = json.dumps(each.body["session"], sort_keys=True)
        by_key[each.key].add(state)
        by_state[state].add(each.key)
    assert all(len(states) == 1 for states in by_key.values())
    assert all(len(keys) == 1 for keys in by_state.values())
    assert calls[-1].body["session"]["state"] == "SETTLED"


def check_summaries(heard: list[Heard]) -> None:
    for kind in ("/org/", "/flex/"):
        puts = [each for each in heard if each.path.startswith(kind)]
        assert len({each.key for each in puts}) == 1
        assert len({each.raw for each in puts}) == 1


DEATHS = ("before freeze", "before send", "after send", "after write")
"""Before the key is kept; with the key kept and nothing sent; sent and not written down; written down."""


@pytest.mark.slow
async def test_killed_at_each_step_of_a_delivery_nothing_is_lost_or_told_twice(tmp_path: Path) -> None:
    """The first life names the steps; then, for each lane, one dies at each kind of step, and another one goes on."""
    lives = await Lives.begin(tmp_path)
    dice = random.Random(11)
    async with receiving(Receiver()) as receiver:
        whole = json.loads(await lives.live(tmp_path / "whole.db", receiver.url))
        for lane in ("analysis", "summaries", "webhook"):
            for death in DEATHS:
                dies_at = dice.choice([n for n, step in enumerate(whole["steps"], 1) if step == f"{lane} {death}"])
                receiver.heard.clear()
                path = tmp_path / f"{dies_at}.db"
                assert await lives.live(path, receiver.url, dies_at) == "killed"
                assert json.loads(await lives.live(path, receiver.url))["owed"] == 0, (lane, death)
                check(receiver, path)
    await lives.end()


def check(receiver: Receiver, path: Path) -> None:
    check_analysis(receiver.heard, path)
    check_calls(receiver.heard)
    check_summaries(receiver.heard)


@pytest.mark.long
@pytest.mark.timeout(3000)
async def test_killed_again_and_again(tmp_path: Path) -> None:
    """Every step once, and then lives that die at random until one of them gets through."""
    lives = await Lives.begin(tmp_path)
    dice = random.Random(12)
    async with receiving(Receiver()) as receiver:
        steps = len(json.loads(await lives.live(tmp_path / "whole.db", receiver.url))["steps"])
        for dies_at in range(1, steps + 1):
            receiver.heard.clear()
            path = tmp_path / f"{dies_at}.db"
            said = await lives.live(path, receiver.url, dies_at)
            while said == "killed":
                said = await lives.live(path, receiver.url, dice.choice([0, dice.randint(1, 40)]))
            check(receiver, path)
    await lives.end()
