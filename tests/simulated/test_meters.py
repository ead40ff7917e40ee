"""What a Modbus client reads from the simulated meters."""

import asyncio

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusIOException

from drivers.simulated import chain, day
from drivers.simulated.meters import MeterServer
from drivers.simulated.physics import Battery, Car, Home, Station

NOON_S = 22_000


@pytest.fixture
def home():
    station = Station("1")
    station.plug(Car())
    station.enabled = True
    station.tell(16, None)
    home = Home(day.load("serf-2022-03-18"), {"garage": station}, Battery(soc_pct=61.5), t_s=NOON_S)
    for _ in range(60):
        home.step()
    return home


@pytest.fixture
async def server(home):
    server = MeterServer(home, lambda: None)
    server.port = await server.start()
    yield server
    await server.close()


@pytest.fixture
async def client(server):
    client = AsyncModbusTcpClient("127.0.0.1", port=server.port, timeout=0.3, retries=0, reconnect_delay=0)
    await client.connect()
    yield client
    client.close()


async def models(client, unit):
    """Walks the chain as a client must: {model id: its registers, header included}."""
    marker = await client.read_holding_registers(chain.BASE, count=2, device_id=unit)
    assert bytes.fromhex("".join(f"{r:04x}" for r in marker.registers)) == b"SunS"
    found, at = {}, chain.BASE + 2
    while True:
        model, length = (await client.read_holding_registers(at, count=2, device_id=unit)).registers
        if model == 0xFFFF:
            return found
        block = await client.read_holding_registers(at, count=length + 2, device_id=unit)
        found[model] = block.registers
        at += length + 2


def signed(register):
    return register - 0x10000 if register >= 0x8000 else register


def scaled(block, offset, scale_offset):
    return signed(block[offset]) * 10 ** signed(block[scale_offset])


async def test_the_inverter_tells_the_sun(client, home):
    found = await models(client, 1)
    assert list(found) == [1, 103]
    assert len(found[103]) == 52
    assert scaled(found[103], 14, 15) == pytest.approx(home.pv_w, abs=1)
    assert scaled(found[103], 3, 6) == pytest.approx(home.pv_w / 3 / 230, abs=0.01)
    assert found[103][24:26] == [0, int(home.pv_wh)]


async def test_the_meter_is_positive_on_import_and_tells_the_phases_apart(client, home):
    home.battery = None
    home.cloud = 0.0
    home.step()
    block = (await models(client, 200))[203]
    assert scaled(block, 18, 22) == pytest.approx(home.grid_w, abs=1)
    assert scaled(block, 18, 22) > 3000
    for phase, power_w in enumerate(home.grid_phases_w):
        assert scaled(block, 19 + phase, 22) == pytest.approx(power_w, abs=1)
        assert scaled(block, 3 + phase, 6) == pytest.approx(power_w / 230, abs=0.01)
        assert scaled(block, 8 + phase, 15) == 230


async def test_export_is_negative_and_counted_by_itself(client, home):
    home.battery = None
    for _ in range(120):
        home.step()
    block = (await models(client, 200))[203]
    assert scaled(block, 18, 22) < -500
    assert block[38:40] == [0, int(home.export_wh)]
    assert int(home.export_wh) > 5


async def test_the_battery_is_positive_while_it_discharges(client, home):
    home.cloud = 0.0
    for _ in range(30):
        home.step()
    block = (await models(client, 2))[802]
    assert len(block) == 64
    assert scaled(block, 47, 63) == pytest.approx(home.battery_w, abs=1)
    assert scaled(block, 47, 63) > 1000
    assert scaled(block, 11, 56) == pytest.approx(home.battery.soc_pct, abs=0.05)


async def test_what_a_device_does_not_measure_is_marked_as_such(client):
    block = (await models(client, 1))[103]
    assert block[18] == 0x8000  # VA, int16
    assert block[27] == 0xFFFF  # DCA, uint16
    assert block[40:42] == [0xFFFF, 0xFFFF]  # Evt1, bitfield32


async def test_the_common_models_differ_in_length_as_they_do_in_the_field(client):
    assert len((await models(client, 1))[1]) == 68
    assert len((await models(client, 200))[1]) == 67


async def test_every_read_sees_the_present(client, home):
    before = scaled((await models(client, 1))[103], 14, 15)
    home.cloud = 0.5
    home.step()
    assert scaled((await models(client, 1))[103], 14, 15) == pytest.approx(before / 2, rel=0.01)


async def test_a_silent_meter_lets_the_client_wait(client, server):
    server.grid.silent = True
    with pytest.raises(ModbusIOException):
        await client.read_holding_registers(chain.BASE, count=2, device_id=200)


async def test_only_the_silent_one_is_silent(client, server):
    server.grid.silent = True
    async with asyncio.timeout(0.3):
        assert not (await client.read_holding_registers(chain.BASE, count=2, device_id=1)).isError()


async def test_a_fault_is_answered_with_its_exception(client, server):
    server.inverter.fault = ExcCodes.DEVICE_BUSY
    answer = await client.read_holding_registers(chain.BASE, count=2, device_id=1)
    assert answer.exception_code == ExcCodes.DEVICE_BUSY


async def test_a_unit_that_is_not_there_does_not_answer_as_another(client):
    answer = await client.read_holding_registers(chain.BASE, count=2, device_id=42)
    assert answer.exception_code == ExcCodes.GATEWAY_NO_RESPONSE


async def test_nobody_may_write(client):
    assert (await client.write_register(chain.BASE + 10, 1, device_id=1)).isError()
