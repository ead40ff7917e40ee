"""What a fleet that watches over many homes hears over MQTT (docs/asyncapi.yaml describes every topic).

Three topics below ``TOPIC/LOCATION_ID``: ``online`` (retained; the broker says false for us when we are gone),
``state`` (retained; the present, every minute) and ``visits/ID`` (a visit whenever its state changes). The present is
worth nothing once it is past, so nobody keeps it for a broker that is away. Visits come from the outbox: a visit is
told with QoS 1, and the debt is paid when the broker has acknowledged it; until then it stays. The session at the
broker is persistent, so that what was under way when the line broke is not lost on its side either.

It is a device to ``keep``: a broker that is lost is an error, and ``keep`` comes back with growing pauses.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import aiomqtt

from drivers.base import DeviceError
from hemsd.clock import Clock
from hemsd.cloud.fields import Document, timestamp, to_bytes, without
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.settings import TelemetrySettings
from hemsd.model import Visit

TELEMETRY = "telemetry"
TIMEOUT_S = 20.0
KEEPALIVE_S = 60
LOOK_S = 30.0
AT_LEAST_ONCE = 1


@dataclass(slots=True)
class Fleet:
    settings: TelemetrySettings
    outbox: Outbox
    clock: Clock
    real: Clock
    present: Callable[[], Document]
    name: str = TELEMETRY
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def topic(self) -> str:
        return f"{self.settings.topic}/{self.outbox.store.identities().location_id}"

    async def run(self) -> None:
        """Tells until the broker is lost. Raises DeviceError."""
        try:
            async with self._client() as client:
                await self._say(client, "online", b"true", retain=True)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._tell_visits(client))
                    group.create_task(self._tell_present(client))
        except* (aiomqtt.MqttError, OSError, ValueError) as errors:
            raise DeviceError(f"the fleet's broker: {errors.exceptions[0]}") from errors

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

    async def _tell_present(self, client: aiomqtt.Client) -> None:
        while True:
            await self._say(client, "state", to_bytes(self.state()), retain=True)
            await self.real.sleep(self.settings.every_s)

    async def _tell_visits(self, client: aiomqtt.Client) -> None:
        while True:
            if self.woken.is_set():
                self.woken.clear()
                await self.outbox.store.settle()
            while await self.tell_one_visit(client):
                pass
            try:
                async with asyncio.timeout(LOOK_S):
                    await self.woken.wait()
            except TimeoutError:
                continue

    async def tell_one_visit(self, client: aiomqtt.Client) -> bool:
        """Pays one debt; False when nothing is owed."""
        entry = await self.outbox.next(TELEMETRY, self.clock.utc())
        if entry is None:
            return False
        visit = await self.outbox.store.views.visit(entry.subject)
        document = None if visit is None else self.visit(visit)
        if document is not None:
            entry = await self.outbox.freeze(entry, json.dumps([entry.told]))
            body = to_bytes({"message_id": entry.delivery, **document})
            await self._say(client, f"visits/{entry.subject}", body, retain=False)
        await self.outbox.finish(entry)
        return True

    # -- what is told -------------------------------------------------------------------------------------------------

    def state(self) -> Document:
        """The present, as far as it is told."""
        told = self.settings.fields
        present = {key: value for key, value in self.present().items() if key == "time" or key in told}
        return without({"time": timestamp(self.clock.utc()), **present}, self.settings.leave_out)

    def visit(self, visit: Visit) -> Document | None:
        if "visits" not in self.settings.fields:
            return None
        known = self.outbox.store.identities([visit.wallbox])
        document: Document = {
            "visit_id": visit.id,
            "wallbox_id": known.wallboxes[visit.wallbox],
            "plugged_in_at": timestamp(visit.plugged_in_at),
            "plugged_out_at": None if visit.plugged_out_at is None else timestamp(visit.plugged_out_at),
            "managed": visit.managed,
            "energy_wh": round(visit.energy_wh),
            "solar_wh": round(visit.solar_wh),
            "battery_wh": round(visit.battery_wh),
            "grid_wh": round(visit.grid_wh),
            "state": visit.final_state.value,
        }
        return without(document, self.settings.leave_out)
