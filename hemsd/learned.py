"""What was learned or chosen and outlives a restart, as facts in the store.

What is learned of a wallbox holds for its kind (vendor, model, firmware), so another box of the same kind profits, and
a new firmware is learned anew. What is learned of a meter holds while config.yaml says the same of it. A note of an
older hemsd that no longer fits is dropped.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from drivers.ocpp16.memory import Memory as LadderMemory
from hemsd.capabilities import Capabilities
from hemsd.config import NamedMeter
from hemsd.model import Mode
from hemsd.store.store import Store
from rules.lateness import Bounds
from rules.witness import Witness

log = logging.getLogger(__name__)

MODE_FACT = "mode."
LADDER_FACT = "ladder."
WITNESS_FACT = "witness."
CAPABILITIES_FACT = "capabilities."
LATENESS_FACT = "lateness."

_LADDER = TypeAdapter(LadderMemory)
_WITNESS = TypeAdapter(Witness)
_CAPABILITIES = TypeAdapter(Capabilities)


@dataclass(frozen=True, slots=True)
class MeterNote:
    """How late a meter was at the last steps, under which settings."""

    settings: str
    bounds: tuple[Bounds, ...]


_METER_NOTE = TypeAdapter(MeterNote)


@dataclass(frozen=True, slots=True)
class Learned:
    store: Store

    def modes(self) -> dict[str, Mode]:
        """The modes that persons chose, by wallbox."""
        return {key: Mode(str(value)) for key, value in self._facts(MODE_FACT) if value in set(Mode)}

    def chose_mode(self, wallbox: str, mode: Mode) -> None:
        self.store.save_fact(MODE_FACT + wallbox, mode.value)

    def ladders(self) -> dict[str, LadderMemory]:
        """How each kind of wallbox wants to be told its limit."""
        found = {}
        for key, value in self._facts(LADDER_FACT):
            try:
                found[key] = _LADDER.validate_python(value)
            except ValidationError:
                log.info("What was learned of %s is learned anew", key)
        return found

    def ladder(self, memory: LadderMemory) -> None:
        self.store.save_fact(LADDER_FACT + memory.key, _LADDER.dump_python(memory, mode="json"))

    def witness_of(self, kind: str) -> Witness:
        """What the Current.Offered of a kind of wallbox is worth."""
        stored = self.store.facts().get(WITNESS_FACT + kind)
        try:
            return _WITNESS.validate_python(stored) if stored else Witness()
        except ValidationError:
            return Witness()

    def witness(self, kind: str, witness: Witness) -> None:
        self.store.save_fact(WITNESS_FACT + kind, _WITNESS.dump_python(witness, mode="json"))

    def sheet(self, found: Capabilities) -> None:
        """What a wallbox of this kind turned out to be able to do."""
        self.store.save_fact(CAPABILITIES_FACT + found.kind, _CAPABILITIES.dump_python(found, mode="json"))

    def sheet_of(self, kind: str) -> Capabilities | None:
        stored = self.store.facts().get(CAPABILITIES_FACT + kind)
        try:
            return _CAPABILITIES.validate_python(stored) if stored else None
        except ValidationError:
            return None

    def late_by(self, meter: NamedMeter) -> tuple[Bounds, ...]:
        """What the last steps told of a meter's delay; nothing once its settings are others."""
        stored = self.store.facts().get(LATENESS_FACT + meter.name)
        try:
            note = _METER_NOTE.validate_python(stored) if stored else None
        except ValidationError:
            return ()
        return note.bounds if note is not None and note.settings == _fingerprint(meter) else ()

    def lateness(self, meter: NamedMeter, bounds: tuple[Bounds, ...]) -> None:
        note = MeterNote(_fingerprint(meter), bounds)
        self.store.save_fact(LATENESS_FACT + meter.name, _METER_NOTE.dump_python(note, mode="json"))

    def _facts(self, prefix: str) -> Iterator[tuple[str, object]]:
        for key, value in self.store.facts().items():
            if key.startswith(prefix):
                yield key.removeprefix(prefix), value


def _fingerprint(meter: NamedMeter) -> str:
    """Changes with any setting of the meter but a secret's value."""
    return hashlib.sha256(f"{meter.role} {meter.settings.model_dump_json()}".encode()).hexdigest()
