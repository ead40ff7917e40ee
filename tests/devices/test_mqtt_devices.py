"""Devices that publish on MQTT: every file that is shipped, and what its messages mean.

The messages are written here as the devices would send them, so that a topic, a sign or a scale that is wrong in a
file makes a test fail.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drivers.base import DeviceError
from drivers.device_file import SHIPPED, DeviceFile, read
from drivers.mqtt import MqttSettings, MqttSocSettings, meter_source, soc_source
from drivers.mqtt_device import DeviceSource, total
from drivers.mqtt_payload import Malformed, Missing, path
from drivers.phases import corrected
from hemsd.clock import ManualClock
from hemsd.config import ConfigError, load
from hemsd.model import MeterReading, Role

FILES = [file for file in sorted(SHIPPED.glob("*.yaml")) if read(file).mqtt is not None]
GRID, PV, BATTERY = Role.GRID, Role.PV, Role.BATTERY


class Meter:
    """A device's source, and what it said."""

    def __init__(self, device: str, role: Role, topic: str | None = None, **more: Any) -> None:
        self.clock = ManualClock()
        self.said: list[MeterReading] = []
        given = {"driver": "mqtt", "device": device, **({"topic": topic} if topic else {}), **more}
        made = meter_source(
            "meter", role, MqttSettings.model_validate(given), self.clock, lambda _, reading: self.said.append(reading),
            None,
        )  # fmt: skip
        assert isinstance(made, DeviceSource)
        self.source = made

    def hears(self, messages: dict[str, str], *, retained: bool = False) -> MeterReading | None:
        """A burst of messages; gives what it says when it is over."""
        news = [
            self.source.hear(topic, payload.encode(), retained=retained)
            for topic, payload in messages.items()
            if topic in self.source.topics
        ]
        assert news, f"none of these topics: {self.source.topics}"
        if any(news):
            self.source.say()
            return self.said[-1]
        return None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_shipped_file_is_sound_and_fills_its_braces(file: Path) -> None:
    device = read(file)
    assert device.sources, "nobody can check a fact without a source"
    assert device.mqtt is not None
    served = [role for role in Role if getattr(device.mqtt, role) is not None]
    assert served or device.mqtt.car
    for role in served:
        source = Meter(file.stem, role, "some/topic").source
        assert not [topic for topic in source.topics if "{" in topic]
        source.say()  # it has heard nothing, and says nothing
    assert device.mqtt.topic or any("topic is" in note for note in device.notes)


SENSOR = "tele/hichi/SENSOR"


