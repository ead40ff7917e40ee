"""A Tibber Pulse over HTTP: its bridge has a page that gives the last telegram of the meter.

What the telegram means is said by the device file of the same Pulse over MQTT; only the way here is another one.

The bridge repeats the last telegram for as long as no other comes: a reading head that fell off, or whose battery is
empty, looks like a house that always takes the same. So a telegram counts when it differs from the one before, and the
first one, which may be of yesterday, does not. On an infrared link some telegrams are spoilt; one of them is passed
over, several in a row are a trouble.

``GET /data.json?node_id=1`` with user ``admin`` (marq24/ha-tibber-pulse-local, MSkjel/LocalPulse2Tibber). The bridge
knows no TLS, so its password can be heard inside the house.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from http import HTTPStatus
from pathlib import Path

import aiohttp

from drivers.base import DeviceError, MeterSink
from drivers.mqtt import meter_source
from drivers.mqtt_payload import LARGEST_BYTES, Malformed
from drivers.pulse_settings import TOPIC, PulseSettings
from drivers.series.http import secret
from hemsd.clock import Clock
from hemsd.model import Role
from hemsd.said import said

USER = "admin"
TIMEOUT_S = 5.0
CHUNK_BYTES = 4096
STILL_S = 60.0  # a meter speaks every few seconds
MOST_SPOILT = 5  # in a row


class Pulse:
    """A Driver: one meter behind one bridge."""

    def __init__(
        self, name: str, role: Role, settings: PulseSettings, clock: Clock, sink: MeterSink, folder: Path | None = None
    ) -> None:
        """Raises ValueError with a text for people when the device's file and the settings don't fit."""
        self.name = name
        self._settings = settings
        self._clock = clock
        self._source = meter_source(name, role, settings.heard, clock, sink, folder)
        self._last: bytes | None = None
        self._changed_s = clock.monotonic()
        self._spoilt = 0

    async def run(self) -> None:
        password = await secret(self._settings.password, self._settings.password_file)
        assert password is not None, "PulseSettings has one of the two"
        account = b64encode(f"{USER}:{password.get_secret_value()}".encode()).decode()
        async with aiohttp.ClientSession(headers={"Authorization": f"Basic {account}"}) as session:
            while True:
                self.take(await self._telegram(session))
                await self._clock.sleep(self._settings.poll_s)

    def take(self, telegram: bytes) -> None:
        """What the bridge gave. Raises DeviceError when that has been of no use for too long."""
        now_s = self._clock.monotonic()
        if telegram == self._last:
            if now_s - self._changed_s > STILL_S:
                raise DeviceError(
                    said(
                        "pulse.still",
                        "{host} has repeated one telegram for {still_s:.0f} s; "
                        "does the reading head sit on the meter, and is its battery good?",
                        host=self._settings.host,
                        still_s=now_s - self._changed_s,
                    )
                )
            return
        is_first = self._last is None
        self._last, self._changed_s = telegram, now_s
        try:
            news = self._source.hear(TOPIC, telegram, retained=is_first)
        except Malformed as error:
            self._spoilt += 1
            if self._spoilt >= MOST_SPOILT:
                raise DeviceError(
                    said("pulse.spoilt", "{host}: {error}", host=self._settings.host, error=str(error))
                ) from error
            return
        self._spoilt = 0
        if news:
            self._source.say()

    async def _telegram(self, session: aiohttp.ClientSession) -> bytes:
        host = self._settings.host
        url = f"http://{host}:{self._settings.port}/data.json"
        query = {"node_id": str(self._settings.node)}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                session.get(url, params=query, allow_redirects=False) as response,
            ):
                self._check(response.status)
                return await self._body(response)
        except TimeoutError:
            raise DeviceError(
                said("http.no_answer", "{host} did not answer within {timeout_s:g} s", host=host, timeout_s=TIMEOUT_S)
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise DeviceError(
                said("http.not_asked", "{host} can't be asked ({error})", host=host, error=type(error).__name__)
            ) from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        parts = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            parts += chunk
            if len(parts) > LARGEST_BYTES:
                raise DeviceError(said("pulse.too_much", "{host} sends more than a telegram", host=self._settings.host))
        if not parts:
            raise DeviceError(
                said("pulse.nothing", "{host} has no telegram of the meter yet", host=self._settings.host)
            )
        return bytes(parts)

    def _check(self, status: int) -> None:
        host, node = self._settings.host, self._settings.node
        match status:
            case HTTPStatus.OK:
                return
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                raise DeviceError(
                    said(
                        "pulse.password",
                        "{host} does not take the password; it is the one that is printed on the bridge",
                        host=host,
                    )
                )
            case HTTPStatus.NOT_FOUND:
                raise DeviceError(
                    said(
                        "pulse.node",
                        "{host} has nothing of node {node}; its page shows the number under NODES",
                        host=host,
                        node=node,
                    )
                )
            case _:
                raise DeviceError(said("http.status", "{host} answers with status {status}", host=host, status=status))
