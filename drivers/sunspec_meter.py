"""What a SunSpec device's values mean for a house: its chain and a role become readings.

What the standard leaves open, and what is made of it here:

- The sign of a meter's power (models 201 to 214) is not fixed. It counts as import when positive, as at Fronius and
  Kostal; ``invert`` turns it (SolarEdge). The energy counters name their direction and are never turned.
- At night inverters say "not implemented" instead of 0 W. With an operating state of off, sleeping or standby that is
  0 W; otherwise it is not known.
- A hybrid's AC power is sun and battery together. Where the DC inputs of model 160 are named, the sun is their sum.
- Kostal's meter counts what is sold below zero, in a counter that has no sign: its size counts (a trace is in
  github.com/evcc-io/evcc/issues/18358).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drivers.base import DeviceError
from drivers.modbus_blocks import Image, Span
from drivers.phases import corrected, signed
from drivers.sunspec import SunSpecDevice
from drivers.sunspec_models import FLOAT_METERS, INPUTS, INVERTERS, METERS, PORTS, STORAGE, Model, Point
from hemsd.model import MeterReading, PerPhase, Role
from hemsd.said import said

AT_REST = (1, 2, 8)  # the operating states off, sleeping and standby of models 101 to 113 (St) and 701 (InvSt)
BELOW_ZERO_WH = 2.0**31  # no home counts as much: the highest bit of a counter of 32 is a sign
STORAGE_PORT = 2  # model 714, PrtTyp: energy storage system


@dataclass(frozen=True, slots=True)
class Flow:
    """Where a power comes from: the sum of the ``plus`` points less the ``minus`` points of one model."""

    model: Model
    plus: tuple[Point, ...]
    minus: tuple[Point, ...] = ()

    def power_w(self, image: Image) -> float | None:
        """Points that are not known don't count, as an input without a panel never is; None when none is known."""
        plus = [w for w in (self.model.value(p, image) for p in self.plus) if w is not None]
        minus = [w for w in (self.model.value(p, image) for p in self.minus) if w is not None]
        return sum(plus) - sum(minus) if plus or minus else None


@dataclass(frozen=True, slots=True)
class SunSpecMeter:
    """How one role is read from one device. Made by ``meter``."""

    role: Role
    main: Model | None  # the inverter's or the meter's own model; for a battery, its inverter's where there is one
    flow: Flow | None
    charge: tuple[Model, str] | None = None  # the model and the point of the state of charge
    invert: bool = False
    inverted_cts: tuple[int, ...] = ()
    remark: str = ""  # what a person should know about this device in this role

    @property
    def flickers(self) -> bool:
        return self.role is Role.GRID and self.main is not None and self.main.id in FLOAT_METERS

    def spans(self) -> list[Span]:
        spans = [point.span(self.main) for point in self.main.points if point.name != "DCW"] if self.main else []
        if self.flow:
            spans += [point.span(self.flow.model) for point in (*self.flow.plus, *self.flow.minus)]
        if self.charge:
            model, name = self.charge
            spans += [point.span(model) for point in model.points if point.name == name]
        return spans

    def reading(self, image: Image) -> MeterReading:
        main = self.main.values(image) if self.main else {}
        power_w = self.flow.power_w(image) if self.flow else None
        if power_w is None and self.flow and main.get("St") in AT_REST:
            power_w = 0.0
        phases_w = _phases(main, "WphA", "WphB", "WphC")
        power_w, phases_w = corrected(power_w, phases_w, self.inverted_cts)
        sign = -1.0 if self.invert else 1.0
        power_w = None if power_w is None else sign * power_w
        match self.role:
            case Role.GRID:
                return _grid(main, power_w, phases_w, sign)
            case Role.PV:
                return MeterReading(
                    power_w=None if power_w is None else max(0.0, power_w),  # its own consumption at night
                    currents_a=_phases(main, "AphA", "AphB", "AphC"),
                    voltages_v=_phases(main, "PhVphA", "PhVphB", "PhVphC"),
                    energy_export_wh=main.get("WH"),
                )
            case Role.BATTERY:
                soc_pct = self.charge[0].values(image)[self.charge[1]] if self.charge else None
                return MeterReading(power_w=power_w, soc_pct=soc_pct)


def _phases(values: Mapping[str, float | None], *names: str) -> PerPhase:
    a, b, c = (values.get(name) for name in names)
    return a, b, c


def _grid(values: Mapping[str, float | None], power_w: float | None, phases_w: PerPhase, sign: float) -> MeterReading:
    currents = list(_phases(values, "AphA", "AphB", "AphC"))
    powers = list(phases_w)
    if currents == [None] * 3 and values.get("A") is not None and not any(powers):
        currents[0] = values["A"]  # a single-phase meter that only gives the total
    if currents.count(None) == 2 and currents[0] is not None and power_w is not None:
        powers[0], sign = power_w, 1.0
    return MeterReading(
        power_w=power_w,
        currents_a=signed(currents, powers, sign),
        voltages_v=_phases(values, "PhVphA", "PhVphB", "PhVphC"),
        energy_import_wh=_counted(values.get("TotWhImp")),
        energy_export_wh=_counted(values.get("TotWhExp")),
    )