@pytest.mark.parametrize(
    ("device", "role", "topic", "messages", "power_w"),
    [
        ("tasmota-sml", GRID, "hichi", {SENSOR: '{"Time":"x","SML":{"Power_curr":-815,"Total_in":1.5}}'}, -815),
        ("tasmota-energy", PV, "plug", {"tele/plug/SENSOR": '{"ENERGY":{"Power":612,"Total":3.2}}'}, 612),
        ("tasmota-energy", PV, "plug", {"tele/plug/SENSOR": '{"ENERGY":{"Power":[200,112]}}'}, 312),
        (
            "shelly-gen1", GRID, "shellyem3-AA",
            {f"shellies/shellyem3-AA/emeter/{n}/power": value for n, value in enumerate(["100.5", "-300", "20"])},
            -179.5,
        ),
        ("shelly-gen1-channel", PV, "shellyem-AA", {"shellies/shellyem-AA/emeter/0/power": "55.2"}, 55.2),
        ("shelly-gen2", GRID, "em50", {"em50/status/em1:0": '{"id":0,"act_power":-41.5,"current":0.2}'}, -41.5),
        ("shelly-gen2-switch", PV, "plug", {"plug/status/switch:0": '{"apower":300.1,"aenergy":{"total":9}}'}, 300.1),
        ("shelly-pro-3em", GRID, "p3", {"p3/status/em:0": '{"total_act_power":-1200.5}'}, -1200.5),
        ("zigbee2mqtt-plug", PV, "zigbee2mqtt/balcony", {"zigbee2mqtt/balcony": '{"power":250,"energy":7.1}'}, 250),
        ("homeassistant-statestream", GRID, "ha/sensor/grid", {"ha/sensor/grid/state": "-120.5"}, -120.5),
        (
            "victron-mqtt", GRID, "c0619ab",
            {f"N/c0619ab/system/0/Ac/Grid/L{n}/Power": f'{{"value":{w}}}' for n, w in ((1, 500), (2, -900), (3, 10))},
            -390,
        ),
        ("victron-mqtt", GRID, "c0", {"N/c0/system/0/Ac/Grid/L1/Power": '{"value": 500}'}, 500),  # one phase
        (
            "victron-mqtt", PV, "c0",
            {"N/c0/system/0/Dc/Pv/Power": '{"value":900}', "N/c0/system/0/Ac/PvOnGrid/L1/Power": '{"value":600}'},
            1500,
        ),
        ("victron-mqtt", BATTERY, "c0", {"N/c0/system/0/Dc/Battery/Power": '{"value":700}'}, -700),
        ("opendtu", PV, None, {"solar/ac/power": "1234.5", "solar/ac/yieldtotal": "812.3"}, 1234.5),
        ("ahoydtu", PV, "inverter/roof", {"inverter/roof/ch0/P_AC": "87.3"}, 87.3),
        (
            "dsmr-p1", GRID, None,
            {
                "dsmr/reading/electricity_currently_delivered": "0.0",
                "dsmr/reading/electricity_currently_returned": "1.204",
            },
            -1204,
        ),
        ("evcc", GRID, None, {"evcc/site/grid/power": "-1400"}, -1400),
        ("evcc", BATTERY, None, {"evcc/site/battery/power": "300", "evcc/site/battery/soc": "61"}, 300),
    ],
)  # fmt: skip
def test_what_a_device_publishes_becomes_power(
    device: str, role: Role, topic: str | None, messages: dict[str, str], power_w: float
) -> None:
    said = Meter(device, role, topic).hears(messages)
    assert said is not None
    assert said.power_w == pytest.approx(power_w)
    assert not said.doubts


def test_every_device_that_serves_a_role_is_tried_above() -> None:
    names = test_what_a_device_publishes_becomes_power.pytestmark[0].args[1]  # type: ignore[attr-defined]
    tried = {each[0] for each in names}
    publishing = {file.stem for file in FILES if (mqtt := read(file).mqtt) and (mqtt.grid or mqtt.pv or mqtt.battery)}
    assert publishing - tried == {"tibber-pulse-local"}  # its telegrams are tried in test_sml.py


def test_counters_and_phases_come_along_in_hemsds_units() -> None:
    said = Meter("shelly-pro-3em", GRID, "p3").hears(
        {
            "p3/status/em:0": '{"a_current":2.1,"a_voltage":231,"a_act_power":-480,"b_current":1.0,"b_act_power":230,'
            '"total_act_power":-250}',
            "p3/status/emdata:0": '{"total_act":12345.6,"total_act_ret":777}',
        }
    )
    assert said is not None
    assert said.currents_a == (-2.1, 1.0, None)
    assert said.voltages_v == (231, None, None)
    assert (said.energy_import_wh, said.energy_export_wh) == (12345.6, 777)
    assert Meter("tasmota-sml", GRID, "hichi").hears(
        {SENSOR: '{"SML":{"Power_curr":5,"Total_in":1234.5,"Total_out":10}}'}
    ) == MeterReading(power_w=5, energy_import_wh=1_234_500, energy_export_wh=10_000)


