"""Each mistake that a person can make is answered with its line, its key, what is wrong and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from hemsd.config import ConfigError, load
from tests.config.conftest import Check

GARAGE = """
wallboxes:
  garage:
    charge_point: WB-001
"""
CAR = GARAGE + "vehicles:\n  car: {wallbox: garage}\n"
POINTS = "driver: modbus\n    host: h\n    points: {power_w: {at: 1, kind: int16}}"
MODBUS = "{driver: modbus, host: 192.168.1.20}"

# (what is tested, the file, the complaint)
MISTAKES = [
    (
        "unknown section",
        "site:\n  name: Home\nwalboxes: {}",
        "3: walboxes: is not a known key; did you mean wallboxes?",
    ),
    (
        "a sun that can be told nothing",
        "meters:\n  pv: {driver: modbus, host: h, control: true}",
        "2: meters.pv.control: belongs to a battery, and this is pv; take it out",
    ),
    (
        "a battery that can't be told",
        "meters:\n  battery: {driver: modbus, device: sungrow-sh, host: h, control: true}",
        "2: meters.battery.control: needs a battery that speaks SunSpec, and sungrow-sh does not; take it out",
    ),
    (
        "a battery over MQTT that can't be told",
        "mqtt: {}\nmeters:\n  battery: {driver: mqtt, topic: t, control: true}",
        "3: meters.battery.control: is not a known key; did you mean role?",
    ),
    (
        "a battery that nobody sees",
        "mqtt: {battery_topic: home/battery/may_give}",
        "1: mqtt.battery_topic: needs to know what the battery gives; add it under meters",
    ),
    (
        "a battery that is told twice",
        "mqtt: {battery_topic: t}\nmeters: {battery: {driver: modbus, host: h, control: true}}",
        "1: mqtt.battery_topic: is a second way to tell the battery what it may give; "
        "take it out, or control under meters",
    ),
    ("unknown key", GARAGE + "    maxa: 16", "4: wallboxes.garage.maxa: is not a known key; did you mean max_a?"),
    (
        "unknown key that resembles nothing",
        "scoring: {zzz: 1}",
        "1: scoring.zzz: is not a known key; known keys: model, runtime, language_model",
    ),
    (
        "unknown key of a meter on a line of its own",
        "meters:\n  grid:\n    driver: modbus\n    host: h\n    prot: 502",
        "5: meters.grid.prot: is not a known key; did you mean port?",
    ),
    (
        "unknown key of the steering",
        "steering:\n  tick: 5",
        "2: steering.tick: is not a known key; did you mean tick_s?",
    ),
    ("wrong type", "web:\n  port: many", '2: web.port: "many" is not a whole number; write digits only'),
    (
        "number with its unit",
        "site:\n  voltage_v: 230 V",
        '2: site.voltage_v: "230 V" is not a number; write a number with a point, and no unit',
    ),
    (
        "half a port",
        "web: {port: 80.5}",
        "1: web.port: 80.5 is not a whole number; write digits only",
    ),
    (
        "neither true nor false",
        GARAGE + "    steer: maybe",
        '4: wallboxes.garage.steer: "maybe" is neither yes nor no; true or false',
    ),
    (
        "a block where a value should be",
        "web:\n  host: {a: 1}",
        "2: web.host: a block of keys is not a text; write one word, or a text in quotes",
    ),
    (
        "a value where a block should be",
        "web: 8080",
        "1: web: 8080 stands where keys with values should; write `key: value` lines below it",
    ),
    ("a section without keys", "site:\nweb:\n  port: 80", "1: site: is empty; write a value, or remove the line"),
    ("out of range", "web: {port: 70000}", "1: web.port: 70000 is too high; at most 65535"),
    ("below the floor of a run", "steering:\n  min_run_s: 59", "2: steering.min_run_s: 59 is too low; at least 60"),
    (
        "below the floor of a pause",
        "steering:\n  min_pause_s: 59.9",
        "2: steering.min_pause_s: 59.9 is too low; at least 60",
    ),
    ("below the floor of a tick", "steering:\n  tick_s: 0.9", "2: steering.tick_s: 0.9 is too low; at least 1"),
    ("below what a pilot can say", GARAGE + "    min_a: 5", "4: wallboxes.garage.min_a: 5 is too low; at least 6"),
    (
        "unknown mode",
        GARAGE + "    mode: sollar",
        '4: wallboxes.garage.mode: "sollar" is not known here; '
        "did you mean solar? Known: off, solar, min+solar or fast",
    ),
    (
        "unknown number of phases",
        GARAGE + "    phases: 2",
        "4: wallboxes.garage.phases: 2 is not known here; write 1, 3 or auto",
    ),
    (
        "missing key",
        "wallboxes:\n  garage:\n    max_a: 16",
        "2: wallboxes.garage.charge_point: is missing; add it: The identity that the wallbox calls itself by: "
        "the last segment of its URL",
    ),
    (
        "no driver",
        "meters:\n  grid:\n    host: h",
        "2: meters.grid.driver: is missing; write modbus, mqtt or tibber-pulse",
    ),
    (
        "unknown driver",
        "meters:\n  grid:\n    driver: modbuss\n    host: h",
        '3: meters.grid.driver: "modbuss" is not a known driver; did you mean modbus? '
        "Known: modbus, mqtt or tibber-pulse",
    ),
    (
        "unknown driver of a tariff",
        "tariff:\n  import: {driver: fix, eur_per_kwh: 0.3}",
        '2: tariff.import.driver: "fix" is not a known driver; did you mean fixed? '
        "Known: fixed, schedule, awattar, energy-charts, tibber or http",
    ),
    (
        "no driver of a tariff",
        "tariff:\n  import: {eur_per_kwh: 0.3}",
        "2: tariff.import.driver: is missing; write fixed, schedule, awattar, energy-charts, tibber or http",
    ),
    (
        "fault in an entry of a list",
        f"meters:\n  pv:\n    - {MODBUS}\n    - driver: modbus\n      host: h\n      unit: 300",
        "6: meters.pv.1.unit: 300 is too high; at most 255",
    ),
    (
        "a meter that does not say what it measures",
        f"meters:\n  roof: {MODBUS}",
        "2: meters.roof: the name does not say what it measures; add role: grid, pv or battery",
    ),
    (
        "two grid meters",
        f"meters:\n  grid: {MODBUS}\n  grid2: {MODBUS}",
        "3: meters.grid2: is a second grid meter; keep it or grid, not both",
    ),
    (
        "a list of grid meters",
        f"meters:\n  grid: [{MODBUS}]",
        "2: meters.grid: a list stands for one grid meter; only pv may be a list, and is added up",
    ),
    (
        "no such device",
        "meters:\n  grid:\n    driver: modbus\n    host: h\n    device: sunspek",
        '5: meters.grid.device: there is no device "sunspek"; did you mean sunspec?',
    ),
    (
        "a device that does not measure this",
        "meters:\n  battery:\n    driver: modbus\n    host: h\n    device: eastron-sdm630",
        "5: meters.battery.device: Eastron SDM630 is no battery meter; it serves grid, pv; "
        "name another device, or another role",
    ),
    (
        "points of a device that is known",
        f"meters:\n  grid:\n    {POINTS}\n    device: sunspec",
        "6: meters.grid.device: device: custom needs points, and only that has them; change one of them",
    ),
    (
        "a fault within points is no missing points",
        f"meters:\n  grid:\n    {POINTS.replace('int16', 'int17')}\n    device: custom",
        '5: meters.grid.points.power_w.kind: "int17" is not known here; did you mean int16? Known: int16, uint16, '
        "int32, uint32, int64, uint64, float32, float64, acc32, acc64, enum16, bitfield16, bitfield32 or sunssf",
    ),
    (
        "a missing key of a point in a sum",
        "meters:\n  grid:\n    driver: modbus\n    host: h\n    device: custom\n    points:\n"
        "      power_w: [{at: 1, kind: int16}, {kind: int16}]",
        "7: meters.grid.points.power_w.1.at: is missing; add it: The register as on the wire, counted from 0",
    ),
    (
        "a car at a wallbox that has a fault of its own",
        "wallboxes:\n  garage: {max_a: 16}\nvehicles:\n  car: {wallbox: garage}",
        "2: wallboxes.garage.charge_point: is missing; add it: The identity that the wallbox calls itself by: "
        "the last segment of its URL",
    ),
    (
        "MQTT without a broker",
        "meters:\n  grid: {driver: mqtt, topic: t}",
        "2: meters.grid.driver: is read over MQTT, and no broker is named; add mqtt: {host: ...}",
    ),
    (
        "a car that tells of charges elsewhere without a broker",
        "wallboxes:\n  garage: {driver: ocpp, charge_point: WB}\n"
        "vehicles:\n  car: {wallbox: garage, elsewhere: {driver: mqtt, topic: t}}",
        "4: vehicles.car.elsewhere: is read over MQTT, and no broker is named; add mqtt: {host: ...}",
    ),
    (
        "no such file",
        GARAGE + "    password_file: secret.txt",
        "4: wallboxes.garage.password_file: {folder}/secret.txt does not exist; create it, or correct the path",
    ),
    (
        "a directory where a file should be",
        GARAGE + "    password_file: .",
        "4: wallboxes.garage.password_file: {folder} can't be read (Is a directory); "
        "name a file that hemsd's user may read",
    ),
    (
        "two ways to give a password",
        GARAGE + "    password: a\n    password_file: config.yaml",
        "4: wallboxes.garage.password: give password or password_file, not both; change one of them",
    ),
    (
        "one wallbox twice",
        GARAGE + "  shed:\n    charge_point: WB-001",
        '5: wallboxes.shed.charge_point: "WB-001" (connector 1) is the wallbox garage already; '
        "give each wallbox the identity that stands in its own settings",
    ),
    (
        "more than the fuse",
        "site:\n  main_fuse_a: 20" + GARAGE + "    max_a: 32",
        "6: wallboxes.garage.max_a: 32 A is above the main fuse of 20 A; at most 20, or correct site.main_fuse_a",
    ),
    (
        "the failsafe above the fuse",
        "site:\n  main_fuse_a: 16\nsteering:\n  failsafe_a: 20",
        "4: steering.failsafe_a: 20 A is above the main fuse of 16 A; at most 16",
    ),
    (
        "ages that do not rise",
        "steering:\n  stale_step_s: 20",
        "2: steering.stale_step_s: 20 s is below stale_skip_s (30 s); at least 30",
    ),
    (
        "two listeners on a port",
        "web: {port: 9000}\nocpp:\n  host: 127.0.0.1\n  port: 9000",
        "4: ocpp.port: 9000 is web's port already; take another one",
    ),
    (
        "lowest above highest",
        GARAGE + "    min_a: 20\n    max_a: 16",
        "4: wallboxes.garage.min_a: min_a (20) must not be above max_a (16); change one of them",
    ),
    (
        "a car at an unknown wallbox",
        GARAGE + "vehicles:\n  car: {wallbox: garge}",
        '5: vehicles.car.wallbox: there is no wallbox "garge"; did you mean garage? Known: garage',
    ),
    (
        "a policy for an unknown car",
        "policies:\n  home:\n    vehicle: car",
        '3: policies.home.vehicle: there is no vehicle "car"; add it under vehicles',
    ),
    (
        "an unknown day of the week",
        CAR + 'policies:\n  home:\n    vehicle: car\n    schedule:\n      mondai: {deadline: "07:00"}',
        "10: policies.home.schedule.mondai: is not a known key; did you mean monday?",
    ),
    (
        "a time that is none",
        CAR + "policies:\n  home:\n    vehicle: car\n    schedule:\n      monday: {deadline: 7 am}",
        '10: policies.home.schedule.monday.deadline: "7 am" does not fit; a local time such as 07:00',
    ),
    (
        "unknown time zone",
        "site:\n  timezone: Europe/Berlni",
        '2: site.timezone: "Europe/Berlni" is not a known time zone; did you mean Europe/Berlin?',
    ),
    (
        "open to the network without a password",
        "web:\n  port: 80\n  host: 0.0.0.0",
        "3: web.host: 0.0.0.0 can be reached from the network, so the page needs a password; "
        "run `hemsd password` first, or set web.password_file, or use 127.0.0.1",
    ),
    (
        "a cloud in the open",
        "cloud:\n  analysis:\n    url: http://cloud.example/\n    token_file: config.yaml",
        "3: cloud.analysis.url: http to cloud.example would send secrets in the open; https://cloud.example/...",
    ),
    (
        "a webhook in the open",
        "cloud:\n  webhooks:\n"
        "    - {url: 'http://10.0.0.1/x', secret_file: config.yaml, events: ['flex:session:updated']}",
        "3: cloud.webhooks.0.url: http to 10.0.0.1 would send secrets in the open; https://10.0.0.1/...",
    ),
    (
        "a cloud without credentials",
        "cloud:\n  analysis: {url: https://cloud.example/}",
        "2: cloud.analysis: has no way to sign in; write client_id and client_secret_file, or token_file",
    ),
    (
        "unknown recorded day",
        "simulate:\n  day: serf-2022-03-81",
        "2: simulate.day: there is no such day; take one of nwtc-2018-10-14, serf-2022-03-18, sma7-2016-05-20, "
        "sma7-2016-09-12, or the path of a CSV",
    ),
    (
        "quirks of an unknown wallbox",
        GARAGE + "simulate:\n  personality:\n    garge: [honest]",
        '6: simulate.personality.garge: there is no wallbox "garge"; did you mean garage? Known: garage',
    ),
    (
        "a name that would not stand in an address",
        "wallboxes:\n  my garage: {charge_point: WB-001}",
        '2: wallboxes.my garage: "my garage" does not fit; a name of letters, digits, - and _, at most 40 of them',
    ),
    (
        "an environment variable that is not set",
        GARAGE + "    password: ${WB_PASSWORD}",
        "4: wallboxes.garage.password: the environment variable WB_PASSWORD is not set; "
        "set it (export WB_PASSWORD=..., or Environment= in the systemd unit), or write the value here",
    ),
    (
        "the same key twice",
        "site: {}\nweb: {}\nsite: {}",
        "3: site: stands on line 1 already; keep one of them",
    ),
    (
        "the same key twice, further down",
        GARAGE + "    max_a: 16\n    max_a: 32",
        "5: wallboxes.garage.max_a: stands on line 4 already; keep one of them",
    ),
]


@pytest.mark.parametrize(("text", "complaint"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_answered_once_with_line_key_and_remedy(
    check: Check, tmp_path: Path, text: str, complaint: str
) -> None:
    said = check(text.removeprefix("\n"))
    assert len(said) == 1, said
    expected = "config.yaml:" + complaint.replace("{folder}", str(tmp_path))
    assert said[0] == expected


SYNTAX = [
    ("tab", "site:\n\tname: Home", "2: a tab stands where YAML wants spaces; indent with spaces"),
    ("indentation", "site:\n    name: a\n  voltage_v: 230", "3: the line does not fit into its block; "),
    ("open quote", "site:\n  name: 'Home\nweb: {}", "2: a quote is opened and not closed; "),
    ("open brace", "site: {name: Home\nweb:\n  port: 1", "1: the { is not closed; "),
    ("a variable in braces", "site: {name: ${HOME}}", "1: ${...} stands inside { } without quotes; "),
    ("open bracket", "a:\n  - [1, 2\n", "2: the [ is not closed; "),
    ("stray brace", "site: {name: Home}}", "1: a bracket closes that was never opened; remove it"),
    ("second colon", "site:\n  name: a: b", "2: a second colon, "),
    ("no colon", "site\nweb: {}", "2: a second colon, a line that is indented too far, or a key without a colon"),
    ("undefined alias", "site: *home", "1: *name points at nothing; "),
    (
        "reserved sign",
        "site:\n  name: @home",
        "2: a value begins with a sign that YAML keeps for itself; put it in quotes",
    ),
    ("backslash", 'site:\n  name: "C:\\Data"', "2: a backslash stands inside double quotes; use single quotes"),
    ("two documents", "site: {}\n---\nweb: {}", "2: `---` begins a second document; "),
    ("control sign", "site:\n  name: \x07", "2: holds the character #x0007; "),
    ("a list at the top", "- site", "1: does not hold keys with values; "),
    ("an alias of itself", "site: &a\n  name: *a", "2: site.name: repeats itself without end; "),
    ("a merge of itself", "site: &a\n  <<: *a", "1: site: repeats itself without end; "),
    ("a merge of a word", "site:\n  <<: Home", "2: site: << names no block of keys; write <<: *name"),
    ("a key that is no word", "site:\n  [a, b]: 1", "2: site: has a key that is no word; "),
]


@pytest.mark.parametrize(("text", "complaint"), [s[1:] for s in SYNTAX], ids=[s[0] for s in SYNTAX])
def test_text_that_is_no_yaml_is_explained_in_words(check: Check, text: str, complaint: str) -> None:
    said = check(text)
    assert len(said) == 1, said
    assert said[0].startswith("config.yaml:" + complaint)


def test_deep_nesting_and_multiplying_aliases_end_in_a_complaint(check: Check) -> None:
    assert "nested too deeply" in check("a: " + "[" * 1000)[0]
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert sum("repeats itself" in line for line in check("\n".join(lines))) == 1


def test_everything_wrong_is_said_at_once_in_the_order_of_the_lines(check: Check) -> None:
    said = check(
        """
        site:
          main_fuse_a: 16
          timezone: Mars
        meters:
          pv:
            - {driver: modbus, host: h, port: x}
            - {driver: modbs, host: h}
          roof: {driver: mqtt, topic: t}
        wallboxes:
          garage: {charge_point: WB-001, max_a: 32, mode: sun}
          shed: {charge_point: WB-001, maxa: 6, password: "${NOWHERE}"}
        vehicles:
          car: {wallbox: yard}
        steering: {tick_s: 0}
        """
    )
    places = [line.removeprefix("config.yaml:").split(": ")[:2] for line in said]
    assert places == [
        ["3", "site.timezone"],
        ["6", "meters.pv.0.port"],
        ["7", "meters.pv.1.driver"],
        ["8", "meters.roof"],
        ["8", "meters.roof.driver"],
        ["10", "wallboxes.garage.max_a"],
        ["10", "wallboxes.garage.mode"],
        ["11", "wallboxes.shed.charge_point"],
        ["11", "wallboxes.shed.maxa"],
        ["11", "wallboxes.shed.password"],
        ["13", "vehicles.car.wallbox"],
        ["14", "steering.tick_s"],
    ]


def test_a_device_file_of_ones_own_that_is_wrong_is_said_before_the_start(check: Check, tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "mine.yaml").write_text("name: Mine\ngrid: {power_w: {at: 1, kind: int17}}\n")
    said = check("meters:\n  grid: {driver: modbus, host: h, device: mine}")
    assert len(said) == 1
    assert said[0].startswith("config.yaml:2: meters.grid.device: ")
    assert "mine.yaml:2: grid.power_w.kind: must be " in said[0]


def test_a_refused_value_causes_no_second_complaint_where_it_takes_part(check: Check) -> None:
    said = check("site: {main_fuse_a: many}\nwallboxes:\n  garage: {charge_point: WB-001, max_a: 40}")
    assert said == ['config.yaml:1: site.main_fuse_a: "many" is not a number; write a number with a point, and no unit']


def test_a_merged_block_is_blamed_where_it_stands(check: Check) -> None:
    said = check(
        """
        wallboxes:
          garage: &box
            charge_point: WB-001
            max_a: 200
          shed:
            <<: *box
            charge_point: WB-002
          yard:
            max_a: 100
            charge_point: WB-003
            <<: *box
        """
    )
    assert said == [
        "config.yaml:4: wallboxes.garage.max_a: 200 is too high; at most 80",
        "config.yaml:4: wallboxes.shed.max_a: 200 is too high; at most 80",
        "config.yaml:9: wallboxes.yard.max_a: 100 is too high; at most 80",
    ]


@pytest.mark.parametrize("written", ["s3cret", "'s3cret'", '"${WB_PASSWORD}"'])
def test_no_complaint_shows_a_secret(check: Check, written: str) -> None:
    text = GARAGE + f"    id_tags: x\n    password: {{a: {written}}}\n    port: ${{WB_PASSWORD}}"
    said = check(text, {"WB_PASSWORD": "s3cret"})
    assert len(said) == 3
    assert not any("s3cret" in line for line in said)


def test_a_file_that_is_not_there_is_said_like_everything_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^home.yaml:1: there is no such file; "):
        load(tmp_path / "home.yaml", {})


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes("site: {name: Käte}".encode("latin-1"))
    with pytest.raises(ConfigError, match="is no UTF-8; save the file as UTF-8"):
        load(tmp_path / "config.yaml", {})
