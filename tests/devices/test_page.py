"""docs/devices.md is what its script makes of the device files."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from drivers.device_file import SHIPPED, load
from tests.devices.answers import RECORDED, answers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("devices_page", ROOT / "docs" / "devices.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(script: ModuleType) -> None:
    assert (ROOT / "docs" / "devices.md").read_text(encoding="utf-8") == script.page(), "run python docs/devices.py"


def test_every_device_file_has_its_row(script: ModuleType) -> None:
    rows = [line for line in script.page().splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == {file.stem for file in SHIPPED.glob("*.yaml")} | {"sunspec"}


def test_only_a_recording_makes_a_device_proven(script: ModuleType) -> None:
    recorded = {answers(file).device for file in RECORDED}
    assert recorded
    for file in SHIPPED.glob("*.yaml"):
        assert (script.status(file.stem, load(file.stem)).startswith("proven")) == (file.stem in recorded)


def test_every_device_has_a_place_in_an_example() -> None:
    """The test of the configuration holds that each example passes `hemsd check`."""
    written = "\n".join(file.read_text() for file in (ROOT / "examples").glob("*.yaml"))
    missing = {file.stem for file in SHIPPED.glob("*.yaml")} - set(re.findall(r"[a-z0-9-]+", written))
    assert missing == {"shelly-gen1-channel", "shelly-gen2"}, "these are as shelly-gen1 and shelly-gen2-switch"