def test_other_words_of_a_script_are_keys() -> None:
    meter = Meter("tasmota-sml", GRID, "hichi", keys={"group": "MT175", "power": "P"})
    assert meter.hears({SENSOR: '{"MT175":{"P":77}}'}) == MeterReading(power_w=77)
    with pytest.raises(Missing):
        meter.hears({SENSOR: '{"SML":{"Power_curr":1}}'})


# Several topics, one reading


PHASES = [f"shellies/x/emeter/{n}/power" for n in range(3)]


def test_a_power_of_three_topics_is_not_known_before_all_have_spoken() -> None:
    meter = Meter("shelly-gen1", GRID, "x")
    assert meter.hears({PHASES[0]: "100", PHASES[1]: "200"}) == MeterReading()
    said = meter.hears({PHASES[2]: "300"})
    assert said is not None
    assert said.power_w == 600


def test_a_phase_that_falls_silent_takes_the_power_with_it_and_says_why() -> None:
    meter = Meter("shelly-gen1", GRID, "x")
    meter.hears(dict.fromkeys(PHASES, "100"))
    meter.clock.leap(61)
    said = meter.hears({PHASES[0]: "100", PHASES[1]: "100"})
    assert said == MeterReading(doubts=(f"{PHASES[2]} has been silent for 61 s",))


def test_import_and_export_of_one_burst_belong_together() -> None:
    """In between it would have said that both flow at once."""
    meter = Meter("dsmr-p1", GRID)
    delivered, returned = (f"dsmr/reading/electricity_currently_{way}" for way in ("delivered", "returned"))
    assert meter.source.gathers
    assert meter.hears({delivered: "0.5", returned: "0"}) == MeterReading(power_w=500)
    assert meter.hears({delivered: "0", returned: "0.8"}) == MeterReading(power_w=-800)


def test_a_path_that_is_gone_is_not_zero() -> None:
    meter = Meter("victron-mqtt", BATTERY, "c0")
    topic = "N/c0/system/0/Dc/Battery/Power"
    assert meter.hears({topic: '{"value": -80}'}) == MeterReading(power_w=80)
    assert meter.hears({topic: '{"value": null}'}) == MeterReading()


# Silence


def test_a_device_that_the_broker_says_is_gone_is_doubted_until_it_speaks() -> None:
    meter = Meter("tasmota-sml", GRID, "hichi")
    meter.hears({SENSOR: '{"SML":{"Power_curr":5}}'})
    assert meter.hears({"tele/hichi/LWT": "Offline"}) == MeterReading(
        doubts=("the broker says that the device is gone",)
    )
    assert meter.hears({"tele/hichi/LWT": "Online"}) is None
    assert meter.hears({SENSOR: '{"SML":{"Power_curr":6}}'}) == MeterReading(power_w=6)


@pytest.mark.parametrize("word", ["offline", '{"state": "offline"}'])
def test_availability_is_understood_in_both_of_its_forms(word: str) -> None:
    meter = Meter("zigbee2mqtt-plug", PV, "zigbee2mqtt/balcony")
    meter.hears({"zigbee2mqtt/balcony": '{"power":250}'})
    said = meter.hears({"zigbee2mqtt/balcony/availability": word})
    assert said is not None
    assert said.doubts


def test_what_the_broker_kept_may_be_hours_old() -> None:
    meter = Meter("tasmota-sml", GRID, "hichi")
    assert meter.hears({SENSOR: '{"SML":{"Power_curr":5}}'}, retained=True) is None


def test_a_publisher_that_is_silent_while_a_value_stands_is_repeated_for_so_long() -> None:
    meter = Meter("homeassistant-statestream", GRID, "ha/sensor/grid")
    meter.hears({"ha/sensor/grid/state": "0"}, retained=True)
    meter.clock.leap(119)
    meter.source.repeat()
    assert [said.power_w for said in meter.said] == [0, 0]
    meter.clock.leap(2)
    meter.source.repeat()
    assert len(meter.said) == 2


