"""Recorded days of three charge point implementations, lived through again by the real central system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drivers.ocpp16.samples import Arrival, read_metering, sample_of
from hemsd.model import Sampled, TransactionEnded, TransactionStarted
from tests.ocpp16.fakes import Box, Home, box, home, settle

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in RECORDED.glob("*.jsonl"))


def lines(name: str) -> list[dict]:
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_text().splitlines()]


def began_at(name: str) -> datetime:
    """The central system's time at t = 0, from the first time that it told."""
    told = next((line for line in lines(name) if "currentTime" in line), None)
    if told is None:
        return datetime.fromisoformat("2026-11-21T13:00:00Z")
    return datetime.fromisoformat(told["currentTime"]) - timedelta(seconds=told["t"])


@dataclass
class Tape:
    """Plays a recording: leaps from line to line, and puts our transaction ids in place of the recorded ones."""

    at: Home
    refused: list[str] = field(default_factory=list)
    ids: dict[int, int] = field(default_factory=dict)

    async def play(self, name: str) -> None:
        self.at.clock.start_at = began_at(name)
        now_s = 0.0
        async with AsyncExitStack() as stack:
            station: Box | None = None
            for line in lines(name):
                self.at.clock.leap(line["t"] - now_s)
                now_s = line["t"]
                if line.get("link") == "down" and station is not None:
                    await station.socket.close()
                    station = None
                elif "call" in line:
                    if station is None or station.closed:
                        station = await stack.enter_async_context(box(self.at.url()))
                    await self.say(station, line)
            await settle()

    async def say(self, station: Box, line: dict) -> None:
        payload = dict(line["payload"])
        if "transactionId" in payload:
            payload["transactionId"] = self.ids.get(payload["transactionId"], payload["transactionId"])
        frame = await station.exchange(line["call"], payload)
        if frame[0] == 4:
            self.refused.append(line["call"])
        elif line["call"] == "StartTransaction" and "transactionId" in line:
            self.ids[line["transactionId"]] = frame[2]["transactionId"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_recorded_call_is_answered(name):
    async with home() as at:
        tape = Tape(at)
        await tape.play(name)
        assert set(tape.refused) <= {"CustomOperation"}
        starts = {json.dumps(line["payload"]) for line in lines(name) if line.get("call") == "StartTransaction"}
        assert len(at.of(TransactionStarted)) == len(starts)


async def test_samples_that_a_box_kept_through_an_outage_are_history():
    """SAP simulator: after a reset it sends what it sampled before, with the transaction over."""
    async with home() as at:
        await Tape(at).play("sap_offline_reset")
        samples = [event.sample for event in at.of(Sampled)]
        assert sum(sample.backlog for sample in samples) >= 5
        live = [sample.box_time for sample in samples if not sample.backlog]
        assert live == sorted(live)


async def test_a_charge_point_that_forgets_its_transaction_does_not_keep_it_open_for_ever():
    """VCP restarts in the middle of a transaction and never sends StopTransaction for it."""
    async with home() as at:
        await Tape(at).play("vcp")
        started = [event.transaction_id for event in at.of(TransactionStarted)]
        ended = [event.transaction_id for event in at.of(TransactionEnded)]
        assert ended == [transaction_id for transaction_id in started if transaction_id != at.garage.transaction_id]


def recorded_entries() -> Iterator[tuple[str, object]]:
    for name in NAMES:
        for line in lines(name):
            if line.get("call") == "MeterValues":
                yield from ((name, entry) for entry in read_metering(line["payload"]).entries)


def test_recorded_samples_are_understood():
    """Each gives power or energy, and currents that fit the power."""
    arrival = Arrival(received_s=1.0, received_at=began_at("mo"), transaction_id=1, backlog=False)
    for name, entry in recorded_entries():
        sample = sample_of(entry, arrival)
        assert sample.power_w is not None or sample.energy_wh is not None, (name, entry)
        if sample.power_w is not None and sample.active_phases:
            drawn_w = 230 * sum(a or 0 for a in sample.currents_a)
            assert drawn_w == pytest.approx(sample.power_w, rel=0.2, abs=300), (name, entry)
