"""What a fleet that watches over many homes hears over MQTT (docs/asyncapi.yaml describes every topic).

Below ``TOPIC/LOCATION_ID`` are ``online`` (retained; the broker says false for us when we are gone), ``state``
(retained; the present, every minute), and for each visit ``visits/ID`` (whenever its state changes), ``decisions/ID``
and, in the end, ``summaries/ID`` (hemsd.cloud.fleet_news). The present is worth nothing once it is past, so nobody
keeps it for a broker that is away. The others come from the outbox: they are told with QoS 1, and the debt is paid
when the broker has acknowledged it; until then it stays. The session at the broker is persistent, so that what was
under way when the line broke is not lost on its side either.

It is a device to ``keep``: a broker that is lost is an error, and ``keep`` comes back with growing pauses.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

import aiomqtt

from drivers.base import DeviceError
from hemsd.clock import Clock
from hemsd.cloud.backoff import Dice, first_contact_s
from hemsd.cloud.fields import to_bytes
from hemsd.cloud.fleet_news import FleetNews
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.route import NothingToSay
from hemsd.cloud.settings import TelemetrySettings
from hemsd.said import said
from hemsd.store import outbox as rows
from hemsd.store.outbox import LaneRow, Statement

TELEMETRY = "telemetry"
TIMEOUT_S = 20.0
GOODBYE_S = 2.0
KEEPALIVE_S = 60
LOOK_S = 30.0
AT_LEAST_ONCE = 1


@dataclass(slots=True)
class Fleet:
    settings: TelemetrySettings
    outbox: Outbox
    clock: Clock
    real: Clock
    news: FleetNews
    dice: Dice = field(default_factory=random.SystemRandom)
    turn: int | None = None  # after a power cut the lanes of a home begin one after the other; None: at once
    name: str = TELEMETRY
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    row: LaneRow = field(default_factory=LaneRow)

    @property
    def topic(self) -> str:
        return f"{self.settings.topic}/{self.outbox.store.identities().location_id}"

    async def run(self) -> None:
        """Tells until the broker is lost. Raises DeviceError."""
        self.row = (await self.outbox.lane_rows()).get(TELEMETRY, LaneRow())
        await self._wait_for_its_turn()
        try:
            async with self._client() as client:
                await self._say(client, "online", b"true", retain=True)
                await self.outbox.write(*self._went_well("online"))
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._pay(client))
                        group.create_task(self._tell_present(client))
                finally:
                    await self._say_goodbye(client)
        except* (aiomqtt.MqttError, OSError, ValueError) as errors:
            await self._failed(str(errors.exceptions[0]))
            raise DeviceError(
                said("fleet.broker", "the fleet's broker: {error}", error=str(errors.exceptions[0]))
            ) from errors

    async def _wait_for_its_turn(self) -> None:
        """Once: to connect at all is a load for a broker of a whole town, whether something is owed or not."""
        if self.turn is not None:
            turn, self.turn = self.turn, None
            await self.real.sleep(first_contact_s(self.real.monotonic(), 1, self.dice, turn))

    def _client(self) -> aiomqtt.Client:
        settings = self.settings
        return aiomqtt.Client(
            settings.host,
            settings.port,
            identifier=f"hemsd-{self.outbox.store.identities().location_id}",
            clean_session=False,
            username=settings.user,
            password=settings.secret(),
            tls_params=aiomqtt.TLSParameters(ca_certs=str(settings.ca_file) if settings.ca_file else None)
            if settings.tls
            else None,
            will=aiomqtt.Will(f"{self.topic}/online", b"false", qos=AT_LEAST_ONCE, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=TIMEOUT_S,
        )

    async def _say(self, client: aiomqtt.Client, what: str, body: bytes, *, retain: bool) -> None:
        """Returns when the broker has acknowledged it."""
        await client.publish(f"{self.topic}/{what}", body, qos=AT_LEAST_ONCE, retain=retain, timeout=TIMEOUT_S)

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        """Who leaves in order has no will; where the line is broken, the broker says it for us."""
        with suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._say(client, "online", b"false", retain=True)

    async def _tell_present(self, client: aiomqtt.Client) -> None:
        while True:
            await self._say(client, "state", to_bytes(self.news.state(self.clock.utc())), retain=True)
            await self.real.sleep(self.settings.every_s)

    async def _pay(self, client: aiomqtt.Client) -> None:
        while True:
            if self.woken.is_set():
                self.woken.clear()
                await self.outbox.settle()
            while await self.pay_one(client):
                pass
            try:
                async with asyncio.timeout(LOOK_S):
                    await self.woken.wait()
            except TimeoutError:
                continue

    async def pay_one(self, client: aiomqtt.Client) -> bool:
        """Pays one debt; False when nothing is owed."""
        at = self.clock.utc()
        entry = await self.outbox.next(TELEMETRY, at)
        if entry is None:
            return False
        message = await self.news.message(entry, at)
        if isinstance(message, NothingToSay):
            await self.outbox.void(entry, message.progress, message.due_at, over=message.over)
            return True
        entry = await self.outbox.freeze(entry, message.plan)
        body = to_bytes({"message_id": entry.delivery, **message.document})
        await self._say(client, message.topic, body, retain=False)
        well = self._went_well("acknowledged")
        if message.over:
            await self.outbox.finish(entry, *well, progress=message.progress)
        else:
            await self.outbox.advance(
                entry,
                *well,
                progress=message.progress,
                due_at=at if message.more else entry.due_at,
                settled=not message.more,
            )
        return True

    # -- how it does, for `hemsd cloud status` ------------------------------------------------------------------------

    def _went_well(self, words: str) -> tuple[Statement, ...]:
        self.row = LaneRow(answered_at=self.real.utc(), answer=words)
        return (rows.lane(TELEMETRY, self.row),)

    async def _failed(self, text: str) -> None:
        """Written once an outage, and when its reason changes."""
        row = LaneRow(self.row.failing_since_at or self.real.utc(), self.row.answered_at, text)
        if row != self.row:
            self.row = row
            await self.outbox.write(rows.lane(TELEMETRY, row))
