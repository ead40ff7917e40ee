"""SunSpec: how a device describes its own registers.

Somewhere (register 40000, 0 or 50000) stand the letters ``SunS``. From there on the device lists its *models*, each
with its number and its length, up to the number 0xFFFF: a chain that is walked, never assumed, because the first
model is 65 or 66 words long and makers put models of their own in between (SunSpec Device Information Model
Specification 1.1, section 6).

Nothing here talks to anybody. ``walk`` says which registers it wants to see next and is handed their words;
``drivers.sunspec_models`` knows what stands in a model, ``drivers.sunspec_meter`` what it means for a house.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from drivers.base import DeviceError
from drivers.modbus_blocks import Span
from drivers.modbus_words import text
from drivers.sunspec_models import INPUTS, PORTS, Model

BASES = (40000, 0, 50000)
MARKER = (0x5375, 0x6E53)  # "SunS"
END = 0xFFFF
MOST_MODELS = 100  # a chain that is longer is not one


class NoSunSpec(DeviceError):
    """The device answers, and has no such chain."""


@dataclass(frozen=True, slots=True)
class SunSpecDevice:
    """What a device says of itself."""

    base: int
    manufacturer: str
    model: str
    options: str
    version: str
    serial: str
    models: tuple[Model, ...]
    inputs: tuple[str, ...] = ()  # the names of model 160's DC inputs
    ports: tuple[int, ...] = ()  # the types of model 714's DC ports

    def __str__(self) -> str:
        version = f", version {self.version}" if self.version else ""
        return f"{self.manufacturer} {self.model} (serial {self.serial}{version})"

    def first(self, *ids: int) -> Model | None:
        """The first model of the chain that is one of these: some devices serve the same values as int and float."""
        return next((model for model in self.models if model.id in ids), None)


Walk = Generator[Span, Sequence[int] | None, SunSpecDevice]
"""Yields what it wants to see, and is sent the words, or None where the device refuses them."""


def walk() -> Walk:
    """Finds the chain and all its models. Raises NoSunSpec when there is none."""
    for base in BASES:
        if (yield Span(base, 2)) == [*MARKER]:
            break
    else:
        raise NoSunSpec(f"no SunSpec at registers {', '.join(map(str, BASES))}: is the unit id right?")
    models: list[Model] = []
    address = base + 2
    while len(models) < MOST_MODELS and address < END:
        header = yield Span(address, 2)
        if header is None or header[0] == END or header[1] == 0:
            break
        models.append(Model(header[0], address, header[1]))
        address += 2 + header[1]
    return (yield from _identify(base, tuple(models)))


def _identify(base: int, models: tuple[Model, ...]) -> Walk:
    by_id = {model.id: model for model in reversed(models)}
    words: Sequence[int] | None = None
    if 1 in by_id and by_id[1].length >= 64:
        words = yield Span(by_id[1].address + 2, 64)
    common = words or [0] * 64
    inputs: list[str] = []
    if 160 in by_id:
        for index in range(INPUTS.count(by_id[160])):
            name = yield Span(by_id[160].address + INPUTS.first + index * INPUTS.length + 1, 8)
            inputs.append(text(name or ()))
    ports: list[int] = []
    if 714 in by_id:
        for index in range(PORTS.count(by_id[714])):
            kind = yield Span(by_id[714].address + PORTS.first + index * PORTS.length, 1)
            ports.append(kind[0] if kind else 0)
    return SunSpecDevice(
        base=base,
        manufacturer=text(common[0:16]),
        model=text(common[16:32]),
        options=text(common[32:40]),
        version=text(common[40:48]),
        serial=text(common[48:64]),
        models=models,
        inputs=tuple(inputs),
        ports=tuple(ports),
    )
