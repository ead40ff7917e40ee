"""Getting a box ready after each connect and each boot.

Many boxes send no BootNotification when only the link was lost: it is asked for after 5 s, and after 15 s hemsd goes
on without. A box that boots over and over may do so because of what it was configured to; it then gets nothing written
any more until it has been calm for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from ocpp.v16.call import TriggerMessage
from ocpp.v16.enums import MessageTrigger

from drivers.ocpp16 import setup
from drivers.ocpp16.configuration import Configuration
from drivers.ocpp16.inbound import Boot
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.saying import Speaker
from drivers.ocpp16.vigil import Observed
from hemsd.clock import Clock, happens_within
from hemsd.model import ConnectorStatus

log = logging.getLogger(__name__)

BOOT_TRIGGER_S = 5.0
BOOT_GIVE_UP_S = 10.0  # after the trigger
BOOT_LOOP = 3  # boots ...
BOOT_LOOP_S = 600.0  # ... within this time


class Present(Protocol):
    """What is known of the connector at the moment."""

    @property
    def connector(self) -> int: ...

    @property
    def status(self) -> ConnectorStatus | None: ...

    @property
    def observed(self) -> Observed: ...

    @property
    def transaction_id(self) -> int | None: ...


class Preparation:
    """What is known of a box itself, and how it comes to be known."""

    def __init__(
        self,
        name: str,
        present: Present,
        clock: Clock,
        call: setup.Call,
        speaker: Speaker,
        memories: Mapping[str, Memory],
    ) -> None:
        self.configuration = Configuration()
        self.sample_interval_s = float(setup.SAMPLE_INTERVAL_S)
        self.done = asyncio.Event()  # on this link, at least once
        self.minimal = False  # it reboots over and over: nothing is configured any more
        self.identity = Memory()
        self._name = name
        self._present = present
        self._clock = clock
        self._call = call
        self._speaker = speaker
        self._memories = memories
        self._boots: deque[float] = deque(maxlen=BOOT_LOOP)
        self._booted = asyncio.Event()
        self._due = asyncio.Event()
        self._awaiting_boot = False
        self._asked = False  # for a BootNotification, on this link

    def linked(self) -> None:
        """On a new link everything is asked again."""
        self._booted.clear()
        self.done.clear()
        self._asked = False
        self._due.set()

    def booted(self, boot: Boot) -> bool:
        """Takes a BootNotification; False when it is the one that was asked for, which tells of no restart."""
        restarted, self._asked = not self._asked, False
        if not self._awaiting_boot or self._booted.is_set():
            self._due.set()  # a reboot, or a boot that came after hemsd had gone on without
        self._booted.set()
        self.identity = Memory(boot.vendor, boot.model, boot.firmware)
        if restarted:
            now_s = self._clock.monotonic()
            self._boots.append(now_s)
            self.minimal = len(self._boots) == BOOT_LOOP and now_s - self._boots[0] <= BOOT_LOOP_S
        return restarted

    async def next(self) -> None:
        """Waits until preparation is due, and does it."""
        await self._due.wait()
        self._due.clear()
        if not self._booted.is_set():
            await self._await_boot()
        await self._ask_for_the_present()
        await self._configure()
        self.done.set()

    async def _await_boot(self) -> None:
        self._awaiting_boot = True
        try:
            if not await happens_within(self._clock, BOOT_TRIGGER_S, self._booted):
                self._asked = True
                await self._trigger(MessageTrigger.boot_notification)
                await happens_within(self._clock, BOOT_GIVE_UP_S, self._booted)
        finally:
            self._awaiting_boot = False

    async def _ask_for_the_present(self) -> None:
        """After an outage or a restart of ours anything may have happened; a box that boots tells by itself."""
        connector = self._present.connector
        if not self._booted.is_set() and not self._present.observed.status_fresh:
            await self._trigger(MessageTrigger.status_notification, connector)
        if self._present.transaction_id is None and self._present.status is not ConnectorStatus.AVAILABLE:
            await self._trigger(MessageTrigger.meter_values, connector)

    async def _configure(self) -> None:
        self.configuration = await setup.read_whole_configuration(self._call)
        self._speaker.identified(self._remembered())
        if self.minimal:
            log.warning("%s rebooted %d times in %.0f s; nothing is written to it", self._name, BOOT_LOOP, BOOT_LOOP_S)
            return
        known_s = self._speaker.memory.interval_s
        effective_s = await setup.agree_on_interval(self._call, self.configuration, known_s)
        self.sample_interval_s = float(effective_s)
        known = self._speaker.memory.measurands
        taken = await setup.agree_on_measurands(self._call, self.configuration, known)
        changed_s = effective_s if effective_s != setup.SAMPLE_INTERVAL_S else known_s
        self._speaker.learn(replace(self._speaker.memory, measurands=taken or known, interval_s=changed_s))

    def _remembered(self) -> Memory:
        """What was learned of such boxes; of a box that does not say what it is, what was found out so far."""
        if not (self.identity.vendor or self.identity.model):
            return self._speaker.memory
        return self._memories.get(self.identity.key, self.identity)

    async def _trigger(self, message: MessageTrigger, connector: int | None = None) -> None:
        await self._call(TriggerMessage(requested_message=message, connector_id=connector))
