"""What is said of an installer's own device file that is wrong: each thing with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.device_file import read

WRONG = """\
name: My meter
grid:
  power_w: {at: 7, kind: word}
  currents_a:
  - {at: 8, kind: int16}
  - {at: 80000, kind: int16}
  voltages: [{at: 9}]
pv:
  power_w:
    at: 3
    kind: int16
    scal: 2
battery:
  soc_pct: 5
mqtt:
  grid:
    power_w:
    - {topic: a, att: b}
"""


def said(folder: Path, text: str) -> str:
    file = folder / "my-meter.yaml"
    file.write_text(text)
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is what this is about
        read(file)
    return str(raised.value).removeprefix(str(file))


def test_each_fault_is_said_once_with_its_line_and_what_would_be_right(tmp_path: Path) -> None:
    words = said(tmp_path, WRONG)
    assert words.startswith(":3: grid.power_w.kind: must be 'int16', 'uint16', ")
    assert words.split("'sunssf', ")[1] == (
        "6: grid.currents_a.1.at: must be less than or equal to 65535, 7: grid.voltages: is not a known key, "
        "12: pv.power_w.scal: is not a known key, 14: battery.soc_pct: must hold keys with values"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grid: {power_w: {at: 1, kind: int16}}\n", ":1: name: is missing"),
        ("name: X\ngrid:\n  power_w: {at: 1}\n", ":3: grid.power_w.kind: is missing"),
        (
            "name: X\nmqtt:\n  grid:\n    power_w:\n    - {topic: a, att: b}\n",
            ":5: mqtt.grid.power_w.0.att: is not a known",
        ),
        ("- a\n", ":1: must hold keys with values"),
        ("", ":1: must hold keys with values"),
        ("name: X\ngrid: [\n", " can't be read: line 3: expected the node content"),
        ("name: X\n\tgrid: 1\n", " can't be read: line 2: found character '\\t'"),
    ],
)
def test_a_single_fault(tmp_path: Path, text: str, words: str) -> None:
    assert said(tmp_path, text).startswith(words)
