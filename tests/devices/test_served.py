"""Every device's registers on a server, read through the engine: each value, its sign and its unit.

The words in ``served`` were made from the register tables of each device's sources, not from the device files, so that
the two hold each other to account. A last law sees to it that nothing in a device file stands there unchecked: whatever
is changed in it changes what is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.device_file import SHIPPED, DeviceFile, Point, Quantity, RoleMap, available, load, read
from drivers.device_meter import DeviceMeter
from drivers.modbus_line import TcpLine
from drivers.modbus_link import ModbusLink
from drivers.modbus_probe import examine
from drivers.modbus_words import WordOrder
from hemsd.model import UNKNOWN_PHASES, MeterReading, Role
from tests.devices.answers import RECORDED, SERVED, Answers, answers, on_a_server, readings

QUANTITIES = ("power_w", "currents_a", "voltages_v", "energy_import_wh", "energy_export_wh", "soc_pct")
NOTHING = (None, UNKNOWN_PHASES)
WITH_REGISTERS = {file.stem: device for file in SHIPPED.glob("*.yaml") if (device := read(file)).has_registers}


def waits(file: Path) -> list[pytest.MarkDecorator]:
    """Some devices want to be left alone after a connection."""
    return [pytest.mark.slow] if load(answers(file).device).transport.connect_delay_s > 0.5 else []


@pytest.mark.slow
@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem, marks=waits(file)) for file in SERVED])
async def test_every_value_of_a_device_has_its_sign_and_its_unit(file: Path) -> None:
    """And is read from the unit id, the registers and in the word order that the device's file names."""
    served = answers(file)
    for role, reading in (await readings(served)).items():
        known = {name: getattr(reading, name) for name in QUANTITIES if getattr(reading, name) not in NOTHING}
        assert known.keys() == served.expected[role].keys(), role
        for name, value in served.expected[role].items():
            assert known[name] == pytest.approx(tuple(value) if isinstance(value, list) else value), (role, name)
        assert not reading.doubts


def test_every_device_is_served_with_everything_that_its_file_names() -> None:
    found = {given.device: given for given in map(answers, [*RECORDED, *SERVED]) if whole(given)}
    assert found.keys() == WITH_REGISTERS.keys()


def whole(given: Answers) -> bool:
    """Whether each role is expected with all that it has."""
    file = load(given.device)
    roles = [role for role in Role if getattr(file, role) is not None]
    return list(given.expected) == roles and all(
        file.role(role).sunspec
        or set(given.expected[role]) == {name for name in QUANTITIES if getattr(file.role(role), name)}
        for role in roles
    )


# Nothing stands there unchecked


def quantities(role_map: RoleMap) -> Iterator[tuple[str, Quantity | tuple[Point, ...]]]:
    for name in (*QUANTITIES, "powers_w"):
        if quantity := getattr(role_map, name):
            yield name, quantity


def changed(role_map: RoleMap, name: str, index: int, point: Point) -> RoleMap:
    quantity = getattr(role_map, name)
    if isinstance(quantity, Point):
        return role_map.model_copy(update={name: point})
    return role_map.model_copy(update={name: (*quantity[:index], point, *quantity[index + 1 :])})


def mutants(file: DeviceFile, role_map: RoleMap) -> Iterator[tuple[str, RoleMap]]:
    """The role's map with one thing wrong, and what that is."""
    for name, quantity in quantities(role_map):
        for index, point in enumerate((quantity,) if isinstance(quantity, Point) else quantity):
            wrong = {"address": point.model_copy(update={"at": point.at + 1})}
            if name != "powers_w":  # these only lend their sign to the currents
                wrong["scale"] = point.model_copy(update={"scale": point.scale * 10})
            if not point.magnitude and name not in ("currents_a",):  # currents take their sign from the power
                wrong["sign"] = point.model_copy(update={"scale": -point.scale})
            if point.kind.words > 1:
                order = WordOrder.LITTLE if (point.order or file.transport.order) is WordOrder.BIG else WordOrder.BIG
                wrong["order"] = point.model_copy(update={"order": order})
            for what, mutant in wrong.items():
                yield f"{what} of {name} at {point.at}", changed(role_map, name, index, mutant)


def seen(role: Role, file: DeviceFile, role_map: RoleMap, given: Answers) -> tuple[MeterReading, ...]:
    """As it is connected, and with a transformer the wrong way round, where the phases' powers count."""
    image = given.image(role_map.unit if role_map.unit is not None else file.transport.unit)
    return tuple(
        DeviceMeter(role, role_map, file.transport, inverted_cts=inverted).reading(image)
        for inverted in ((), (1,), (2,), (3,))
    )


@pytest.mark.parametrize("file", SERVED, ids=lambda file: file.stem)
def test_whatever_is_changed_in_a_device_file_changes_what_is_read(file: Path) -> None:
    served = answers(file)
    device = load(served.device)
    unnoticed = [
        f"{role}: {what}"
        for role in served.expected
        if not (its := device.role(role)).sunspec and (role is Role.GRID or its != device.grid)
        for what, mutant in mutants(device, its)
        if seen(role, device, mutant, served) == seen(role, device, its, served)
    ]
    assert not unnoticed


# Who they are


@pytest.mark.slow
@pytest.mark.parametrize("file", SERVED, ids=lambda file: file.stem)
async def test_a_probe_recognises_every_device_or_says_what_it_could_be(file: Path) -> None:
    served = answers(file)
    device = load(served.device)
    async with on_a_server(served) as port:
        found = await examine(ModbusLink(TcpLine("127.0.0.1", port)), device.transport.unit, 1.0, available())
    if device.identity:
        assert (found.device, found.could_be) == (served.device, {})
    else:
        assert found.device is None
        assert set(found.could_be) == {served.device}
