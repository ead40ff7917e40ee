"""A meter's telegrams: those that real ones sent, and those written here to be cut off and spoilt."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import meter_readout
from drivers.mqtt_payload import Malformed
from drivers.sml import END, ESCAPE, START, NoSml, crc, kermit, values
from hemsd.model import MeterReading, Role
from tests.devices.test_mqtt_devices import Meter

W, WH = 27, 30  # DLMS units

REAL: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "telegrams.yaml").read_text(encoding="utf-8"))


def octets(text: bytes) -> bytes:
    return (
        bytes([len(text) + 1]) + text
        if len(text) < 15
        else bytes([0x80 | (len(text) + 2) >> 4, (len(text) + 2) & 15]) + text
    )


def number(value: int, size: int) -> bytes:
    return bytes([0x50 | size + 1]) + value.to_bytes(size, "big", signed=True)


def a_list(*nodes: bytes) -> bytes:
    if len(nodes) < 16:
        return bytes([0x70 | len(nodes)]) + b"".join(nodes)
    return bytes([0xF0 | len(nodes) >> 4, len(nodes) & 15]) + b"".join(nodes)


NOTHING = b"\x01"


def entry(code: str, value: int, *, unit: int = W, scaler: int = 0, size: int = 4) -> bytes:
    return a_list(
        octets(bytes.fromhex(code)),
        NOTHING,
        NOTHING,
        bytes([0x62, unit]),
        number(scaler, 1),
        number(value, size),
        NOTHING,
    )


def telegram(*entries: bytes) -> bytes:
    """A GetList.Res in its frame, as section 8 of the transport describes it."""
    server = octets(bytes.fromhex("0a01454d480000112233"))
    answer = a_list(NOTHING, server, NOTHING, NOTHING, a_list(*entries), NOTHING, NOTHING)
    message = a_list(
        octets(b"\x01\x02\x03\x04"), b"\x62\x00", b"\x62\x00", a_list(b"\x63\x07\x01", answer), b"\x63\xab\xcd", b"\x00"
    )
    body = message.replace(ESCAPE, ESCAPE + ESCAPE)
    fill = -len(body) % 4
    framed = START + body + b"\x00" * fill + END + bytes([fill])
    return framed + crc(framed).to_bytes(2, "little")


USUAL = (
    entry("0100100700ff", -815),
    entry("0100010800ff", 12_345_678, unit=WH, scaler=-1, size=8),
    entry("0100020800ff", 5_000, unit=WH, scaler=-1, size=8),
)


def test_the_checksum_is_that_of_the_standard() -> None:
    """The check values of CRC-16/X.25 and CRC-16/KERMIT over the digits 1 to 9."""
    assert (crc(b"123456789"), kermit(b"123456789")) == (0x906E, 0x2189)


def test_the_checksum_of_holley_is_taken_too() -> None:
    framed = telegram(*USUAL)[:-2]
    assert values(framed + kermit(framed).to_bytes(2, "little"))["1-0:16.7.0"] == -815


def test_numbers_are_found_under_their_codes_with_their_scale() -> None:
    assert values(telegram(*USUAL)) == {"1-0:16.7.0": -815.0, "1-0:1.8.0": 1_234_567.8, "1-0:2.8.0": 500.0}


def test_a_telegram_is_found_in_whatever_is_wrapped_around_it() -> None:
    assert values(b"\x0a\x12bridge" + telegram(*USUAL) + b"\x1b\x1btail")["1-0:16.7.0"] == -815


def test_an_escape_sequence_within_the_data_is_data() -> None:
    assert values(telegram(entry("0100100700ff", int.from_bytes(ESCAPE, "big"))))["1-0:16.7.0"] == 0x1B1B1B1B


def test_a_long_list_has_its_length_in_two_bytes() -> None:
    many = [entry(f"0100{n:02x}0700ff", n) for n in range(1, 21)]
    assert len(values(telegram(*many))) == 20


@pytest.mark.parametrize("cut", range(0, len(telegram(*USUAL)), 7))
def test_a_telegram_that_is_cut_off_is_none(cut: int) -> None:
    with pytest.raises(NoSml):
        values(telegram(*USUAL)[:cut])


def test_a_telegram_with_a_wrong_bit_is_none() -> None:
    spoilt = bytearray(telegram(*USUAL))
    spoilt[40] ^= 0x10
    with pytest.raises(NoSml, match="checksum"):
        values(bytes(spoilt))


@given(st.binary(max_size=80))
@settings(max_examples=100, deadline=None)
def test_nonsense_with_a_right_checksum_raises_nothing_else(body: bytes) -> None:
    framed = START + body + b"\x00" * (-len(body) % 4) + END + bytes([-len(body) % 4])
    try:
        values(framed + crc(framed).to_bytes(2, "little"))
    except NoSml:
        return


# The device


def hears(telegram_: bytes, **keys: str) -> MeterReading:
    meter = Meter("tibber-pulse-local", Role.GRID, "pulse", **({"keys": keys} if keys else {}))
    assert meter.source.hear("pulse", telegram_, retained=False)
    meter.source.say()
    return meter.said[-1]


def test_a_telegram_over_mqtt_is_a_grid_meter() -> None:
    assert hears(telegram(*USUAL)) == MeterReading(power_w=-815, energy_import_wh=1_234_567.8, energy_export_wh=500)


@pytest.mark.parametrize("real", REAL, ids=[real["meter"] for real in REAL])
def test_what_a_real_meter_sent_is_read(real: dict[str, Any]) -> None:
    sent = bytes.fromhex(real["sml"].replace(" ", "")) if "sml" in real else real["text"].encode()
    reading = hears(sent)
    told = {name: value for name, value in asdict(reading).items() if value not in (None, (None, None, None), ())}
    assert told == {name: pytest.approx(value, rel=1e-9) for name, value in real["reading"].items()}


def test_a_phase_that_feeds_in_has_a_current_below_zero() -> None:
    assert hears(b"16.7.0(-100*W)\n76.7.0(-230*W)\n71.7.0(1.0*A)").currents_a == (None, None, -1.0)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("16.7.0(-0.815*kW)", -815),
        ("1-0:16.7.0*255(000815*W", None),
        ("1-0:16.7.0*1(815*W)", None),
        ("1-0:16.7.0(815)", None),
        ("1-0:16.7.0(815*kvar)", None),
        ("1-0:16.7.0(8,15*kW)", None),
    ],
)
def test_a_line_that_says_something_else_is_none(line: str, found: float | None) -> None:
    """Cut off, of a past month, without a unit or in another one: it is no power of now."""
    assert meter_readout.values(f"1.8.0(1.5*kWh)\r\n{line}\r\n".encode()).get("1-0:16.7.0") == found


def test_a_meter_without_a_signed_power_gives_both_directions() -> None:
    two = telegram(entry("0100010700ff", 0), entry("0100020700ff", 640))
    assert hears(two, power="1-0:1.7.0", back="1-0:2.7.0").power_w == -640


def test_a_telegram_that_is_no_telegram_is_said_to_be_malformed() -> None:
    with pytest.raises(Malformed, match="no whole SML telegram"):
        hears(b'{"power": 5}')
