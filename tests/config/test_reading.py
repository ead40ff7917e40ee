"""What stands in the file arrives as it was meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hemsd.config import Config, named_meters, wallbox_settings
from hemsd.config.file import plain_value
from hemsd.config.models import ScheduleSettings
from hemsd.model import Mode, Role

Read = Callable[..., Config]


def test_an_empty_file_is_a_home_with_defaults(read: Read) -> None:
    config = read("")
    assert (config.site.main_fuse_a, config.web.host, config.ocpp.port) == (35, "127.0.0.1", 9000)
    assert config.simulate is None
    assert read("# nothing but a remark\n") == config


def test_off_is_a_mode_and_not_false(read: Read) -> None:
    box = read("wallboxes: {garage: {charge_point: WB-001, mode: off}}").wallboxes["garage"]
    assert box.mode is Mode.OFF


def test_a_time_and_an_identity_stay_as_they_were_written(read: Read) -> None:
    config = read(
        """
        wallboxes: {garage: {charge_point: 0012, id_tags: [007, true, "1e3"]}}
        vehicles: {car: {wallbox: garage}}
        policies: {home: {vehicle: car, schedule: {monday: {deadline: 07:00}}}}
        """
    )
    assert config.wallboxes["garage"].charge_point == "0012"
    assert config.wallboxes["garage"].id_tags == ["007", "true", "1e3"]
    monday = config.policies["home"].schedule.monday
    assert monday is not None
    assert monday.deadline == "07:00"


@pytest.mark.parametrize("phases", ["1", "'1'"])
def test_phases_may_be_written_with_or_without_quotes(read: Read, phases: str) -> None:
    assert read(f"wallboxes: {{a: {{charge_point: x, phases: {phases}}}}}").wallboxes["a"].phases == "1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("yes", "yes"), ("on", "on"),
        ("16", 16), ("-3", -3), ("+4", 4), ("0", 0), ("010", 10), ("0x1f", "0x1f"), ("1_000", "1_000"),
        ("0.32", 0.32), (".5", 0.5), ("1e3", 1000.0), ("07:00", "07:00"), ("2026-06-21", "2026-06-21"),
        ("1.2.3", "1.2.3"), ("-", "-"), (".", "."),
    ],
)  # fmt: skip
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


def test_a_variable_is_replaced_inside_a_value(read: Read) -> None:
    config = read('site: {name: "Casa ${NAME} $${NAME}"}\nweb:\n  port: ${PORT}', {"NAME": "Ünal", "PORT": "8081"})
    assert config.site.name == "Casa Ünal ${NAME}"
    assert config.web.port == 8081


def test_what_a_variable_holds_is_no_yaml(read: Read) -> None:
    config = read("site:\n  name: ${NAME}", {"NAME": "a: [b"})
    assert config.site.name == "a: [b"


def test_anchors_and_merges_spare_repetition(read: Read) -> None:
    config = read(
        """
        wallboxes:
          garage: &box {charge_point: WB-001, max_a: 20, min_a: 8}
          yard: {<<: *box, charge_point: WB-002, max_a: 10}
        """
    )
    assert config.wallboxes["yard"].min_a == 8
    assert config.wallboxes["yard"].max_a == 10
    assert config.wallboxes["yard"].charge_point == "WB-002"


def test_of_several_merged_blocks_the_first_has_the_last_word(read: Read) -> None:
    config = read(
        """
        wallboxes:
          a: &a {charge_point: A, max_a: 10}
          b: &b {charge_point: B, max_a: 12, min_a: 8}
          c: {charge_point: C, <<: [*a, *b]}
        """
    )
    box = config.wallboxes["c"]
    assert (box.charge_point, box.max_a, box.min_a) == ("C", 10, 8)


def test_paths_count_from_the_directory_of_the_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "wb.txt").write_text("pw\n")
    config = read("wallboxes: {a: {charge_point: x, password_file: wb.txt}}\nstorage: {path: data/h.db}")
    assert config.wallboxes["a"].secret() == "pw"
    assert config.storage.path == tmp_path / "data" / "h.db"


def test_a_recorded_day_of_ones_own_may_lie_beside_the_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "my-day.csv").write_text("t_s,pv_w,house_w\n0,0,0\n60,0,0\n")
    simulate = read("simulate: {day: my-day.csv}").simulate
    assert simulate is not None
    assert simulate.day == str(tmp_path / "my-day.csv")


def test_any_free_port_may_be_wanted_twice(read: Read) -> None:
    assert read("web: {port: 0}\nocpp: {port: 0}").web.port == 0


def test_a_meter_is_what_its_name_or_its_role_says(read: Read) -> None:
    config = read(
        """
        meters:
          grid: {driver: modbus, host: a}
          pv_roof: {driver: modbus, host: a}
          shed: {driver: modbus, host: b, role: pv}
          pv: [{driver: modbus, host: c}, {driver: mqtt, topic: t}]
          battery: {driver: mqtt, topic: b}
        mqtt: {host: 127.0.0.1}
        """
    )
    assert [(meter.name, meter.role) for meter in named_meters(config)] == [
        ("grid", Role.GRID),
        ("pv_roof", Role.PV),
        ("shed", Role.PV),
        ("pv_1", Role.PV),
        ("pv_2", Role.PV),
        ("battery", Role.BATTERY),
    ]


def test_a_device_file_beside_the_config_adds_a_device(read: Read, tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "mine.yaml").write_text("name: Mine\ngrid: {power_w: {at: 1, kind: int16}}\n")
    config = read("meters: {grid: {driver: modbus, host: h, device: mine}}")
    assert named_meters(config)[0].name == "grid"


def test_an_unknown_device_may_be_described_in_the_file_itself(read: Read) -> None:
    config = read(
        """
        meters:
          grid:
            driver: modbus
            device: custom
            host: 192.168.1.30
            points:
              power_w: [{at: 30, kind: uint32, scale: 0.1}, {at: 32, kind: uint32, scale: -0.1}]
              currents_a: [{at: 40, kind: uint16}, {at: 41, kind: uint16}, {at: 42, kind: uint16}]
        """
    )
    assert named_meters(config)[0].role is Role.GRID


def test_the_limits_of_several_cars_are_combined_so_that_they_fit_each(read: Read) -> None:
    config = read(
        """
        wallboxes:
          garage: {charge_point: a, max_a: 32, phases: auto, phase_rotation: STR}
          yard: {charge_point: b, max_a: 16, own_phase_pause: false}
        vehicles:
          small: {wallbox: garage, phases: 1, max_a: 10, never_pause: true}
          big: {wallbox: garage, phases: 3, max_a: 20, min_a: 8}
        """
    )
    garage, yard = wallbox_settings(config)
    assert (garage.name, garage.max_a, garage.vehicle_max_a, garage.vehicle_min_a) == ("garage", 32, 10, 8)
    assert (garage.vehicle_phases, garage.never_pause) == (None, True)
    assert (garage.rotation, garage.own_phase_pause) == ((2, 3, 1), True)
    assert (yard.vehicle_max_a, yard.vehicle_phases, yard.phases, yard.own_phase_pause) == (None, None, "auto", False)


def test_the_only_cars_phases_are_known(read: Read) -> None:
    config = read("wallboxes: {g: {charge_point: a}}\nvehicles: {c: {wallbox: g, phases: 1}}")
    assert wallbox_settings(config)[0].vehicle_phases == 1


def test_the_more_exact_day_wins() -> None:
    schedule = ScheduleSettings.model_validate(
        {"weekdays": {"deadline": "07:00"}, "friday": {"deadline": "09:00"}, "sunday": {"deadline": "10:00"}}
    )
    deadlines = [goal.deadline if goal else None for goal in map(schedule.on, range(7))]
    assert deadlines == ["07:00", "07:00", "07:00", "07:00", "09:00", None, "10:00"]


def test_plain_http_is_fine_on_this_machine(read: Read, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    config = read("cloud: {analysis: {url: 'http://127.0.0.1:9/', token_file: token}}")
    assert config.cloud.analysis is not None
