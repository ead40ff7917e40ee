"""What words mean, and what means nothing."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus_words import Kind, WordOrder, decode, raw, scaled, text


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.INT16, (0x8000,)),
        (Kind.UINT16, (0xFFFF,)),
        (Kind.ENUM16, (0xFFFF,)),
        (Kind.BITFIELD16, (0xFFFF,)),
        (Kind.INT32, (0x8000, 0)),
        (Kind.UINT32, (0xFFFF, 0xFFFF)),
        (Kind.BITFIELD32, (0xFFFF, 0xFFFF)),
        (Kind.INT64, (0x8000, 0, 0, 0)),
        (Kind.UINT64, (0xFFFF,) * 4),
        (Kind.ACC32, (0, 0)),
        (Kind.ACC64, (0, 0, 0, 0)),
        (Kind.FLOAT32, (0x7FC0, 0)),
        (Kind.FLOAT32, (0xFFC0, 1)),  # there are many NaNs
        (Kind.FLOAT32, (0x7F80, 0)),  # and an infinity is no measurement either
        (Kind.SUNSSF, (0x8000,)),
        (Kind.SUNSSF, (11,)),
        (Kind.SUNSSF, (0xFFF5,)),  # -11
    ],
)
def test_what_a_device_does_not_have_is_not_known(kind: Kind, words: tuple[int, ...]) -> None:
    assert decode(kind, words) is None


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        (Kind.INT16, (0x8001,), -32767),
        (Kind.INT16, (0xFFFF,), -1),
        (Kind.UINT16, (0x8000,), 32768),
        (Kind.UINT16, (0,), 0),
        (Kind.INT32, (0xFFFF, 0xFFFE), -2),
        (Kind.UINT32, (0x8000, 0), 0x8000_0000),
        (Kind.ACC32, (0, 1), 1),
        (Kind.SUNSSF, (0xFFF6,), -10),
        (Kind.SUNSSF, (10,), 10),
        (Kind.FLOAT32, (0x4366, 0x8000), 230.5),
    ],
)
def test_what_comes_close_to_nothing_is_a_value(kind: Kind, words: tuple[int, ...], value: float) -> None:
    assert decode(kind, words) == value


def test_words_of_a_long_value_may_come_low_word_first() -> None:
    assert raw(Kind.UINT32, (0x5678, 0x1234), WordOrder.LITTLE) == 0x1234_5678
    assert decode(Kind.FLOAT32, (0x8000, 0x4366), WordOrder.LITTLE) == 230.5


@given(st.sampled_from([Kind.INT16, Kind.INT32, Kind.INT64]), st.data())
def test_every_number_but_one_survives(kind: Kind, data: st.DataObject) -> None:
    bits = 16 * kind.words
    value = data.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    packed = value.to_bytes(bits // 8, "big", signed=True)
    words = struct.unpack(f">{kind.words}H", packed)
    expected = None if value == -(2 ** (bits - 1)) else value
    assert decode(kind, words) == expected
    assert decode(kind, tuple(reversed(words)), WordOrder.LITTLE) == expected


@pytest.mark.parametrize(
    ("value", "exponent", "expected"),
    [(2301, -1, 230.1), (12, 2, 1200.0), (-5, 0, -5.0), (0, -3, 0.0), (None, 0, None), (7, None, None)],
)
def test_a_lost_scale_factor_loses_the_value(value: int | None, exponent: int | None, expected: float | None) -> None:
    assert scaled(value, exponent) == expected


@given(st.integers(-32767, 32767), st.integers(-10, 10))
def test_a_scaled_value_is_the_number_that_one_would_write(value: int, exponent: int) -> None:
    result = scaled(value, exponent)
    assert result is not None
    assert math.isclose(result, float(f"{value}e{exponent}"), rel_tol=1e-15)


def test_a_text_ends_at_its_padding_and_shows_no_control_characters() -> None:
    assert text((0x4672, 0x6F6E, 0x6975, 0x7300, 0x4141)) == "Fronius"
    assert text((0x5345, 0x2020)) == "SE"
    assert text((0x410A, 0x4200)) == "A?B"
