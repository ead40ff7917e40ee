"""``hemsd adopt`` before simulated wallboxes with their quirks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from hemsd.adopt import DONE, NOT_DONE, adopt, main
from hemsd.app import only_one
from hemsd.capabilities import Capabilities, Zero
from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.learned import CAPABILITIES_FACT, Learned
from hemsd.store.store import Store
from rules.witness import Trust
from tests.daemon.living import free_ports
from tests.virtual import LoopClock

CONFIG = """\
meters: {{grid: {{driver: modbus, host: 127.0.0.1, port: 1, unit: 200}}}}
wallboxes: {{garage: {{driver: ocpp, charge_point: WB-001}}}}
ocpp: {{host: 127.0.0.1, port: {port}}}
storage: {{path: home.db}}
simulate: {{speed: 1, personality: {{garage: [{personality}]}}}}
"""


def written(folder: Path, personality: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(port=free_ports(1)[0], personality=personality))
    return path


@dataclass
class Adopted:
    status: int
    said: dict[str, str]
    falls_back: bool | None
    facts: dict[str, object]


async def adopted(folder: Path, personality: str) -> Adopted:
    config = load(written(folder, personality))
    said: list[str] = []
    status = await adopt(config, LoopClock(), "garage", said.append)
    store = await Store.open(config.storage.path, SystemClock())
    try:
        memories = list(Learned(store).ladders().values())
        facts = {key: value for key, value in store.facts().items() if key.startswith(CAPABILITIES_FACT)}
    finally:
        await store.close()
    sheet = {word.strip(): value.strip() for word, _, value in (line.partition(": ") for line in said)}
    return Adopted(status, sheet, memories[0].falls_back if memories else None, facts)


@pytest.mark.slow
@pytest.mark.virtual_time
async def test_an_honest_wallbox_gets_a_sheet_and_what_was_found_is_kept(tmp_path: Path) -> None:
    found = await adopted(tmp_path, "honest")
    assert found.status == DONE
    assert found.said["follows limits"].startswith("TxDefaultProfile Absolute")
    assert found.said["smallest step"] == "1 A"
    assert found.said["highest current"] == "16 A"
    assert found.said["lowest current"] == "6 A"
    assert found.said["0 A"] == Zero.PAUSES.value
    assert found.said["falls back when hemsd is silent"] == "yes"
    assert found.said["overshoots after a pause"] == "no"
    assert found.said["changes to one phase"] == found.said["changes to three phases"] == "yes"
    assert found.said["Current.Offered"] == Trust.TRUSTED.value
    assert found.falls_back is True
    (kind,) = found.facts
    assert kind.startswith(CAPABILITIES_FACT + "hemsd|")


QUIRKS = {
    "tenths": {"smallest step": "0.1 A"},
    "ignores_absolute": {"follows limits": "TxDefaultProfile Relative", "falls back when hemsd is silent": "no"},
    "zero_ends_tx_finishing": {"0 A": Zero.ENDS.value},
    "zero_rejects": {"0 A": Zero.REFUSED.value},
    "resume_full_current": {"0 A": Zero.PAUSES.value},
    "offered_constant_16": {"Current.Offered": Trust.DISTRUSTED.value},
    "phases_true_but_ignored": {"changes to one phase": "no"},
}


@pytest.mark.slow
@pytest.mark.virtual_time
@pytest.mark.parametrize("name", QUIRKS)
async def test_each_quirk_is_on_the_sheet(tmp_path: Path, name: str) -> None:
    found = await adopted(tmp_path, name)
    for word, value in QUIRKS[name].items():
        assert found.said[word].startswith(value), (word, found.said)


def test_it_asks_before_it_does_anything(tmp_path: Path) -> None:
    said: list[str] = []
    assert main(written(tmp_path, "honest"), "garage", say=said.append) == NOT_DONE
    assert said == ["Nothing was done."]


def test_it_gives_way_to_a_running_daemon(tmp_path: Path) -> None:
    said: list[str] = []
    path = written(tmp_path, "honest")
    with only_one(load(path).storage.path):
        assert main(path, "garage", yes=True, say=said.append) == NOT_DONE
    assert "another hemsd is running" in said[0]


def test_a_wallbox_that_the_file_does_not_name_is_not_adopted(tmp_path: Path) -> None:
    said: list[str] = []
    assert main(written(tmp_path, "honest"), "carport", yes=True, say=said.append) == NOT_DONE
    assert "carport" in said[0]


def test_half_and_nine_tenths_are_counted_from_the_shortest() -> None:
    times = tuple(float(n) for n in range(1, 11))
    sheet = Capabilities("a", "b", "c", None, None, None, None, Zero.UNKNOWN, *[None] * 4, Trust.UNKNOWN, times)  # type: ignore[arg-type]
    assert (sheet.effect_s(0.5), sheet.effect_s(0.9)) == (5.0, 9.0)
    assert dict(sheet.lines())["smallest step"] == "not known"
