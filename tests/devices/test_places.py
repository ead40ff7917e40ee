"""Where a device is, in config.yaml: what `hemsd check` says of ports and lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from hemsd.config import ConfigError, load


def complaints(folder: Path, text: str) -> list[str]:
    file = folder / "config.yaml"
    file.write_text(text)
    try:
        load(file, {})
    except ConfigError as error:
        return [line.removeprefix("config.yaml:") for line in str(error).splitlines()]
    return []


@pytest.mark.parametrize(
    "meter",
    [
        "{driver: modbus, port: /dev/ttyUSB0}",
        "{driver: modbus, device: eastron-sdm630, port: /dev/ttyUSB0, baud: 2400, parity: E, stopbits: 1, unit: 4}",
        "{driver: modbus, host: 192.168.1.9, port: 4196, framer: rtu, unit: 4}",
    ],
)
def test_serial_ports_and_gateways_are_fine(tmp_path: Path, meter: str) -> None:
    assert complaints(tmp_path, f"meters: {{grid: {meter}}}") == []


@pytest.mark.parametrize(
    ("meter", "said"),
    [
        ("{driver: modbus}", "meters.grid: names no place; add host, or the path of a serial port as port"),
        (
            "{driver: modbus, host: h, port: 70000}",
            "meters.grid.port: is no port; "
            "write a number from 1 to 65535, or the path of a serial port like /dev/ttyUSB0",
        ),
        (
            "{driver: modbus, host: h, port: ttyUSB0}",
            "meters.grid.port: is no port; write a number, or the path of a serial port like /dev/ttyUSB0",
        ),
        (
            "{driver: modbus, host: h, port: /dev/ttyUSB0}",
            "meters.grid.host: host and framer: tcp do not go with a serial port; take them out",
        ),
        (
            "{driver: modbus, host: h, baud: 9600}",
            "meters.grid.baud: baud, parity and stopbits belong to a serial port; take them out",
        ),
        (
            "{driver: modbus, port: /dev/ttyUSB0, parity: X}",
            'meters.grid.parity: "X" is not known here; write N, E or O',
        ),
    ],
)
def test_a_place_that_can_t_be_is_refused_with_what_would_be_right(tmp_path: Path, meter: str, said: str) -> None:
    assert complaints(tmp_path, f"meters: {{grid: {meter}}}") == [f"1: {said}"]


def test_meters_on_one_line_must_agree_on_it(tmp_path: Path) -> None:
    text = (
        "meters:\n"
        "  grid: {driver: modbus, device: eastron-sdm630, port: /dev/ttyUSB0}\n"
        "  pv: {driver: modbus, device: solax-x3-hybrid-g4, port: /dev/ttyUSB0, unit: 2}\n"
    )
    assert complaints(tmp_path, text) == [
        "3: meters.pv: is asked by /dev/ttyUSB0 (19200 baud, 8N1), and grid by /dev/ttyUSB0 (9600 baud, 8N1); "
        "write the same in both: they share one line"
    ]
    assert complaints(tmp_path, text.replace("unit: 2", "unit: 2, baud: 9600")) == []


def test_a_gateway_speaks_one_language(tmp_path: Path) -> None:
    text = "meters:\n  grid: {driver: modbus, host: h, framer: rtu}\n  pv: {driver: modbus, host: h, unit: 2}\n"
    assert [said.partition(";")[0] for said in complaints(tmp_path, text)] == [
        "3: meters.pv: is asked by h:502 with framer tcp, and grid by h:502 with framer rtu"
    ]
