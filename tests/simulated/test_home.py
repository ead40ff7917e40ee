"""The whole home: what is told on the sockets agrees with what happens, and a test can reach in like a person."""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from pymodbus.client import AsyncModbusTcpClient

from drivers.simulated.home import SimulatedHome
from drivers.simulated.settings import SimulatedBattery, SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import WallboxSpec
from hemsd.clock import FastClock, ManualClock
from hemsd.config import load
from hemsd.simulation import simulated_home
from tests.simulated.central import Central, until
from tests.virtual import LoopClock, comes_true

GARAGE = WallboxSpec("garage", "WB-001")


def test_the_settings_of_the_first_start_are_enough():
    assert SimulateSettings(speed=60, day="serf-2022-03-18", start_s=3000).car.plugged


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"weather": "fine"}, "weather"),
        ({"day": "eclipse"}, "serf-2022-03-18"),
        ({"personality": {"garage": ["perfect"]}}, "ignores_profile"),
    ],
)
def test_a_wrong_setting_is_told_with_what_would_be_right(wrong, hint):
    with pytest.raises(ValidationError, match=hint):
        SimulateSettings(**wrong)


def test_the_home_keeps_time_with_its_clock():
    clock = ManualClock()
    home = SimulatedHome(SimulateSettings(start_s=3000), clock, [GARAGE])
    clock.leap(90.4)
    home.advance()
    assert home.state().t_s == 3090
    clock.leap(0.7)
    home.advance()
    assert home.state().t_s == 3091


def test_without_a_limit_the_plugged_car_takes_all_it_can_get():
    clock = ManualClock()
    home = SimulatedHome(SimulateSettings(), clock, [GARAGE])
    for _ in range(60):
        clock.leap(1)
        home.advance()
    state = home.state().wallboxes["garage"]
    assert state.currents_a == (15.75, 15.75, 15.75)
    home.unplug()
    clock.leap(2)
    home.advance()
    assert home.state().wallboxes["garage"].power_w == 0


def test_the_cars_are_as_the_settings_and_the_personalities_say():
    settings = SimulateSettings(car=SimulatedCar(soc_pct=50, min_a=7, phases=1, plugged=False))
    twins = [GARAGE, WallboxSpec("yard", "WB-002", personality=("car_2phase", "car_zoe_min8"))]
    home = SimulatedHome(settings, ManualClock(), twins)
    garage, yard = home.cars["garage"], home.cars["yard"]
    assert (garage.phases, garage.min_a, garage.soc_pct) == (1, 7, 50)
    assert (yard.phases, yard.min_a, yard.soc_pct) == (2, 8, 50)
    assert home.wallbox.station.car is None


def test_a_battery_is_there_when_it_is_asked_for():
    def battery(asked):
        return SimulatedHome(SimulateSettings(battery=asked), ManualClock()).physics.battery

    assert battery(False) is None
    assert battery(True) is not None
    assert battery(SimulatedBattery(capacity_wh=5000)).capacity_wh == 5000


@pytest.mark.virtual_time
async def test_what_the_meters_tell_is_what_happens():
    clock = LoopClock()
    async with Central(clock).open() as central:
        home = SimulatedHome(SimulateSettings(battery=True), clock, [GARAGE])
        ports = await home.start()
        home.connect_wallboxes(central.url)
        running = asyncio.create_task(home.run())
        await comes_true(lambda: central.told("StartTransaction"))
        client = AsyncModbusTcpClient(ports.host, port=ports.modbus)
        await client.connect()
        answer = await client.read_holding_registers(40_069 + 18, count=1, device_id=ports.grid_unit)
        told_w = client.convert_from_registers(answer.registers, client.DATATYPE.INT16)
        assert told_w == pytest.approx(home.state().grid_w, abs=1)
        client.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.virtual_time
async def test_two_wallboxes_share_one_home():
    clock = LoopClock()
    async with Central(clock).open() as central:
        home = SimulatedHome(SimulateSettings(speed=1), clock, [GARAGE, WallboxSpec("yard", "WB-002", phases="1")])
        await home.start()
        running = asyncio.create_task(home.run())
        home.connect_wallboxes(central.url)
        await comes_true(lambda: {peer.id for peer in central.peers} == {"WB-001", "WB-002"})
        await comes_true(lambda: home.physics.cars_w > 14_000)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.slow
async def test_as_a_process_it_lives_on_while_the_central_system_dies(tmp_path):
    clock = FastClock(datetime(2026, 6, 21, 8, 0, tzinfo=UTC), 60)
    ports, state = tmp_path / "ports.json", tmp_path / "state.json"

    def garage():
        return json.loads(state.read_text())["wallboxes"]["garage"]

    async with Central(clock).open() as central:
        words = [
            "-m",
            "drivers.simulated",
            "--ocpp",
            central.url,
            "--port-file",
            ports,
            "--state-file",
            state,
            "--hands",
        ]
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stdin=asyncio.subprocess.PIPE)
        try:
            await until(lambda: central.told("StartTransaction"), 10)
            assert json.loads(ports.read_text())["modbus"] > 0
            assert await central.limit(10, 6, after_s=120) == "Accepted"
            await until(lambda: garage()["currents_a"][0] == 9.75, 5)
            for peer in central.peers:
                peer.socket.transport.abort()
            central_port = central.port
        except BaseException:
            process.kill()
            raise
    await until(lambda: garage()["currents_a"][0] == 5.75, 10)
    assert garage()["online"] is False
    async with Central(clock).open(central_port) as central:
        await until(lambda: central.told("MeterValues", transaction_id=17), 10)
        assert central.told("BootNotification") == []
        process.stdin.write(b"unplug\n")
        await until(lambda: central.told("StopTransaction", reason="EVDisconnected"), 5)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == os.EX_OK


def test_two_connectors_of_one_wallbox_are_one_in_the_simulated_home(tmp_path):
    file = tmp_path / "config.yaml"
    boxes = "{left: {charge_point: DUO}, right: {charge_point: DUO, connector: 2}, yard: {charge_point: WB-002}}"
    file.write_text(f"wallboxes: {boxes}\nsimulate: {{}}\n")
    config = load(file)
    home = simulated_home(config.simulate, config, ManualClock())
    assert list(home.wallboxes) == ["left", "yard"]