def test_a_publisher_that_speaks_regularly_is_never_repeated() -> None:
    meter = Meter("tasmota-sml", GRID, "hichi")
    meter.hears({SENSOR: '{"SML":{"Power_curr":5}}'})
    meter.source.repeat()
    assert len(meter.said) == 1


def test_home_assistants_word_for_nothing_is_no_number() -> None:
    meter = Meter("homeassistant-statestream", GRID, "ha/sensor/grid")
    meter.hears({"ha/sensor/grid/state": "5"})
    assert meter.hears({"ha/sensor/grid/state": "unavailable"}) == MeterReading()


# Switches of the installation


def test_a_meter_that_counts_the_other_way_round_is_turned_with_its_currents() -> None:
    message = {"p3/status/em:0": '{"total_act_power":300,"a_act_power":300,"a_current":1.3}'}
    said = Meter("shelly-pro-3em", GRID, "p3", invert=True).hears(message)
    assert said is not None
    assert (said.power_w, said.currents_a[0]) == (-300, -1.3)


def test_a_sensor_in_kilowatts_is_scaled() -> None:
    said = Meter("homeassistant-statestream", PV, "ha/s", scale=1000).hears({"ha/s/state": "1.5"})
    assert said == MeterReading(power_w=1500)


def test_a_transformer_that_sits_the_wrong_way_round_is_turned_back() -> None:
    message = {"p3/status/em:0": '{"total_act_power":100,"a_act_power":400,"b_act_power":-500,"c_act_power":200}'}
    said = Meter("shelly-pro-3em", GRID, "p3", inverted_cts=[2]).hears(message)
    assert said is not None
    assert said.power_w == 1100


def test_without_all_phases_a_total_can_t_be_put_right() -> None:
    assert corrected(100.0, (400.0, None, 200.0), (2,)) == (None, (400.0, None, 200.0))
    assert corrected(100.0, (400.0, -500.0, 200.0), ()) == (100.0, (400.0, -500.0, 200.0))
    assert corrected(100.0, (400.0, -500.0, 200.0), (1, 2)) == (300.0, (-400.0, 500.0, 200.0))


# Cars


@pytest.mark.parametrize(
    ("device", "topic", "heard", "payload"),
    [
        ("teslamate", None, "teslamate/cars/1/battery_level", "55"),
        ("teslamate", "2", "teslamate/cars/2/battery_level", "55"),
        ("evcc", None, "evcc/loadpoints/1/vehicleSoc", "55"),
        ("wican", "wican/aabb/automate", "wican/aabb/automate", '{"SOC": 55.0, "V": 360}'),
    ],
)
def test_a_cars_state_of_charge_is_found(device: str, topic: str | None, heard: str, payload: str) -> None:
    said: list[tuple[str, float]] = []
    given = {"driver": "mqtt", "device": device, **({"topic": topic} if topic else {})}
    source = soc_source("car", MqttSocSettings.model_validate(given), lambda *each: said.append(each), None)
    assert source.topics == (heard,)
    source.hear(heard, payload.encode(), retained=True)
    assert said == [("car", 55.0)]


# Configuration


