"""What Home Assistant is told, against the fields that its manual documents."""

from __future__ import annotations

import json
import re

import pytest

from hemsd.model import MeterReading, Mode, Role, Wish
from hemsd.ops.discovery import LONGEST_STATE, Device, devices, discovery
from hemsd.ops.homeassistant import wish_of
from tests.web.fake_house import FakeHouse

# home-assistant.io/integrations/{sensor,binary_sensor,select,switch,number,button}.mqtt, "Configuration Variables"
COMMON = {
    "name", "unique_id", "availability_topic", "device", "origin", "device_class", "entity_category", "icon", "qos",
}  # fmt: skip
FIELDS = {
    "sensor": COMMON
    | {"state_topic", "value_template", "unit_of_measurement", "state_class", "options", "suggested_display_precision"},
    "binary_sensor": COMMON | {"state_topic", "value_template", "payload_on", "payload_off"},
    "select": COMMON | {"state_topic", "value_template", "command_topic", "options"},
    "switch": COMMON
    | {"state_topic", "value_template", "command_topic", "payload_on", "payload_off", "state_on", "state_off"},
    "number": COMMON | {"state_topic", "value_template", "command_topic", "min", "max", "step", "unit_of_measurement"},
    "button": COMMON | {"command_topic", "payload_press"},
}
REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "select": {"command_topic", "options"},
    "switch": {"command_topic"},
    "number": {"command_topic"},
    "button": {"command_topic"},
}
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version", "via_device"}
# home-assistant.io/integrations/sensor: a device class allows certain units and state classes only
UNITS = {"power": "W", "current": "A", "energy": "kWh", "battery": "%", None: None, "enum": None, "timestamp": None}
# developers.home-assistant.io/docs/core/entity/sensor: which state classes go with a device class
STATE_CLASSES = {
    "power": {"measurement"}, "current": {"measurement"}, "battery": {"measurement"},
    "energy": {"total", "total_increasing"}, None: {None}, "enum": {None}, "timestamp": {None},
}  # fmt: skip
BINARY = {"battery_charging", "connectivity", "plug", "problem"}  # of home-assistant.io/integrations/binary_sensor
TOPIC = re.compile(r"homeassistant/(\w+)/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/config")
READINGS = {
    "grid": (Role.GRID, MeterReading(energy_import_wh=5_000_000.0, energy_export_wh=7_500_000.0)),
    "pv": (Role.PV, None),
    "battery-1": (Role.BATTERY, MeterReading(soc_pct=55.0)),
}


@pytest.fixture
def told() -> tuple[Device, ...]:
    return tuple(devices("1a2b3c4d", FakeHouse().state(), READINGS))


def test_every_entity_uses_only_documented_fields_and_names_all_that_are_required(told: tuple[Device, ...]) -> None:
    for device in told:
        for topic, payload in discovery("1a2b3c4d", device):
            match = TOPIC.fullmatch(topic)
            assert match
            config = json.loads(payload)
            assert set(config) <= FIELDS[match[1]], topic
            assert REQUIRED[match[1]] | {"unique_id", "device", "origin", "availability_topic"} <= set(config), topic
            assert set(config["device"]) <= DEVICE
            if match[1] == "sensor":
                assert config.get("unit_of_measurement") == UNITS[config.get("device_class")], topic
                assert config.get("state_class") in STATE_CLASSES[config.get("device_class")], topic
                assert ("options" in config) == (config.get("device_class") == "enum"), topic
            if match[1] == "binary_sensor":
                assert config["device_class"] in BINARY, topic
            if "options" in config:
                assert config["options"]
                assert all(isinstance(option, str) for option in config["options"]), topic
            if match[1] == "number":
                assert config["min"] < config["max"], topic


def test_ids_are_unique_and_stay_the_same_when_everything_else_changes(told: tuple[Device, ...]) -> None:
    def ids(every: tuple[Device, ...]) -> list[str]:
        return [json.loads(payload)["unique_id"] for device in every for _, payload in discovery("1a2b3c4d", device)]

    later = tuple(devices("1a2b3c4d", FakeHouse("stale").state(), {**READINGS, "pv": (Role.PV, MeterReading())}))
    assert len(set(ids(told))) == len(ids(told))
    assert ids(later) == ids(told)


def test_every_value_that_an_entity_reads_is_there_and_nothing_else(told: tuple[Device, ...]) -> None:
    for device in told:
        read = {
            match[1]
            for _, payload in discovery("1a2b3c4d", device)
            if (match := re.search(r"value_json\['(.+)'\]", payload.replace("\\u0027", "'")))
        }
        assert read == set(device.state)


def test_the_home_is_one_device_and_each_wallbox_another_behind_it(told: tuple[Device, ...]) -> None:
    home, garage = told
    assert home.card["identifiers"] == ["hemsd_1a2b3c4d"]
    assert garage.card["via_device"] == "hemsd_1a2b3c4d"
    assert home.state["grid_import_kwh"] == 5000.0
    assert home.state["grid_power_w"] == round(FakeHouse().state().meters["grid"].power_w or 0)
    assert garage.state["mode"] in list(Mode)
    assert garage.state["session_kwh"] is not None


def test_what_is_stale_is_not_known_and_a_long_reason_is_cut() -> None:
    state = FakeHouse("stale").state()
    home, _ = devices("1a2b3c4d", state, READINGS)
    assert home.state["grid_power_w"] is None
    assert home.state["problem"] is True
    box = state.wallboxes["garage"]
    assert box.decision is not None
    long = box.model_copy(update={"decision": box.decision.model_copy(update={"reason": "x" * 400})})
    _, garage = devices("1a2b3c4d", state.model_copy(update={"wallboxes": {"garage": long}}), READINGS)
    assert len(str(garage.state["reason"])) == LONGEST_STATE


@pytest.mark.parametrize(
    ("what", "text", "wish"),
    [
        ("mode", "min+solar", Wish("garage", mode=Mode.MIN_SOLAR)),
        ("boost", "True", Wish("garage", boost=True)),
        ("boost", "False", Wish("garage", boost=False)),
        ("target_pct", "80", Wish("garage", target_pct=80.0)),
        ("clear_target", "press", Wish("garage", clear_target=True)),
    ],
)
def test_what_is_asked_for_becomes_a_wish(what: str, text: str, wish: Wish) -> None:
    assert wish_of("garage", what, text) == wish


@pytest.mark.parametrize(
    ("what", "text"),
    [("mode", "turbo"), ("boost", "maybe"), ("target_pct", "180"), ("target_pct", "nan"), ("fuse", "99")],
)
def test_nonsense_is_no_wish(what: str, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is pydantic's
        wish_of("garage", what, text)
