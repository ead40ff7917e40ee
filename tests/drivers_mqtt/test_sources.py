"""What a topic's messages mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from drivers.base import DeviceError
from drivers.mqtt import MqttBrokerSettings, MqttSettings, MqttSocSettings, build
from drivers.mqtt_payload import Malformed, Missing, document
from drivers.mqtt_sources import DimmedSource, MeterSource, SocSource
from hemsd.clock import ManualClock
from hemsd.model import MeterReading, Role


class Meter:
    """A source, and what it said."""

    def __init__(self, role: Role = Role.BATTERY, **settings: object) -> None:
        self.clock = ManualClock()
        self.said: list[MeterReading] = []
        given = MqttSettings.model_validate({"driver": "mqtt", "topic": "home/battery", **settings})
        self.source = MeterSource("battery", role, given, self.clock, lambda name, reading: self.said.append(reading))

    def hears(self, payload: bytes, *, retained: bool = False) -> None:
        self.source.take(document(payload), retained=retained)


def test_a_bare_number_is_the_power() -> None:
    meter = Meter(Role.GRID)
    meter.hears(b"-120")
    assert meter.said == [MeterReading(power_w=-120.0)]


def test_scale_then_offset_then_invert() -> None:
    meter = Meter(Role.GRID, power="$.kw", scale=1000, offset=5, invert=True)
    meter.hears(b'{"kw": 1.5}')
    assert meter.said == [MeterReading(power_w=-1505.0)]


def test_a_battery_that_counts_charging_as_positive() -> None:
    meter = Meter(power="$.power", soc="$.soc", invert=True)
    meter.hears(b'{"power": 800, "soc": 61}')
    assert meter.said == [MeterReading(power_w=-800.0, soc_pct=61.0)]


def test_a_message_without_the_state_of_charge_leaves_the_last_one_standing_for_an_hour() -> None:
    meter = Meter(power="$.power", soc="$.soc")
    meter.hears(b'{"soc": 61}')
    assert meter.said == []  # there is no power to go with it
    meter.clock.leap(3600)
    meter.hears(b'{"power": 10}')
    assert meter.said == [MeterReading(power_w=10.0, soc_pct=61.0)]
    meter.clock.leap(1)
    meter.hears(b'{"power": 20}')
    assert meter.said[-1] == MeterReading(power_w=20.0)


def test_only_the_state_of_charge_is_read_when_only_that_is_named() -> None:
    meter = Meter(soc="$.soc")
    meter.hears(b'{"soc": 61, "power": 5}')
    assert meter.said == [MeterReading(soc_pct=61.0)]


def test_a_message_that_leaves_out_everything_is_missing_something() -> None:
    with pytest.raises(Missing, match=r"nothing stands at \$\.power"):
        Meter(power="$.power", soc="$.soc").hears(b'{"voltage": 230}')


def test_a_power_that_the_publisher_does_not_know_gives_no_reading() -> None:
    meter = Meter(power="$.power")
    meter.hears(b'{"power": null}')
    meter.hears(b'{"power": "unavailable"}')
    assert meter.said == []


def test_an_absurd_power_is_a_doubt() -> None:
    meter = Meter(Role.GRID)
    meter.hears(b"36000000")
    assert meter.said[0].power_w is None
    assert meter.said[0].doubts


def test_sun_is_never_negative() -> None:
    meter = Meter(Role.PV)
    meter.hears(b"-4")
    assert meter.said == [MeterReading(power_w=0.0)]


def test_what_the_broker_kept_is_no_power_of_the_present_but_a_state_of_charge() -> None:
    meter = Meter(power="$.power", soc="$.soc")
    meter.hears(b'{"power": 800, "soc": 61}', retained=True)
    assert meter.said == []
    meter.hears(b'{"power": 10}')
    assert meter.said == [MeterReading(power_w=10.0, soc_pct=61.0)]


def test_a_value_that_stands_is_said_again_for_as_long_as_the_configuration_allows() -> None:
    meter = Meter(max_age_s=300)
    meter.hears(b"800", retained=True)
    meter.clock.leap(300)
    meter.source.repeat()
    assert meter.said == [MeterReading(power_w=800.0)] * 2
    meter.clock.leap(0.1)
    meter.source.repeat()
    assert len(meter.said) == 2


def test_nothing_is_repeated_unless_asked_for_and_never_without_the_broker() -> None:
    plain = Meter()
    plain.hears(b"800")
    plain.source.repeat()
    assert len(plain.said) == 1
    patient = Meter(max_age_s=300)
    patient.hears(b"800")
    patient.source.lost()
    patient.source.repeat()
    assert len(patient.said) == 1


def test_a_cars_state_of_charge_is_scaled_and_bounded() -> None:
    heard: list[tuple[str, float]] = []
    settings = MqttSocSettings(driver="mqtt", topic="car/soc", soc="$.level", scale=100)
    source = SocSource("car", settings, lambda name, soc_pct: heard.append((name, soc_pct)))
    source.take(document(b'{"level": 0.55}'), retained=True)
    source.take(document(b'{"level": null}'), retained=False)
    with pytest.raises(Malformed, match="can't be"):
        source.take(document(b'{"level": 55}'), retained=False)
    assert heard == [("car", pytest.approx(55.0))]


def test_a_control_box_says_what_is_left_and_takes_it_back() -> None:
    heard: list[tuple[float | None, datetime | None]] = []
    source = DimmedSource("grid/limit", lambda power_w, until_at: heard.append((power_w, until_at)))
    for payload in (
        b"4200",
        b'{"dimmed_w": 4200, "until": "2026-06-21T18:00:00Z"}',
        b'{"dimmed_w": null}',
        b"",
        b"off",
    ):
        source.hear("grid/limit", payload, retained=True)
    assert heard == [(4200.0, None), (4200.0, datetime(2026, 6, 21, 18, tzinfo=UTC)), *[(None, None)] * 3]
    for payload in (
        b"-1",
        b"much",
        b"unavailable",
        b'{"until": "2026-06-21T18:00:00Z"}',
        b'{"dimmed_w": 1, "until": "18:00:00"}',
    ):
        with pytest.raises(Malformed):
            source.hear("grid/limit", payload, retained=False)
    assert len(heard) == 5


def test_nothing_to_read_needs_no_client() -> None:
    assert build(MqttBrokerSettings(), {}, {}, ManualClock(), lambda *_: None, lambda *_: None) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"password": "x"}, "a password needs a user"),
        ({"user": "u", "password": "x", "password_file": "y"}, "not both"),
        ({"ca_file": "ca.pem"}, "certificates need tls"),
        ({"hots": "x"}, "Extra inputs"),
    ],
)
def test_a_broker_that_contradicts_itself_is_an_error_in_the_configuration(
    settings: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        MqttBrokerSettings.model_validate(settings)


def test_a_wrong_path_is_an_error_in_the_configuration() -> None:
    with pytest.raises(ValidationError, match=r"a path begins with \$"):
        MqttSettings.model_validate({"driver": "mqtt", "topic": "t", "power": "power"})


def test_a_password_file_that_is_gone_is_a_devices_trouble() -> None:
    broker = MqttBrokerSettings.model_validate({"user": "u", "password_file": "/nonexistent/password"})
    with pytest.raises(DeviceError, match="can't be read"):
        broker.secret()


def test_a_password_is_never_shown() -> None:
    assert "hunter2" not in repr(MqttBrokerSettings.model_validate({"user": "u", "password": "hunter2"}))