def complaints(folder: Path, text: str) -> list[str]:
    file = folder / "config.yaml"
    file.write_text(text + "\nmqtt: {host: h}\n")
    try:
        load(file, {})
    except ConfigError as error:
        return [line.removeprefix("config.yaml:1: meters.grid") for line in str(error).splitlines()]
    return []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("meter", "said"),
    [
        ("device: tasmota-sml, topic: a", None),
        ("device: dsmr-p1", None),
        ("device: tasmota-sml", ".device: tasmota-sml: topic is missing; its notes say what it is"),
        ("device: tasmota-smll, topic: a", '.device: there is no device "tasmota-smll"; did you mean tasmota-sml?'),
        (
            "device: opendtu",
            ".device: opendtu: grid is no grid meter over MQTT; it serves pv; name another device, or mend its file",
        ),
        ("device: huawei-sun2000, topic: a", ".device: huawei-sun2000: it does not speak MQTT; write driver: modbus"),
        (
            "device: teslamate",
            ".device: teslamate: grid is no grid meter over MQTT; it serves no meter at all;"
            " name another device, or mend its file",
        ),
        (
            "device: tasmota-sml, topic: a, keys: {grupp: x}",
            ".device: tasmota-sml: it has no key grupp; its keys: group, power, import, export",
        ),
        ("power: $.p", ": names no topic; add topic: where it is published"),
        (
            "topic: a, inverted_cts: [1]",
            ".inverted_cts: keys and inverted_cts need a device; add device, or take them out",
        ),
        (
            "device: dsmr-p1, power: $.p",
            ".power: power and soc stand in the device's file; take them out, or device",
        ),
    ],
)
def test_check_says_what_is_wrong_with_a_publisher(tmp_path: Path, meter: str, said: str | None) -> None:
    found = complaints(tmp_path, f"meters: {{grid: {{driver: mqtt, {meter}}}}}")
    assert [line.partition("; write")[0] if "needs" in line else line for line in found][:1] == ([said] if said else [])


def test_check_says_that_a_publisher_has_no_registers(tmp_path: Path) -> None:
    found = complaints(tmp_path, "meters: {grid: {driver: modbus, host: h, device: opendtu}}")
    assert found[0].startswith(".device: OpenDTU (all inverters together) has no registers; write driver: mqtt")


@pytest.mark.slow
def test_check_knows_the_cars_that_publish(tmp_path: Path) -> None:
    text = "wallboxes: {box: {charge_point: a}}\nvehicles: {car: {wallbox: box, soc: {driver: mqtt, device: %s}}}"
    assert complaints(tmp_path, text % "teslamate") == []
    assert "it tells no car's state of charge" in complaints(tmp_path, text % "opendtu")[0]


def test_an_installers_own_publisher_is_a_file_like_ours(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "mine.yaml").write_text(
        "name: Mine\nmqtt: {grid: {power_w: {topic: '{topic}/w', at: '$.p', scale: 1000}}}\n"
    )
    assert complaints(tmp_path, "meters: {grid: {driver: mqtt, device: mine, topic: home}}") == []
    source = meter_source(
        "grid", GRID, MqttSettings(driver="mqtt", device="mine", topic="home"), ManualClock(), lambda *_: None,
        tmp_path / "devices",
    )  # fmt: skip
    assert source.topics == ("home/w",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{grid: {}}", "needs power_w"),
        ("{grid: {power_w: {topic: t, at: p}}}", "a path begins with"),
        ("{grid: {power_w: {topic: '{who}'}}}", "nothing stands for {who}"),
    ],
)
def test_a_file_that_is_not_sound_says_where(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.yaml").write_text(f"name: X\nmqtt: {text}\n")
    with pytest.raises(ValueError, match=said):
        meter_source(
            "grid", GRID, MqttSettings(driver="mqtt", device="x", topic="t"), ManualClock(), lambda *_: None, tmp_path
        )


def test_lists_of_numbers_are_added_up_and_other_lists_are_none() -> None:
    assert total({"p": [1, 2.5]}, path("$.p")) == 3.5
    assert total({"p": 4}, path("$.p")) == 4
    for odd in ([], ["a"], [True], {"a": 1}):
        with pytest.raises(Malformed):
            total({"p": odd}, path("$.p"))  # type: ignore[dict-item]


def test_a_device_that_is_read_both_ways_is_told_apart_by_its_driver() -> None:
    device = DeviceFile.model_validate({"name": "X", "mqtt": {"grid": {"power_w": {"topic": "t"}}}})
    with pytest.raises(DeviceError, match="write driver: mqtt"):
        device.role(GRID)
    assert not device.has_registers
    assert read(SHIPPED / "shelly-pro-3em.yaml").has_registers
