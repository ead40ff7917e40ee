"""`hemsd commission` in a simulated home whose meter is connected in every wrong way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drivers.simulated import chain
from hemsd.cli import main
from hemsd.clock import FastClock, SystemClock
from hemsd.commission import commission
from hemsd.config import load
from hemsd.simulation import clock_for
from tests.daemon.living import free_ports

METER = chain.BASE + 2 + 2 + 65  # the grid meter's model 203, behind "SunS" and its common model
W, A = METER + 18, METER + 2


def points(*phases: tuple[int, float]) -> str:
    """A meter that only knows these phases, each times a factor."""
    power = ", ".join(f"{{at: {W + phase}, kind: int16, scale: {factor}}}" for phase, factor in phases)
    currents = ", ".join(f"{{at: {A + phase}, kind: int16, scale: 0.01}}" for phase, _ in phases)
    return f"device: custom, points: {{power_w: [{power}], powers_w: [{power}], currents_a: [{currents}]}}, "


def write(folder: Path, meter: str = "", *, phases: str = "3", house_w: float = 700, more: str = "") -> Path:
    modbus, ocpp, web = free_ports(3)
    (folder / "day.csv").write_text(
        "t_s,pv_w,house_w\n" + "".join(f"{t_s},1500,{house_w}\n" for t_s in range(0, 20_000, 900))
    )
    config = folder / "config.yaml"
    config.write_text(
        "meters:\n"
        f"  grid: {{driver: modbus, {meter}host: 127.0.0.1, port: {modbus}, unit: 200}}\n"
        f"  pv: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 1}}\n"
        f"wallboxes: {{garage: {{charge_point: WB-001, phases: {phases}}}}}\n"
        f"ocpp: {{host: 127.0.0.1, port: {ocpp}}}\nweb: {{port: {web}}}\n"
        f"simulate: {{speed: 60, day: day.csv, start_s: 100, modbus_port: {modbus}{more}}}\n"
    )
    return config


async def tried(file: Path) -> tuple[int, str]:
    config = load(file)
    said: list[str] = []
    status = await commission(config, await clock_for(config), "garage", None, said.append)
    return status, "\n".join(said)


pytestmark = pytest.mark.timeout(60)


@pytest.mark.slow
async def test_a_home_that_is_connected_well_passes_on_three_phases_and_on_one(tmp_path: Path) -> None:
    status, said = await tried(write(tmp_path, phases="auto"))
    assert "10 A on 3 phases: wallbox 6,6" in said
    assert "10 A on one phase: wallbox 2,2" in said
    assert said.splitlines()[-1].startswith("All is well")
    assert status == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("meter", "kind", "remedy"),
    [
        ("invert: true, ", "swapped sign", "take invert: true out"),
        (points((1, 1), (2, -1), (3, 1)), "a phase is reversed", "inverted_cts: [2]"),
        (points((1, 1), (2, -1), (3, 1)) + "inverted_cts: [2], ", "", ""),
        (points((1, 1), (2, 1)), "a phase is missing", "voltage tap"),
        (points((1, 10), (2, 10), (3, 10)), "wrong scale", "the scale of power_w"),
        (points((1, 0), (2, 0), (3, 0)), "meter does not see the wallbox", "before the meter"),
    ],
    ids=["sign", "reversed", "turned back", "missing", "scale", "outside"],
)
async def test_each_fault_is_found_with_its_remedy(tmp_path: Path, meter: str, kind: str, remedy: str) -> None:
    status, said = await tried(write(tmp_path, meter))
    verdict = said.partition("\n\n")[2]
    assert verdict.startswith(f"{kind}: " if kind else "All is well"), said
    assert remedy in verdict
    assert status == (1 if kind else 0)


@pytest.mark.slow
async def test_a_wallbox_that_ignores_profiles_proves_nothing(tmp_path: Path) -> None:
    more = ", personality: {garage: [ignores_profile]}"
    status, said = await tried(write(tmp_path, more=more))
    assert "wallbox does not follow" in said
    assert status == 1


@pytest.mark.slow
async def test_without_a_car_it_says_so(tmp_path: Path) -> None:
    status, said = await tried(write(tmp_path, more=", car: {plugged: false}"))
    assert said.splitlines()[-1] == "No car is plugged in."
    assert status == 1


async def test_a_wallbox_that_does_not_come_is_not_waited_for_forever(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("wallboxes: {garage: {charge_point: WB-001}}\nocpp: {host: 127.0.0.1, port: 0}\n")
    said: list[str] = []
    clock = FastClock(SystemClock().utc(), 3000.0)
    assert await commission(load(file), clock, "garage", None, said.append) == 1
    assert said[-1] == "garage has not connected. Is its OCPP address this machine's?"


async def test_beside_a_running_daemon_it_gives_way(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    file = tmp_path / "config.yaml"
    file.write_text(f"wallboxes: {{garage: {{charge_point: WB-001}}}}\nocpp: {{host: 127.0.0.1, port: {port}}}\n")
    said: list[str] = []
    try:
        assert await commission(load(file), SystemClock(), "garage", None, said.append) == 1
    finally:
        server.close()
    assert f"can't listen on 127.0.0.1:{port}" in said[0]
    assert "stop it first" in said[0]


def test_a_wallbox_that_nobody_knows_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("wallboxes: {garage: {charge_point: WB-001}}\n")
    assert main(["commission", "yard", "-c", str(file)]) == 1
    assert "There is no wallbox yard" in capsys.readouterr().out
    file.write_text("wallboxes: [")
    assert main(["commission", "-c", str(file)]) == 2
