"""Bringing a box that has just connected to where it can be steered and watched.

Each step is a hint that may fail: a box that answers none of it is steered all the same. Configuration is written
only where it differs, because boxes keep it in flash and some reboot over it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from ocpp.v16.call import ChangeConfiguration, GetConfiguration
from ocpp.v16.enums import Measurand

from drivers.ocpp16.configuration import KEYS, Configuration, read_configuration
from drivers.ocpp16.dispatching import judged
from drivers.ocpp16.inbound import text
from drivers.ocpp16.rpc import Answered, LinkLost, NoAnswer, Reply
from hemsd.model import DispatchStatus

log = logging.getLogger(__name__)

Call = Callable[[object], Awaitable[Reply]]

SAMPLE_INTERVAL_S = 10
INTERVAL_KEY = "MeterValueSampleInterval"
MEASURANDS_KEY = "MeterValuesSampledData"

MEASURANDS = tuple(
    measurand.value
    for measurand in (
        Measurand.energy_active_import_register,
        Measurand.power_active_import,
        Measurand.current_import,
        Measurand.current_offered,
        Measurand.voltage,
        Measurand.soc,
    )
)
"""What the verdicts and the visits live on, the most needed first: lists are cut where a box takes few."""


async def read_whole_configuration(call: Call) -> Configuration:
    """All keys at once; the ones that matter one by one where the box tells nothing that way."""
    everything = await call(GetConfiguration())
    configuration = _configuration_in(everything)
    if isinstance(everything, NoAnswer | LinkLost) or not _cut_short(configuration):
        return configuration
    for key in KEYS:
        if configuration.get(key) is None:
            reply = await call(GetConfiguration(key=[key]))
            if isinstance(reply, NoAnswer | LinkLost):
                break
            configuration = configuration.merged(_configuration_in(reply))
    return configuration


def _cut_short(configuration: Configuration) -> bool:
    """Told nothing, one key only, or just as many as it tells at a time."""
    told = len(configuration.entries)
    return told <= 1 or told == configuration.number("GetConfigurationMaxKeys")


async def agree_on_interval(call: Call, configuration: Configuration, known: int | None = None) -> int:
    """The sample interval that the box really keeps: asked for, and read back where it was changed.

    ``known`` is what such a box made of the same request before; it is not asked again for what it will not do.
    """
    told = configuration.number(INTERVAL_KEY)
    if told is not None and told in (SAMPLE_INTERVAL_S, known):
        return told
    entry = configuration.get(INTERVAL_KEY)
    if entry is not None and entry.readonly:
        return told or SAMPLE_INTERVAL_S
    await change(call, INTERVAL_KEY, str(SAMPLE_INTERVAL_S))
    effective = _configuration_in(await call(GetConfiguration(key=[INTERVAL_KEY]))).number(INTERVAL_KEY)
    return effective or told or SAMPLE_INTERVAL_S


async def agree_on_measurands(
    call: Call, configuration: Configuration, known: tuple[str, ...] | None
) -> tuple[str, ...]:
    """The measurands that the box will send: what it sends already, what such a box took before, or by trial."""
    entry = configuration.get(MEASURANDS_KEY)
    wanted = known or MEASURANDS[: configuration.number(MEASURANDS_KEY + "MaxLength") or None]
    if set(wanted) <= set(configuration.measurands) or (entry is not None and entry.readonly):
        return configuration.measurands
    if await change(call, MEASURANDS_KEY, ",".join(wanted)):
        return wanted
    return await _one_by_one(call, wanted) or configuration.measurands


async def _one_by_one(call: Call, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Some boxes refuse a whole list for one word that they do not know, or for its length."""
    taken: tuple[str, ...] = ()
    for measurand in wanted:
        if await change(call, MEASURANDS_KEY, ",".join((*taken, measurand))):
            taken = (*taken, measurand)
    return taken


async def change(call: Call, key: str, value: str) -> bool:
    """Writes one key; True when the box took it. A box that wants a reboot for it is left to its owner."""
    reply = await call(ChangeConfiguration(key=key, value=value))
    if isinstance(reply, Answered) and text(reply.payload.get("status")).lower() == "rebootrequired":
        log.info("%s takes effect after the wallbox is restarted", key)
        return True
    return judged(reply).status is DispatchStatus.APPLIED


def _configuration_in(reply: Reply) -> Configuration:
    return read_configuration(reply.payload) if isinstance(reply, Answered) else Configuration()
