"""How a notice leaves the house: one class a way, each with one try; the trying again is ``keep``'s."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header

import aiomqtt

from drivers.base import DeviceError
from drivers.mqtt_client import client_of
from drivers.mqtt_settings import MqttBrokerSettings
from hemsd.cloud.answer import Request
from hemsd.cloud.client import Client, Manners
from hemsd.cloud.sign_in import FixedToken
from hemsd.notices.settings import HttpChannelSettings, MqttChannelSettings
from hemsd.notices.teller import Notice
from hemsd.said import said

ANSWER_S = 10.0


def payload(notice: Notice, site: str) -> dict[str, str]:
    """As JSON carries it, in a webhook and over MQTT."""
    return {
        "event": "alert:over" if notice.over else "alert:raised",
        "site": site,
        "key": notice.key,
        "text": notice.text,
        "remedy": notice.remedy,
        "since": _rfc3339(notice.since_at),
        "time": _rfc3339(notice.at),
    }


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


Words = Callable[[Notice, str, str], Request]
"""How a notice of a site is said to an address."""


def webhook(notice: Notice, site: str, url: str) -> Request:
    """JSON by POST."""
    body = json.dumps(payload(notice, site), ensure_ascii=False).encode()
    return Request("POST", url, body, {"Content-Type": "application/json"})


def ntfy(notice: Notice, site: str, url: str) -> Request:
    """docs.ntfy.sh/publish: the message is the body; Title, Priority (3 is usual, 4 high) and Tags are headers."""
    text = f"Over: {notice.text}" if notice.over else f"{notice.text} {notice.remedy}".strip()
    headers = {
        "Title": _header(site),
        "Priority": "3" if notice.over else "4",
        "Tags": "white_check_mark" if notice.over else "warning",
    }
    return Request("POST", url, text.encode(), headers)


@dataclass(frozen=True, slots=True)
class Http:
    """An address, and the words in which it is told."""

    name: str
    settings: HttpChannelSettings
    site: str
    words: Words

    async def tell(self, notice: Notice) -> None:
        sign_in = FixedToken(self.settings.token_secret)
        async with Client(sign_in, Manners(whole_s=ANSWER_S, reads_answer=False)) as client:
            answer = await client.send(self.words(notice, self.site, self.settings.url))
        if not answer.is_good:
            raise DeviceError(
                said(
                    "notice.not_taken",
                    "{url} did not take an alert: {answer}",
                    url=self.settings.url,
                    answer=answer.summary,
                )
            )


def _header(text: str) -> str:
    """Headers are ASCII; ntfy reads RFC 2047 for the rest."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=998).encode()


class Mqtt:
    """One connection a notice: they are rare, and a broker that restarts in between is no trouble."""

    name = "mqtt"

    def __init__(self, settings: MqttChannelSettings, broker: MqttBrokerSettings, site: str) -> None:
        self.site, self._topic, self._broker = site, settings.topic, broker

    async def tell(self, notice: Notice) -> None:
        broker = self._broker
        body = json.dumps(payload(notice, self.site), ensure_ascii=False)
        try:
            async with asyncio.timeout(2 * ANSWER_S), client_of(broker, timeout_s=ANSWER_S) as client:
                await client.publish(self._topic, body, qos=1)
        except (aiomqtt.MqttError, TimeoutError, OSError) as error:
            raise DeviceError(
                said(
                    "notice.not_published",
                    "the MQTT broker {host}:{port} did not take an alert: {error}",
                    host=broker.host,
                    port=broker.port,
                    error=str(error),
                )
            ) from error
