"""The daemon as its users have it: one process, real sockets, signals, and a car."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hemsd.clock import SystemClock
from tests.daemon.living import daemon, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.slow
def test_within_90_s_of_its_start_a_car_charges_from_the_sun_and_the_command_is_proved(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    with daemon(tmp_path, web) as living:
        living.until(living.charging, within_s=90)
        state = living.get("/api/state")
        box = state["wallboxes"]["garage"]
        assert box["state"] in ("COMMITMENT", "MODULATING")
        assert box["decision"]["reason"]
        assert state["meters"]["grid"]["ok"]
        assert state["meters"]["pv"]["power_w"] > 1000
        visit = living.get("/api/sessions")["sessions"][0]
        rows = living.get(f"/api/sessions/{visit['id']}/decisions")["decisions"]
        commands = living.get(f"/api/sessions/{visit['id']}/commands")["commands"]
        sent = [row["command_id"] for row in rows if row["command_id"] is not None]
        assert sorted(sent) == sorted(command["id"] for command in commands)
        assert next(row["kind"] for row in rows if row["command_id"]) == "start"
        assert living.get("/healthz")
        assert living.end() == 0
        assert "ERROR" not in living.log
        assert "Traceback" not in living.log


@pytest.mark.slow
def test_a_mode_reaches_the_wallbox_and_outlives_a_restart(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    with daemon(tmp_path, web) as living:
        living.until(lambda: living.garage()["plugged"])
        living.put("/api/wallboxes/garage/mode", {"mode": "now"})
        living.until(lambda: living.garage()["limit_a"] == 16)
        assert living.end() == 0
    with daemon(tmp_path, web) as living:
        living.until(lambda: living.garage()["mode"] == "fast")


@pytest.mark.slow
def test_a_stop_leaves_the_wallbox_at_the_failsafe(tmp_path: Path) -> None:
    modbus, ocpp, web = write_config(tmp_path, simulate=False)
    with HomeProcess(tmp_path, modbus, ocpp) as home, daemon(tmp_path, web) as living:
        living.until(lambda: living.garage()["plugged"])
        living.put("/api/wallboxes/garage/mode", {"mode": "fast"})
        living.until(lambda: living.garage()["limit_a"] == 16 and living.garage()["charging"])
        assert living.end() == 0
        assert "Stopping" in living.log
        wait_for(lambda: home.offered_a() == 6)


@pytest.mark.slow
def test_a_killed_daemon_leaves_a_wallbox_that_falls_back_by_itself_and_a_visit_that_goes_on(tmp_path: Path) -> None:
    modbus, ocpp, web = write_config(tmp_path, simulate=False)
    text = (tmp_path / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text + "steering: {tick_s: 1, failsafe_after_s: 30}\n")
    with HomeProcess(tmp_path, modbus, ocpp) as home:
        with daemon(tmp_path, web) as living:
            living.until(lambda: living.garage()["plugged"])
            living.put("/api/wallboxes/garage/mode", {"mode": "fast"})
            living.until(lambda: living.garage()["charging"] and home.offered_a() == 16)
            before = living.garage()
            living.end(signal.SIGKILL)
        wait_for(lambda: home.offered_a() == 6, within_s=45)
        with daemon(tmp_path, web) as living:
            living.until(lambda: bool(living.garage()["charging"]))
            after = living.garage()
            assert after["session_id"] == before["session_id"]
            assert after["transaction_id"] == before["transaction_id"]
            assert after["session_kwh"] >= before["session_kwh"] - 0.2
            assert living.end() == 0
    with sqlite3.connect(tmp_path / "home.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*) FROM visits").fetchone() == (1,)
        ids = [row[0] for row in db.execute("SELECT id FROM commands ORDER BY id")]
        assert ids == list(range(1, len(ids) + 1))


@pytest.mark.slow
def test_a_changed_file_is_taken_over_while_the_car_charges(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    config = tmp_path / "config.yaml"
    with daemon(tmp_path, web) as living:
        living.until(living.charging, within_s=90)
        good = config.read_text()
        config.write_text(good.replace("main_fuse_a: 35", "main_fuse_a: plenty"))
        living.process.send_signal(signal.SIGHUP)
        living.until(lambda: "was not taken over" in living.log)
        assert "site.main_fuse_a" in living.log
        assert living.get("/api/state")["site"]["fuse_a"] == 35
        config.write_text(good.replace("main_fuse_a: 35", "main_fuse_a: 25").replace("unit: 1}", "unit: 1, poll_s: 2}"))
        living.process.send_signal(signal.SIGHUP)
        living.until(lambda: living.get("/api/state")["site"]["fuse_a"] == 25)
        assert living.garage()["charging"]
        assert living.end() == 0
        assert "no grid reading" not in living.log, "a meter of which nothing changed is believed meanwhile"


@pytest.mark.slow
def test_it_refuses_a_broken_file_in_the_words_of_check(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("site: {main_fuse_a: lots}\nwallbox: {}\n")
    run, check = (
        subprocess.run([sys.executable, "-m", "hemsd", command, "-c", str(config)], capture_output=True, text=True)
        for command in ("run", "check")
    )
    assert (run.returncode, check.returncode) == (2, 2)
    wrong = [line for line in (check.stderr + check.stdout).splitlines() if line]
    assert len(wrong) == 2
    for line in wrong:
        assert line in run.stderr + run.stdout


def refused(folder: Path) -> str:
    """What a daemon says that can't start."""
    done = subprocess.run(
        [sys.executable, "-m", "hemsd", "run", "-c", str(folder / "config.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.slow
def test_a_second_daemon_and_a_port_that_is_taken_are_refused_by_name(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    with daemon(tmp_path, web) as first:
        first.until(lambda: bool(first.get("/healthz")))
        assert "another hemsd is running" in refused(tmp_path)
        config = tmp_path / "config.yaml"
        config.write_text(config.read_text().replace("home.db", "other.db"))
        assert "in use" in refused(tmp_path)
        assert first.end() == 0


# --- a simulated home that lives on when the daemon dies


class HomeProcess:
    """In real time and at the real time of day, so that its clock and the daemon's agree."""

    def __init__(self, folder: Path, modbus: int, ocpp: int) -> None:
        self.state_file = folder / "state.json"
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "drivers.simulated",
                "--ocpp",
                f"ws://127.0.0.1:{ocpp}",
                "--modbus-port",
                str(modbus),
                "--speed",
                "1",
                "--start-s",
                "20000",
                "--start-at",
                SystemClock().utc().isoformat(),
                "--state-file",
                str(self.state_file),
            ]
        )

    def __enter__(self) -> HomeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)

    def offered_a(self) -> float:
        """What the wallbox offers, by its own account."""
        return float(json.loads(self.state_file.read_text())["wallboxes"]["garage"]["offered_a"])


def wait_for(true: Callable[[], bool], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
