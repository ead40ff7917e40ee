"""Writes docs/devices.md: what hemsd can read, how, and how sure that is. Run it after a change of a device file.

proven         a recording of what a real device answered is in tests/devices/recorded, and is read right
expected       its maker's document, or several independent sources, say so, and tests hold the file to them: its
               registers, made from those tables, are in tests/devices/served
experimental   known from one source only, or with an open question in its notes
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from drivers.device_file import SHIPPED, DeviceFile, RoleMap, read  # noqa: E402
from drivers.mqtt_file import MqttRoleMap  # noqa: E402
from hemsd.model import Role  # noqa: E402

PAGE = ROOT / "docs" / "devices.md"
RECORDED = ROOT / "tests" / "devices" / "recorded"

HEAD = """\
# Devices

This page is made by `docs/devices.py` from the device files; change those, not this page.

**proven**: a recording of what a real device answered is served again in the tests, and read right; where only
some of its roles were recorded, they are named.
**expected**: its maker's document, or several independent sources, say so, and tests hold the file to them: a whole
home's registers, made from those tables, are served and each value is read with its sign and its unit.
**experimental**: known from one source only, or with an open question in its notes.

`device:` takes the name in the first column. `hemsd probe modbus HOST` recognises the devices with a check mark by
themselves; of the others it says which ones it could be, by what their registers hold. Any other device that follows
SunSpec is `device: sunspec`. A device that is not here can be added as a file of its own, see the README.

What hemsd says when a device fails, and which test holds each of the known pitfalls, is in
[device-faults.md](device-faults.md).
"""

SUNSPEC_ROW = (
    "| `sunspec` | any device that follows SunSpec (models 101-103, 111-113, 124, 160, 201-204, 211-214, 701, 713, "
    "714, 802) | expected | what its chain holds | ✓ | SunSpec Device Information Model Specification 1.1; "
    "github.com/sunspec/models |"
)

CARS = """\
## A car's level of charge

It is told by the car, over one of the topics above or any other one (`soc:` of a vehicle), by the wallbox where it
knows it, or by a person on the page. Between two tellings it is reckoned: what was charged since, less a tenth for the
losses of the car's charger, measured by its `capacity_kwh`. The page says who told it, how long ago, and from which
level it was reckoned. What the car told holds for a day, whether it is plugged in or not; what wallbox or person told
ends when the car is unplugged. While nobody has told any, the plan assumes one, and the page says which.
"""


def page() -> str:
    files = {file.stem: read(file) for file in sorted(SHIPPED.glob("*.yaml"))}
    registers = {name: file for name, file in files.items() if file.has_registers}
    topics = {name: file for name, file in files.items() if file.mqtt is not None}
    return "\n".join(
        [
            HEAD,
            "## Over Modbus (TCP, RTU over TCP, RTU on a serial port)\n",
            "| device | what it is | status | measures | recognised | evidence |",
            "|---|---|---|---|---|---|",
            *(
                _row(name, file, _measured(file), known="✓" if file.identity else "")
                for name, file in registers.items()
            ),
            SUNSPEC_ROW,
            "",
            "## Over MQTT\n",
            "| device | what it is | status | measures | {topic} | evidence |",
            "|---|---|---|---|---|---|",
            *(_row(name, file, _published(file), known=_topic(file)) for name, file in topics.items()),
            "",
            CARS,
            "## What an installer should know\n",
            *(line for name, file in files.items() for line in _notes(name, file)),
        ]
    )


def status(name: str, file: DeviceFile) -> str:
    if _recordings(name):
        missing = {role for role in Role if getattr(file, role) is not None} - set(_recorded_roles(name))
        return f"proven ({', '.join(_recorded_roles(name))})" if missing else "proven"
    return "experimental" if file.experimental else "expected"


def _row(name: str, file: DeviceFile, measured: str, *, known: str) -> str:
    what = file.name + (f" ({', '.join(file.models)})" if file.models else "")
    sources = "; ".join(file.sources)
    recorded = _recorded(name)
    return f"| `{name}` | {what} | {status(name, file)} | {measured} | {known} | {recorded}{sources} |"


@cache
def _all_recordings() -> dict[Path, tuple[str, frozenset[str]]]:
    """Of each recording, the device and the roles that it holds."""
    found = {file: yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(RECORDED.glob("*.yaml"))}
    return {file: (its["device"], frozenset(its["expected"])) for file, its in found.items()}


def _recordings(name: str) -> list[Path]:
    """A device's recordings: one for each device that was recorded."""
    return [file for file, (device, _) in _all_recordings().items() if device == name]


def _recorded(name: str) -> str:
    return "".join(f"[recording](../tests/devices/recorded/{file.name}); " for file in _recordings(name))


def _recorded_roles(name: str) -> list[str]:
    found = {role for file in _recordings(name) for role in _all_recordings()[file][1]}
    return [role for role in Role if role in found]


def _topic(file: DeviceFile) -> str:
    assert file.mqtt is not None
    return f"`{file.mqtt.topic}`, if not said otherwise" if file.mqtt.topic else "see below"


def _measured(file: DeviceFile) -> str:
    maps = ((role, getattr(file, role)) for role in Role)
    return "; ".join(_quantities(role, its) for role, its in maps if its is not None)


def _published(file: DeviceFile) -> str:
    maps = [(role.value, getattr(file.mqtt, role)) for role in Role]
    maps.append(("car", file.mqtt.car if file.mqtt else None))
    return "; ".join(_quantities(role, its) for role, its in maps if its is not None)


def _quantities(role: str, its: RoleMap | MqttRoleMap) -> str:
    if isinstance(its, RoleMap) and its.sunspec:
        return f"{role}: by SunSpec"
    named = {
        "power": its.power_w,
        "currents": its.currents_a,
        "voltages": its.voltages_v,
        "counters": its.energy_import_wh or its.energy_export_wh,
        "state of charge": its.soc_pct,
    }
    return f"{role}: {', '.join(name for name, quantity in named.items() if quantity)}"


def _notes(name: str, file: DeviceFile) -> Iterator[str]:
    if not file.notes:
        return
    yield f"**`{name}`** {file.name}\n"
    yield from (f"- {note}" for note in file.notes)
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} is written")
