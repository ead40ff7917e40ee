"""What a car's topic means, when it says whether it charges."""

from __future__ import annotations

import pytest
from aiomqtt import Message
from pydantic import ValidationError

from drivers.mqtt import MqttChargeSettings, MqttReader
from drivers.mqtt_charge import ChargeSource
from drivers.mqtt_payload import Malformed, document
from hemsd.clock import ManualClock
from hemsd.config import Config
from hemsd.meters import meter_drivers
from hemsd.model import ChargeReport


class Car:
    """A source, and what it said."""

    def __init__(self, **settings: object) -> None:
        self.said: list[ChargeReport] = []
        given = MqttChargeSettings.model_validate({"driver": "mqtt", "topic": "car/charge", **settings})
        self.source = ChargeSource("car", given, lambda _, report: self.said.append(report))

    def hears(self, payload: bytes) -> None:
        self.source.take(document(payload))


@pytest.mark.parametrize(
    ("payload", "charging"),
    [(b"true", True), (b"ON", True), (b"1", True), (b'"Charging"', True), (b"false", False), (b"0", False),
     (b"Complete", False), (b"disconnected", False)],
)  # fmt: skip
def test_publishers_have_their_own_words(payload: bytes, charging: bool) -> None:
    car = Car()
    car.hears(payload)
    assert car.said == [ChargeReport(charging)]


@pytest.mark.parametrize("payload", [b"unavailable", b"null", b"Unknown", b""])
def test_what_nobody_knows_is_not_said(payload: bytes) -> None:
    car = Car()
    car.hears(payload)
    assert car.said == []


def test_power_energy_and_level_come_along_in_the_units_of_the_house() -> None:
    car = Car(charging="$.on", power="$.kw", power_scale=1000, energy="$.kwh", energy_scale=1000, soc="$.soc")
    car.hears(b'{"on": true, "kw": 11, "kwh": 2.5, "soc": 61}')
    assert car.said == [ChargeReport(True, 11_000.0, 2500.0, 61.0)]


def test_a_message_that_does_not_speak_of_it_leaves_the_last_word_standing() -> None:
    car = Car(charging="$.on", soc="$.soc")
    car.hears(b'{"soc": 60}')
    assert car.said == []
    car.hears(b'{"on": true}')
    car.hears(b'{"soc": 61}')
    assert car.said == [ChargeReport(True), ChargeReport(True, soc_pct=61.0)]


@pytest.mark.parametrize("payload", [b'{"on": []}', b'{"on": true, "soc": 140}'])
def test_what_can_not_be_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        Car(charging="$.on", soc="$.soc").hears(payload)


def test_a_topic_is_needed() -> None:
    with pytest.raises(ValidationError):
        MqttChargeSettings.model_validate({"driver": "mqtt"})


def test_it_is_read_from_the_broker_of_the_house_like_every_topic() -> None:
    config = Config.model_validate(
        {
            "mqtt": {"host": "127.0.0.1"},
            "wallboxes": {"garage": {"driver": "ocpp", "charge_point": "WB"}},
            "vehicles": {"car": {"wallbox": "garage", "elsewhere": {"driver": "mqtt", "topic": "car/charge"}}},
        }
    )
    heard: list[tuple[str, ChargeReport]] = []
    (reader,) = meter_drivers(
        config,
        ManualClock(),
        sink=lambda *_: None,
        soc_sink=lambda *_: None,
        devices=None,
        charge_sink=lambda *said: heard.append(said),
    )
    assert isinstance(reader, MqttReader)
    reader._take(Message("car/charge", b"on", 0, False, 1, None))
    assert heard == [("car", ChargeReport(True))]
