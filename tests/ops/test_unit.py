"""The service's unit: as closed as it can be, and open where the program needs it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
from annotated_types import Le

from hemsd.app import RELEASE_S
from hemsd.model import SteeringSettings

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "hemsd.service"
AS_IN_THE_SERVICE = """
import ctypes
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN: linux/prctl.h, from 6.3 on
    raise SystemExit(77)
import numpy as np
import hemsd.app
from hemsd.password import PagePassword
from hemsd.scoring import network
from hemsd.scoring.engine import load
from hemsd.scoring.features import BUCKETS
from web.auth import hash_of, matches
assert load("auto").infer(np.zeros((2, BUCKETS, network.INPUTS), np.float32)).shape[0] == 2
assert matches(hash_of("correct horse"), "correct horse")
"""


class Unit:
    """Several lines may have the same key, which configparser does not like; a list of them does."""

    def __init__(self, text: str) -> None:
        self.lines = re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.lines if name == key]

    def one(self, key: str) -> str:
        [value] = self.all(key)
        return value


@pytest.fixture
def unit() -> Unit:
    return Unit(UNIT.read_text())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_it_at_least_as_closed_as_is_promised() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)], capture_output=True, text=True
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze is too old to judge a file")
    found = re.search(r"exposure level for hemsd\.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= 1.5


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_knows_every_word_of_it(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/hemsd/venv/bin/hemsd", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True)
    assert not [line for line in done.stderr.splitlines() if "hemsd.service" in line], done.stderr


def test_serial_ports_mdns_and_the_listeners_are_let_through(unit: Unit) -> None:
    assert {"char-ttyUSB rw", "char-ttyACM rw", "char-ttyAMA rw"} <= set(unit.all("DeviceAllow"))
    assert unit.one("SupplementaryGroups") == "dialout"
    assert "PrivateDevices" not in dict(unit.lines), "it would hide the serial ports"
    assert {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"} == set(unit.one("RestrictAddressFamilies").split())
    assert not {"PrivateNetwork", "IPAddressDeny"} & set(dict(unit.lines))


def test_every_credential_that_the_documentation_names_is_loaded(unit: Unit) -> None:
    said = "".join((ROOT / "docs" / page).read_text() for page in ("security.md", "cloud.md"))
    named = {f"hemsd.{which}" for which in re.findall(r"`(?:[^`]*\W)?hemsd\.(cloud|webhook|fleet|mqtt)`", said)}
    assert named == set(unit.all("LoadCredential")) != set()


def test_it_waits_longer_for_the_program_than_the_program_takes(unit: Unit) -> None:
    assert int(unit.one("TimeoutStopSec")) > 2 * RELEASE_S
    bounds = get_type_hints(SteeringSettings, include_extras=True)["tick_s"].__metadata__
    [longest_tick_s] = [bound.le for bound in bounds if isinstance(bound, Le)]
    assert int(unit.one("WatchdogSec")) >= 2 * longest_tick_s, "the ping comes from the tick"


def test_a_wrong_file_ends_it_and_everything_else_starts_it_again(unit: Unit) -> None:
    assert unit.one("Type") == "notify"
    assert unit.one("Restart") == "always"
    assert unit.one("RestartPreventExitStatus") == "2"
    assert unit.one("ExecReload") == "/bin/kill -HUP $MAINPID"
    assert re.fullmatch(r"\d+M", unit.one("MemoryMax"))


@pytest.mark.slow
def test_the_program_needs_no_memory_that_is_written_and_then_executed(unit: Unit) -> None:
    assert unit.one("MemoryDenyWriteExecute") == "yes"
    done = subprocess.run([sys.executable, "-c", AS_IN_THE_SERVICE], capture_output=True, text=True, cwd=ROOT)
    if done.returncode == 77:
        pytest.skip("this kernel can not forbid it to a process")
    assert done.returncode == 0, done.stderr
