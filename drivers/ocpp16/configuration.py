"""What a box says of itself in GetConfiguration, read tolerantly. Pure.

Everything here is a hint. Boxes leave keys out, spell units their own way, truncate lists, and announce feature
profiles that they lack or lack ones that work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.ocpp16.inbound import MAX_ID_TAG, text, whole
from drivers.ocpp16.ways import Offer, Unit
from drivers.ocpp16.wire import Json

KEYS = (
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported",
    "GetConfigurationMaxKeys",
    "MaxChargingProfilesInstalled",
    "MeterValueSampleInterval",
    "MeterValuesSampledData",
    "MeterValuesSampledDataMaxLength",
    "NumberOfConnectors",
    "SupportedFeatureProfiles",
)
"""What is asked for one by one where a box does not tell everything at once."""

_UNITS = {"current": Unit.AMPS, "a": Unit.AMPS, "amps": Unit.AMPS, "power": Unit.WATTS, "w": Unit.WATTS}
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_FREE_VEND_KEYS = ("PlugAndChargeIdentifier", "FreeModeRFID", "FreeChargingIdTag", "AuthDisabledIdTag")
_PHASE_KEYS = ("ConnectorSwitch3to1PhaseSupported", "ACPhaseSwitchingSupported")


@dataclass(frozen=True, slots=True)
class Entry:
    value: str
    readonly: bool


@dataclass(frozen=True, slots=True)
class Configuration:
    """The keys that the box told, by lower-case name: boxes differ in the case of the standard ones."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def get(self, key: str) -> Entry | None:
        return self.entries.get(key.lower())

    def number(self, key: str) -> int | None:
        entry = self.get(key)
        return whole(entry.value) if entry else None

    def merged(self, other: Configuration) -> Configuration:
        return Configuration({**self.entries, **other.entries})

    @property
    def offer(self) -> Offer:
        stack = self.number("ChargeProfileMaxStackLevel")
        return Offer(max_stack=stack if stack is not None and stack >= 0 else None, units=self.units or tuple(Unit))

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units that the box names, amperes first; empty: it does not say."""
        entry = self.get("ChargingScheduleAllowedChargingRateUnit")
        words = entry.value.replace(";", ",").split(",") if entry else []
        named = {_UNITS[word.strip().lower()] for word in words if word.strip().lower() in _UNITS}
        return tuple(unit for unit in Unit if unit in named)

    @property
    def two_periods(self) -> bool:
        """Whether one schedule may hold the limit and the failsafe."""
        most = self.number("ChargingScheduleMaxPeriods")
        return most is None or most >= 2

    @property
    def smart_charging(self) -> bool | None:
        """What the box announces; None: it does not say. A hint only: some boxes steer well without announcing it."""
        return self._has_profile("smartcharging")

    @property
    def remote_trigger(self) -> bool | None:
        return self._has_profile("remotetrigger")

    @property
    def phase_switching(self) -> bool | None:
        for key in _PHASE_KEYS:
            entry = self.get(key)
            if entry is not None:
                return _TRUTHS.get(entry.value.strip().lower())
        return None

    @property
    def free_vend_tag(self) -> str:
        """The id that the box itself charges under when no card is shown; the only one that some let be started."""
        for key in _FREE_VEND_KEYS:
            entry = self.get(key)
            if entry is not None and entry.value:
                return text(entry.value, MAX_ID_TAG)
        return ""

    @property
    def measurands(self) -> tuple[str, ...]:
        entry = self.get("MeterValuesSampledData")
        return tuple(word.strip() for word in entry.value.split(",") if word.strip()) if entry else ()

    def _has_profile(self, wanted: str) -> bool | None:
        entry = self.get("SupportedFeatureProfiles")
        if entry is None or not entry.value.strip():
            return None
        return wanted in {word.strip().lower() for word in entry.value.split(",")}


def read_configuration(payload: Json) -> Configuration:
    """The answer to GetConfiguration; what can't be read is left out."""
    listed = payload.get("configurationKey")
    entries = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and text(item.get("key")):
            value = item.get("value")
            word = str(value).lower() if isinstance(value, bool) else text(value, 2000)
            entries[text(item.get("key")).lower()] = Entry(word, item.get("readonly") in (True, "true"))
    return Configuration(entries)
