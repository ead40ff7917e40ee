"""What no single section can know: whether the parts of config.yaml fit together and to this machine.

Each check is a generator over the validated Config. A fault names every place that takes part, so that ``load`` can
leave it out when one of them was refused already and stands at its default for that reason only.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from drivers.base import DeviceError
from drivers.device_file import SHIPPED, load
from drivers.modbus import CUSTOM, DEVICES, ModbusSettings
from drivers.mqtt import MqttSettings
from hemsd.config.cloud_checks import cloud_faults
from hemsd.config.file import KeyPath, Plain
from hemsd.config.meter_checks import control_faults, line_faults, mqtt_faults, position_faults
from hemsd.config.models import Config, role_of
from hemsd.config.words import Fault, at_least, at_most, did_you_mean, one_of
from hemsd.model import Role
from hemsd.said import Said, said
from web.settings import refusal


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the checks may know of the machine."""

    folder: Path  # where config.yaml stands
    has_password: bool  # whether `hemsd password` was used


def faults(config: Config, surroundings: Surroundings) -> Iterator[Fault]:
    yield from _timezone(config)
    yield from _meters(config)
    yield from _devices(config, surroundings.folder)
    yield from line_faults(config, surroundings.folder)
    yield from mqtt_faults(config, surroundings.folder)
    yield from position_faults(config)
    yield from control_faults(config, surroundings.folder)
    yield from _broker(config)
    yield from _fuse(config)
    yield from _ages(config)
    yield from _charge_points(config)
    yield from _references(config)
    yield from _web(config, surroundings.has_password)
    yield from cloud_faults(config)
    yield from _alerts(config)
    yield from _ports(config)
    yield from _simulate(config)


def missing_files(values: Plain, path: KeyPath = ()) -> Iterator[Fault]:
    """Every key that ends in _file names a file that can be read."""
    match values:
        case dict():
            for key, value in values.items():
                if key.endswith("_file") and isinstance(value, str):
                    yield from _missing_file(Path(value), (*path, key))
                else:
                    yield from missing_files(value, (*path, key))
        case list():
            for index, value in enumerate(values):
                yield from missing_files(value, (*path, index))
        case _:
            return


