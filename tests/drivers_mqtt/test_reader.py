"""The client against brokers: a real mosquitto, one that is not there, one that says nothing."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import pytest

import drivers.mqtt_client
from drivers.base import DeviceError, Driver
from drivers.mqtt import MqttBrokerSettings, MqttReader, MqttSettings, MqttSocSettings, build
from hemsd.clock import Clock, FastClock, SystemClock
from hemsd.model import MeterReading, Role
from hemsd.supervise import Health, keep
from tests.drivers_mqtt.broker import Broker, free_port


@dataclass
class Heard:
    """What the sinks were given."""

    readings: dict[str, list[MeterReading]] = field(default_factory=dict)
    socs: dict[str, float] = field(default_factory=dict)

    def reading(self, name: str, reading: MeterReading) -> None:
        self.readings.setdefault(name, []).append(reading)

    def soc(self, name: str, soc_pct: float) -> None:
        self.socs[name] = soc_pct


def drivers_of(port: int, heard: Heard, clock: Clock | None = None, **broker: object) -> list[Driver]:
    def meter(**settings: object) -> MqttSettings:
        return MqttSettings.model_validate({"driver": "mqtt", **settings})

    return build(
        MqttBrokerSettings.model_validate({"port": port, **broker}),
        {
            "grid": (Role.GRID, meter(topic="home/grid", power="$.power")),
            "battery": (Role.BATTERY, meter(topic="home/battery", power="$.power", soc="$.soc", invert=True)),
            "roof": (Role.PV, meter(topic="tele/+/SENSOR", power="$.ENERGY.Power", max_age_s=300)),
        },
        {"car": MqttSocSettings(driver="mqtt", topic="car/soc")},
        clock or SystemClock(),
        heard.reading,
        heard.soc,
    )


async def until(condition: Callable[[], object]) -> None:
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not happen within 5 s")


@asynccontextmanager
async def running(*drivers: Driver) -> AsyncIterator[Health]:
    health = Health()
    tasks = [
        asyncio.ensure_future(keep(driver.name, driver.run, health, first_pause_s=0.05, longest_pause_s=0.05))
        for driver in drivers
    ]
    try:
        yield health
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    broker = Broker(tmp_path, free_port())
    yield broker
    await broker.stop()


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    assert await process.wait() == 0


async def say_until(broker: Broker, topic: str, payload: str, condition: Callable[[], object]) -> None:
    """Publishes again and again, because a subscription may not stand yet."""
    for _ in range(100):
        await broker.publish(topic, payload)
        for _ in range(20):
            if condition():
                return
            await asyncio.sleep(0.002)
    raise AssertionError(f"{topic} was never heard")


async def test_a_broker_that_is_not_there_is_said() -> None:
    port = free_port()
    with pytest.raises(DeviceError, match=rf"MQTT broker 127\.0\.0\.1:{port}: .*refused"):
        await drivers_of(port, Heard())[0].run()


async def test_a_broker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers.mqtt_client, "TIMEOUT_S", 0.2)
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    try:
        with pytest.raises(DeviceError, match="timed out"):
            await drivers_of(server.sockets[0].getsockname()[1], Heard())[0].run()
    finally:
        server.close()


async def test_a_topic_that_the_broker_does_not_let_us_read_is_said() -> None:
    async def let_in_and_refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes.fromhex("20 02 00 00"))  # CONNACK: accepted
        subscribe = await reader.read(1024)
        writer.write(b"\x90\x03" + subscribe[2:4] + b"\x80")  # SUBACK: failure

    server = await asyncio.start_server(let_in_and_refuse, "127.0.0.1", 0)
    try:
        with pytest.raises(DeviceError, match="does not let us read car/soc"):
            await drivers_of(server.sockets[0].getsockname()[1], Heard())[0].run()
    finally:
        server.close()


@pytest.mark.slow
async def test_meters_and_cars_share_one_client(broker: Broker) -> None:
    await broker.start()
    heard = Heard()
    async with running(*drivers_of(broker.port, heard)):
        await say_until(broker, "home/grid", '{"power": -120}', lambda: heard.readings.get("grid"))
        await broker.publish("home/battery", '{"power": 800, "soc": 61}')
        await broker.publish("tele/roof-plug/SENSOR", '{"ENERGY": {"Power": 2960}}')
        await broker.publish("car/soc", "55")
        await until(lambda: len(heard.readings) == 3 and heard.socs)
    assert heard.readings["grid"][0] == MeterReading(power_w=-120.0)
    assert heard.readings["battery"] == [MeterReading(power_w=-800.0, soc_pct=61.0)]
    assert heard.readings["roof"] == [MeterReading(power_w=2960.0)]
    assert heard.socs == {"car": 55.0}


@pytest.mark.slow
async def test_what_the_broker_kept_is_believed_only_where_silence_means_unchanged(broker: Broker) -> None:
    await broker.start()
    await broker.publish("home/grid", '{"power": -120}', retain=True)
    await broker.publish("tele/roof-plug/SENSOR", '{"ENERGY": {"Power": 2960}}', retain=True)
    await broker.publish("car/soc", "55", retain=True)
    heard = Heard()
    async with running(*drivers_of(broker.port, heard)):
        await until(lambda: "roof" in heard.readings and heard.socs)
        await say_until(broker, "home/grid", '{"power": 7}', lambda: heard.readings.get("grid"))
    assert {reading.power_w for reading in heard.readings["grid"]} == {7.0}


@pytest.mark.slow
async def test_a_value_that_stands_is_repeated_by_the_houses_own_clock(broker: Broker) -> None:
    await broker.start()
    heard = Heard()
    clock = FastClock(SystemClock().utc(), 60.0)
    async with running(*drivers_of(broker.port, heard, clock)):
        topic, payload = "tele/roof-plug/SENSOR", '{"ENERGY": {"Power": 2960}}'
        await say_until(broker, topic, payload, lambda: heard.readings.get("roof"))
        await until(lambda: len(heard.readings["roof"]) >= 5)


@pytest.mark.slow
async def test_malformed_messages_are_counted_and_said_once(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    await broker.start()
    heard = Heard()
    reader, *_ = drivers = drivers_of(broker.port, heard)
    assert isinstance(reader, MqttReader)
    async with running(*drivers):
        await say_until(broker, "home/grid", "hello", lambda: reader.malformed["grid"])
        counted = reader.malformed["grid"]
        await broker.publish("home/grid", '{"power": true}')
        await broker.publish("home/grid", '{"power": 5}')
        await until(lambda: heard.readings.get("grid"))
        assert reader.malformed["grid"] == counted + 1
        await broker.publish("home/grid", '{"voltage": 230}')  # only what changed: nothing wrong with that
        await broker.publish("home/grid", "hello")
        await until(lambda: reader.malformed["grid"] == counted + 2)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["grid: a message on home/grid can't be read: it is not JSON"] * 2


@pytest.mark.slow
async def test_a_broker_that_restarts_is_found_again(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    await broker.start()
    heard = Heard()
    async with running(*drivers_of(broker.port, heard)) as health:
        await say_until(broker, "home/grid", '{"power": 1}', lambda: heard.readings.get("grid"))
        await broker.stop()
        await until(lambda: health.troubles.get("mqtt"))
        await broker.start()
        await say_until(broker, "home/grid", '{"power": 2}', lambda: heard.readings["grid"][-1].power_w == 2.0)
    assert len(caplog.records) == 1


@pytest.mark.slow
async def test_a_broker_with_a_password_takes_ours_from_its_file(broker: Broker, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    await run("mosquitto_passwd", "-b", "-c", str(passwords), "hemsd", "hunter2")
    broker.extra = f"allow_anonymous false\npassword_file {passwords}\n"
    await broker.start()
    wrong = drivers_of(broker.port, Heard(), user="hemsd", password="guess")[0]
    with pytest.raises(DeviceError, match="Not authorized"):
        await wrong.run()
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    right = drivers_of(broker.port, Heard(), user="hemsd", password_file=str(secret))[0]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):  # let in, it stays
            await right.run()


@pytest.mark.slow
async def test_an_encrypted_broker_is_trusted_only_with_its_authority(broker: Broker, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    await run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-keyout", str(key), "-out", str(certificate)),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
    )
    broker.extra = f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}\n"
    await broker.start()
    with pytest.raises(DeviceError, match="certificate verify failed"):
        await drivers_of(broker.port, Heard(), tls=True)[0].run()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):  # let in, it stays
            await drivers_of(broker.port, Heard(), tls=True, ca_file=str(certificate))[0].run()


def of_devices(port: int, heard: Heard, **devices: tuple[Role, str, str]) -> list[Driver]:
    meters = {
        name: (role, MqttSettings(driver="mqtt", device=device, topic=topic))
        for name, (role, device, topic) in devices.items()
    }
    return build(MqttBrokerSettings(port=port), meters, {}, SystemClock(), heard.reading, heard.soc)


@pytest.mark.slow
async def test_a_device_that_sleeps_unless_it_is_asked_is_kept_awake(broker: Broker) -> None:
    """Victron: the topics come after a message on R/<portal id>/keepalive, and only for a minute."""
    await broker.start()
    heard = Heard()
    async with aiomqtt.Client("127.0.0.1", broker.port) as victron:
        await victron.subscribe("R/c0619ab/keepalive")
        drivers = of_devices(broker.port, heard, grid=(Role.GRID, "victron-mqtt", "c0619ab"))
        async with running(*drivers):
            asked = await asyncio.wait_for(anext(victron.messages), 5)
            assert asked.topic.value == "R/c0619ab/keepalive"
            for phase, watts in ((1, 500), (2, -900), (3, 10)):
                await victron.publish(f"N/c0619ab/system/0/Ac/Grid/L{phase}/Power", f'{{"value": {watts}}}')
            await until(lambda: heard.readings.get("grid"))
    assert {driver.name for driver in drivers} == {"mqtt", "mqtt-unchanged", "mqtt-keepalive"}
    assert [reading.power_w for reading in heard.readings["grid"]] == [-390.0], "one burst is one reading"


@pytest.mark.slow
async def test_the_keepalive_is_repeated(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    await broker.start()
    async with aiomqtt.Client("127.0.0.1", broker.port) as victron:
        await victron.subscribe("R/c0/keepalive")
        drivers = of_devices(broker.port, Heard(), grid=(Role.GRID, "victron-mqtt", "c0"))
        monkeypatch.setattr(drivers[-1], "_every_s", 0.05)
        async with running(*drivers):
            for _ in range(3):
                await asyncio.wait_for(anext(victron.messages), 5)


async def die_with_a_will(port: int, topic: str, payload: str) -> None:
    """A client that connects with a last will, and is gone without a word (MQTT 3.1.1, section 3.1)."""

    def text(value: str) -> bytes:
        return len(value).to_bytes(2, "big") + value.encode()

    body = text("MQTT") + bytes([4, 0x06, 0, 60]) + text("head") + text(topic) + text(payload)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes([0x10, len(body)]) + body)
    assert (await reader.readexactly(4))[3] == 0
    writer.transport.abort()


@pytest.mark.slow
async def test_a_last_will_is_heard(broker: Broker) -> None:
    await broker.start()
    heard = Heard()
    async with running(*of_devices(broker.port, heard, grid=(Role.GRID, "tasmota-sml", "hichi"))):
        payload = '{"SML": {"Power_curr": -5}}'
        await say_until(broker, "tele/hichi/SENSOR", payload, lambda: heard.readings.get("grid"))
        await die_with_a_will(broker.port, "tele/hichi/LWT", "Offline")
        await until(lambda: heard.readings["grid"][-1].doubts)
    assert heard.readings["grid"][-1].power_w is None