def _counted(energy_wh: float | None) -> float | None:
    if energy_wh is None or not BELOW_ZERO_WH < energy_wh < 2 * BELOW_ZERO_WH:
        return energy_wh
    return 2 * BELOW_ZERO_WH - energy_wh


def meter(
    device: SunSpecDevice,
    role: Role,
    *,
    invert: bool = False,
    strings: Sequence[int] = (),
    inverted_cts: tuple[int, ...] = (),
) -> SunSpecMeter:
    """How ``role`` is read from ``device``. ``strings`` names the DC inputs that are solar, counted from 1.

    Raises DeviceError when the device does not serve what the role needs.
    """
    match role:
        case Role.GRID:
            return replace(_grid_meter(device, invert), inverted_cts=inverted_cts)
        case Role.PV:
            return _pv_meter(device, invert, strings)
        case Role.BATTERY:
            return _battery_meter(device, invert)


def _named(model: Model, *names: str) -> tuple[Point, ...]:
    return tuple(point for point in model.points if point.name in names)


def _grid_meter(device: SunSpecDevice, invert: bool) -> SunSpecMeter:
    found = device.first(*METERS)
    if found is None:
        raise DeviceError(
            said(
                "sunspec.no_meter",
                "{device} serves no meter (model 201 to 204 or 211 to 214), only {models}",
                device=str(device),
                models=_chain(device),
            )
        )
    return SunSpecMeter(Role.GRID, found, Flow(found, _named(found, "W")), invert=invert)


def _pv_meter(device: SunSpecDevice, invert: bool, strings: Sequence[int]) -> SunSpecMeter:
    inverter = device.first(*INVERTERS)
    dc_inputs = device.first(160)
    if dc_inputs is not None and (solar := strings or _solar_inputs(device)):
        if max(solar) > INPUTS.count(dc_inputs):
            raise DeviceError(
                said(
                    "sunspec.inputs",
                    "{device} has {count} DC inputs, not {highest}",
                    device=str(device),
                    count=INPUTS.count(dc_inputs),
                    highest=max(solar),
                )
            )
        flow = Flow(dc_inputs, tuple(INPUTS.point(number - 1) for number in solar))
        return SunSpecMeter(Role.PV, inverter, flow, invert=invert)
    if inverter is None:
        raise DeviceError(
            said(
                "sunspec.no_inverter",
                "{device} serves no inverter (model 101 to 103, 111 to 113 or 701), only {models}",
                device=str(device),
                models=_chain(device),
            )
        )
    remark = ""
    if device.first(*STORAGE):
        remark = "its AC power is sun and battery together; name the DC inputs that are solar in pv_strings"
    return SunSpecMeter(Role.PV, inverter, Flow(inverter, _named(inverter, "W")), invert=invert, remark=remark)


def _battery_meter(device: SunSpecDevice, invert: bool) -> SunSpecMeter:
    inverter = device.first(*INVERTERS)
    flow = _battery_flow(device)
    levels = [
        (model, name) for id, name in ((802, "SoC"), (713, "SoC"), (124, "ChaState")) if (model := device.first(id))
    ]
    if flow is None and not levels:
        raise DeviceError(
            said(
                "sunspec.no_battery",
                "{device} serves no battery (model 802, 713 with 714, or 124), only {models}",
                device=str(device),
                models=_chain(device),
            )
        )
    remark = "" if flow else "it tells the battery's state of charge, but not its power"
    return SunSpecMeter(Role.BATTERY, inverter, flow, levels[0] if levels else None, invert, remark=remark)


def _battery_flow(device: SunSpecDevice) -> Flow | None:
    """Positive while the battery discharges: 802 W (Kostal), 714 as injection, or the inputs that Fronius names so."""
    if (battery := device.first(802)) and (points := _named(battery, "W")):
        return Flow(battery, points)
    storage = [index for index, kind in enumerate(device.ports) if kind == STORAGE_PORT]
    if (dc_ports := device.first(714)) and storage:
        return Flow(dc_ports, tuple(PORTS.point(index) for index in storage))
    discharge = [index for index, name in enumerate(device.inputs) if name.startswith("StDisCha")]
    charge = [index for index, name in enumerate(device.inputs) if name.startswith("StCha")]
    if (dc_inputs := device.first(160)) and (charge or discharge):
        return Flow(dc_inputs, tuple(map(INPUTS.point, discharge)), tuple(map(INPUTS.point, charge)))
    return None


def _solar_inputs(device: SunSpecDevice) -> tuple[int, ...]:
    """Where the names tell which inputs are the battery (Fronius: StCha 3, StDisCha 4), the others are solar.

    The number of inputs tells nothing: the third one is a battery at Fronius and may be a string at Kostal.
    """
    if not any(name.startswith(("StCha", "StDisCha")) for name in device.inputs):
        return ()
    return tuple(i for i, name in enumerate(device.inputs, 1) if not name.startswith(("StCha", "StDisCha")))


def _chain(device: SunSpecDevice) -> str:
    return ", ".join(str(model.id) for model in device.models)