def _missing_file(file: Path, path: KeyPath) -> Iterator[Fault]:
    try:
        with file.open("rb"):
            return
    except FileNotFoundError:
        yield Fault(
            (path,),
            said("fault.no_file", "{file} does not exist", file=str(file)),
            said("fault.no_file.do", "create it, or correct the path"),
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        yield Fault(
            (path,),
            said("fault.unreadable", "{file} can't be read ({why})", file=str(file), why=str(why)),
            said("fault.unreadable.do", "name a file that hemsd's user may read"),
        )


def _timezone(config: Config) -> Iterator[Fault]:
    name = config.site.timezone
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        remedy = (
            did_you_mean(near[0])
            if near
            else said("fault.timezone.do", "a name of the tz database, such as Europe/Berlin")
        )
        yield Fault(
            (("site", "timezone"),), said("fault.timezone", '"{name}" is not a known time zone', name=name), remedy
        )


def _meters(config: Config) -> Iterator[Fault]:
    first: dict[Role, KeyPath] = {}
    for name, entry in config.meters.items():
        path: KeyPath = ("meters", name)
        several = entry if isinstance(entry, tuple) else (entry,)
        roles = {role_of(name, settings) for settings in several}
        if None in roles:
            yield Fault(
                (path,),
                said("fault.no_role", "the name does not say what it measures"),
                said("fault.no_role.do", "add role: grid, pv or battery"),
            )
            continue
        for role in sorted(role for role in roles if role is not None):
            if role is Role.PV:
                continue
            if isinstance(entry, tuple):
                yield Fault(
                    (path,),
                    said("fault.list_of_one", "a list stands for one {role} meter", role=role),
                    said("fault.list_of_one.do", "only pv may be a list, and is added up"),
                )
            elif role in first:
                yield Fault(
                    (path,),
                    said("fault.second", "is a second {role} meter", role=role),
                    said("fault.second.do", "keep it or {other}, not both", other=str(first[role][-1])),
                )
            first.setdefault(role, path)


def _devices(config: Config, folder: Path) -> Iterator[Fault]:
    known = known_devices(folder)
    for name, entry in config.meters.items():
        for index, settings in enumerate(entry if isinstance(entry, tuple) else (entry,)):
            path: KeyPath = ("meters", name, index) if isinstance(entry, tuple) else ("meters", name)
            if isinstance(settings, ModbusSettings) and settings.device != CUSTOM:
                yield from _device((*path, "device"), settings.device, role_of(name, settings), known, folder)


def _device(path: KeyPath, device: str, role: Role | None, known: list[str], folder: Path) -> Iterator[Fault]:
    """The device is known, its file can be read, and it serves the role."""
    if device not in known:
        yield Fault(
            (path,), said("fault.no_device", 'there is no device "{device}"', device=device), one_of(device, known)
        )
        return
    try:
        found = load(device, folder / "devices")
        if role is not None:
            found.role(role)
    except ValueError as error:
        yield Fault((path,), str(error), said("fault.device_file", "mend the device's file"))
    except DeviceError as error:
        yield Fault((path,), str(error), said("fault.other_device", "name another device, or another role"))


def known_devices(folder: Path) -> list[str]:
    """What ``device:`` may say: those built in, the shipped files, and those in devices/ beside config.yaml."""
    files = [*SHIPPED.glob("*.yaml"), *(folder / "devices").glob("*.yaml")]
    return [*DEVICES, *sorted({file.stem for file in files} - set(DEVICES))]


def _broker(config: Config) -> Iterator[Fault]:
    if config.mqtt is not None:
        return
    for name, entry in config.meters.items():
        for settings in entry if isinstance(entry, tuple) else (entry,):
            if isinstance(settings, MqttSettings):
                yield _no_broker(("meters", name, "driver"))
    for name, vehicle in config.vehicles.items():
        if vehicle.soc is not None:
            yield _no_broker(("vehicles", name, "soc"))
        if vehicle.elsewhere is not None:
            yield _no_broker(("vehicles", name, "elsewhere"))


def _no_broker(path: KeyPath) -> Fault:
    return Fault(
        (path, ("mqtt",)),
        said("fault.no_broker", "is read over MQTT, and no broker is named"),
        said("fault.no_broker.do", "add mqtt: {{host: ...}}"),
    )


def _fuse(config: Config) -> Iterator[Fault]:
    fuse_a = config.site.main_fuse_a
    for name, box in config.wallboxes.items():
        for key, amps in (("max_a", box.max_a), ("min_a", box.min_a)):
            if amps > fuse_a:
                yield Fault(
                    (("wallboxes", name, key), ("site", "main_fuse_a")),
                    said(
                        "fault.above_fuse",
                        "{amps_a:g} A is above the main fuse of {fuse_a:g} A",
                        amps_a=amps,
                        fuse_a=fuse_a,
                    ),
                    said("fault.above_fuse.do", "at most {fuse_a:g}, or correct site.main_fuse_a", fuse_a=fuse_a),
                )
                break
    if config.steering.failsafe_a > fuse_a:
        yield Fault(
            (("steering", "failsafe_a"), ("site", "main_fuse_a")),
            said(
                "fault.above_fuse",
                "{amps_a:g} A is above the main fuse of {fuse_a:g} A",
                amps_a=config.steering.failsafe_a,
                fuse_a=fuse_a,
            ),
            at_most(fuse_a),
        )


def _ages(config: Config) -> Iterator[Fault]:
    """A reading grows old in this order: not judged by, down to the minimum, pause."""
    keys = ("stale_skip_s", "stale_step_s", "stale_stop_s")
    ages_s = (config.steering.stale_skip_s, config.steering.stale_step_s, config.steering.stale_stop_s)
    for (earlier, earlier_s), (later, later_s) in pairwise(zip(keys, ages_s, strict=True)):
        if later_s < earlier_s:
            wrong = said(
                "fault.below",
                "{later_s:g} s is below {earlier} ({earlier_s:g} s)",
                later_s=later_s,
                earlier=earlier,
                earlier_s=earlier_s,
            )
            yield Fault((("steering", later), ("steering", earlier)), wrong, at_least(earlier_s))


def _charge_points(config: Config) -> Iterator[Fault]:
    owners: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name, box in config.wallboxes.items():
        owners[box.charge_point, box.connector].append(name)
    for (charge_point, connector), names in owners.items():
        for name in names[1:]:
            yield Fault(
                (("wallboxes", name, "charge_point"), ("wallboxes", names[0], "charge_point")),
                said(
                    "fault.same_box",
                    '"{charge_point}" (connector {connector}) is the wallbox {name} already',
                    charge_point=charge_point,
                    connector=connector,
                    name=names[0],
                ),
                said("fault.same_box.do", "give each wallbox the identity that stands in its own settings"),
            )


def _references(config: Config) -> Iterator[Fault]:
    for name, vehicle in config.vehicles.items():
        if vehicle.wallbox not in config.wallboxes:
            yield _unknown(
                ("vehicles", name, "wallbox"),
                _no_wallbox(vehicle.wallbox),
                vehicle.wallbox,
                ("wallboxes",),
                config.wallboxes,
            )
    for name, policy in config.policies.items():
        if policy.vehicle not in config.vehicles:
            missing = said("fault.no_vehicle", 'there is no vehicle "{name}"', name=policy.vehicle)
            yield _unknown(("policies", name, "vehicle"), missing, policy.vehicle, ("vehicles",), config.vehicles)


def _no_wallbox(name: str) -> Said:
    return said("fault.no_wallbox", 'there is no wallbox "{name}"', name=name)


def _unknown(path: KeyPath, missing: Said, name: str, section: KeyPath, known: object) -> Fault:
    names = [str(key) for key in known] if isinstance(known, dict) else []
    remedy = (
        one_of(name, names) if names else said("fault.add_under", "add it under {section}", section=str(section[0]))
    )
    return Fault((path, (*section, name)), missing, remedy)


def _web(config: Config, has_password: bool) -> Iterator[Fault]:
    refused = refusal(config.web, has_password=has_password)
    if refused is not None:
        wrong, remedy = refused
        yield Fault((("web", "host"), ("web", "password_file")), wrong, remedy)


def _alerts(config: Config) -> Iterator[Fault]:
    if config.alerts.mqtt is not None and config.mqtt is None:
        yield Fault(
            (("alerts", "mqtt"), ("mqtt",)),
            said("fault.no_alert_broker", "there is no broker to publish to"),
            said("fault.no_broker.do", "add mqtt: {{host: ...}}"),
        )


def _simulate(config: Config) -> Iterator[Fault]:
    if config.simulate is None:
        return
    for name in config.simulate.personality:
        if name not in config.wallboxes:
            path: KeyPath = ("simulate", "personality", name)
            yield Fault((path, ("wallboxes", name)), _no_wallbox(name), one_of(name, config.wallboxes))


def _ports(config: Config) -> Iterator[Fault]:
    """Two listeners can't share a port; 0 takes any free one."""
    listeners: list[tuple[KeyPath, int]] = [(("web", "port"), config.web.port), (("ocpp", "port"), config.ocpp.port)]
    if config.simulate is not None:
        listeners.append((("simulate", "modbus_port"), config.simulate.modbus_port))
    for (first, port), (second, other_port) in combinations(listeners, 2):
        if port == other_port != 0:
            yield Fault(
                (second, first),
                said("fault.port_taken", "{port} is {section}'s port already", port=str(port), section=str(first[0])),
                said("fault.port_taken.do", "take another one"),
            )
