"""The configuration keys of the simulated wallbox (OCPP 1.6 section 9), with the defaults that wallboxes ship with.

As in the field, the samples that it sends by itself are few and far between until somebody configures it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drivers.simulated.personalities import Personality

MEASURANDS = (
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "SoC",
)
CONNECTORS = 1
MAX_STACK_LEVEL = 8
MAX_PROFILES = 10
MAX_PERIODS = 24

_READ_ONLY = {
    "NumberOfConnectors": str(CONNECTORS),
    "SupportedFeatureProfiles": "Core,SmartCharging,RemoteTrigger",
    "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
    "ChargingScheduleMaxPeriods": str(MAX_PERIODS),
    "MaxChargingProfilesInstalled": str(MAX_PROFILES),
    "MeterValuesSampledDataMaxLength": str(len(MEASURANDS)),
}
_WRITABLE = {
    "AuthorizeRemoteTxRequests": "false",
    "ClockAlignedDataInterval": "0",
    "ConnectionTimeOut": "60",
    "HeartbeatInterval": "300",
    "LocalAuthorizeOffline": "true",
    "MeterValuesAlignedData": "Energy.Active.Import.Register",
    "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import",
    "MeterValueSampleInterval": "60",
    "StopTransactionOnEVSideDisconnect": "true",
    "StopTransactionOnInvalidId": "true",
    "TransactionMessageAttempts": "3",
    "TransactionMessageRetryInterval": "60",
    "WebSocketPingInterval": "30",
}
_NUMBERS = {key for key, value in _WRITABLE.items() if value.isdigit()}


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    value: str
    readonly: bool


class Configuration:
    def __init__(self, personality: Personality, phase_choice: str) -> None:
        self._personality = personality
        self._read_only = _READ_ONLY | {
            "ChargingScheduleAllowedChargingRateUnit": personality.rate_units,
            "ConnectorSwitch3to1PhaseSupported": "true" if phase_choice == "auto" else "false",
            "GetConfigurationMaxKeys": str(personality.get_configuration_max_keys),
        }
        self.reset()

    def reset(self) -> None:
        """Back to the state of delivery."""
        self._writable = dict(_WRITABLE)

    def known(self, names: Iterable[str] = ()) -> tuple[list[Key], list[str]]:
        """The keys asked for, or all of them; and the names that do not exist."""
        every = self._read_only | self._writable
        wanted = list(names) or sorted(every)
        keys = [Key(name, every[name], name in self._read_only) for name in wanted if name in every]
        return keys[: self._personality.get_configuration_max_keys], [name for name in wanted if name not in every]

    def change(self, name: str, value: str) -> str:
        """The status of a ChangeConfiguration. A list of measurands is taken whole or not at all."""
        if name not in self._writable:
            return "Rejected" if name in self._read_only else "NotSupported"
        if name in _NUMBERS and not value.isdigit():
            return "Rejected"
        if name.endswith("SampledData") and not set(_split(value)) <= set(MEASURANDS):
            return "Rejected"
        self._writable[name] = value
        return "Accepted"

    @property
    def sample_interval_s(self) -> float:
        """0: no periodic samples."""
        interval_s = float(self._writable["MeterValueSampleInterval"])
        return max(interval_s, self._personality.sample_floor_s) if interval_s else 0.0

    @property
    def sampled(self) -> tuple[str, ...]:
        return _split(self._writable["MeterValuesSampledData"])

    @property
    def heartbeat_s(self) -> float:
        return float(self._writable["HeartbeatInterval"])

    @property
    def connection_timeout_s(self) -> float:
        return float(self._writable["ConnectionTimeOut"])


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())
