"""Numbers out of payloads."""

from __future__ import annotations

import pytest

from drivers.mqtt_payload import WHOLE, Malformed, Missing, document, number, path


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$", ()),
        ("$.power", ("power",)),
        ("$.StatusSNS.SML.Power_curr", ("StatusSNS", "SML", "Power_curr")),
        ("$['em:0'].total_act_power", ("em:0", "total_act_power")),
        ('$["a.b"]', ("a.b",)),
        ("$.params.em:0.x", ("params", "em:0", "x")),
        ("$.phases[2].w", ("phases", 2, "w")),
        ("$[0][1]", (0, 1)),
    ],
)
def test_a_path_is_a_list_of_steps(text: str, steps: tuple[str | int, ...]) -> None:
    assert path(text) == steps


@pytest.mark.parametrize("text", ["", "$power", "$.", "$..power", "$.a[", "$.a[-1]", "$.a[*]", "$.a.[0]"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        path(text)


def test_a_forgotten_dollar_is_shown_in_its_place() -> None:
    with pytest.raises(ValueError, match=r"like \$\.meter\.power"):
        path("meter.power")


@pytest.mark.parametrize(
    ("payload", "where", "value"),
    [
        (b"-120.5", "$", -120.5),
        (b" 42\n", "$", 42.0),
        (b'"17"', "$", 17.0),
        (b'{"power": 12}', "$.power", 12.0),
        (b'{"power": "12.5"}', "$.power", 12.5),
        (b'{"a": [{"w": 1}, {"w": 2}]}', "$.a[1].w", 2.0),
        (b'{"0": 5}', "$['0']", 5.0),
    ],
)
def test_a_number_is_found(payload: bytes, where: str, value: float) -> None:
    assert number(document(payload), path(where)) == value


@pytest.mark.parametrize("payload", [b"unavailable", b"unknown", b"null", b"NaN", b"", b"None", b"1e999", b'"nan"'])
def test_what_a_publisher_writes_for_nothing_is_not_known(payload: bytes) -> None:
    assert number(document(payload), WHOLE) is None


@pytest.mark.parametrize(
    "payload", [b"true", b'{"power": 1}', b"[1]", b"12 W", b"\xff\xfe", b"{", b"[" * 60_000, b"1" * 70_000, b"9" * 400]
)
def test_what_is_no_number_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        number(document(payload), WHOLE)


@pytest.mark.parametrize("payload", [b"{}", b'{"power": {}}', b'{"list": []}', b"12"])
@pytest.mark.parametrize("where", ["$.power.total", "$.list[0]"])
def test_a_part_that_is_left_out_is_missing(payload: bytes, where: str) -> None:
    with pytest.raises(Missing, match="nothing stands at"):
        number(document(payload), path(where))


def test_text_where_json_was_promised_is_malformed_and_not_missing() -> None:
    with pytest.raises(Malformed, match="not JSON") as caught:
        number(document(b"hello"), path("$.power"))
    assert caught.type is Malformed
