"""The JSON Schema that editors read agrees with what hemsd accepts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hemsd.config import json_schema, load
from hemsd.config.file import read

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "config.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]
ENVIRONMENT = {"WB_PASSWORD": "x", "MQTT_PASSWORD": "y", "PULSE_PASSWORD": "z"}


def complaints(text: str) -> list[str]:
    validator = Draft202012Validator(json_schema())
    return [error.message for error in validator.iter_errors(read(text, ENVIRONMENT).values)]


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_what_hemsd_ships_is_fine_for_hemsd_and_for_editors(path: Path) -> None:
    load(path, ENVIRONMENT)
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_first_line_points_editors_to_the_schema(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("$schema=")[2]).resolve() == ROOT / "config.schema.json"


def test_the_schema_file_is_what_hemsd_would_print() -> None:
    assert json.loads((ROOT / "config.schema.json").read_text()) == json_schema(), "run `make schema`"


def test_the_shipped_config_brings_a_simulated_home_and_one_wallbox() -> None:
    config = load(ROOT / "config.yaml", {})
    assert config.simulate is not None
    assert (config.simulate.speed, config.simulate.day, config.simulate.start_s) == (60, "serf-2022-03-18", 3000)
    assert list(config.wallboxes) == ["garage"]


@pytest.mark.parametrize(
    "text",
    [
        "walboxes: {}",
        "site: {nme: Home}",
        "steering: {tick: 5}",
        "meters: {grid: {driver: modbus, host: h, prot: 502}}",
        "meters: {pv: [{driver: modbus, host: h, prot: 502}]}",
        "wallboxes: {garage: {charge_point: a, maxa: 16}}",
        "policies: {home: {vehicle: car, schedule: {mondai: {deadline: '07:00'}}}}",
        "cloud: {webhook: []}",
        "web: {tls: {cert: a}}",
    ],
)
def test_the_schema_rejects_an_unknown_key(text: str) -> None:
    assert complaints(text)


def test_the_schema_takes_phases_as_a_number_or_a_word() -> None:
    assert complaints("wallboxes: {a: {charge_point: x, phases: 1}, b: {charge_point: y, phases: auto}}") == []


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for model, definition in [("Config", schema), *schema["$defs"].items()]:
        for name, field in definition.get("properties", {}).items():
            yield f"{model}.{name}", field


def test_every_field_says_what_it_is_for() -> None:
    undescribed = [name for name, field in fields(json_schema()) if "description" not in field]
    assert [name for name in undescribed if not name.endswith(".driver")] == []


def test_the_configuration_in_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    text = readme.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "config.yaml").write_text(text)
    load(tmp_path / "config.yaml", ENVIRONMENT)
    assert complaints(text) == []


def test_the_device_file_in_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text().partition("```yaml\n# devices/my-meter.yaml\n")[2].partition("```")[0]
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "my-meter.yaml").write_text(text)
    (tmp_path / "config.yaml").write_text("meters: {grid: {driver: modbus, host: h, device: my-meter}}")
    assert text
    load(tmp_path / "config.yaml", {})
