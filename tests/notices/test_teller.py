"""Alerts outside the page: told once, over once, never at night, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from drivers.base import DeviceError
from drivers.mqtt_settings import MqttBrokerSettings
from hemsd.alerts import Alerts
from hemsd.config import Config, ConfigError, load
from hemsd.notices.channels import Http, Mqtt, ntfy, webhook
from hemsd.notices.office import TOLD_FACT, tellers
from hemsd.notices.settings import HttpChannelSettings, MqttChannelSettings
from hemsd.notices.teller import Manners, Notice, Quiet, Teller
from tests.drivers_mqtt.broker import Broker, free_port

NOON = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
SILENT = ("grid", "The grid meter has been silent for 75 s.", "Check its power.")
PROMPT = Manners()
NOTICE = Notice(*SILENT, since_at=NOON, at=NOON + timedelta(seconds=60))


@dataclass
class Ear:
    """A channel that remembers, and that may be away."""

    name: str = "ear"
    heard: list[str] = field(default_factory=list)
    away: bool = False

    async def tell(self, notice: Notice) -> None:
        if self.away:
            raise DeviceError("away")
        self.heard.append(f"over {notice.key}" if notice.over else notice.key)


class Home:
    """Alerts and a teller, and the time they live by."""

    def __init__(self, manners: Manners = PROMPT) -> None:
        self.at, self.alerts, self.ear = NOON, Alerts(), Ear()
        self.teller = Teller(self.ear, lambda: self.alerts.standing, lambda: self.at, manners)
        self.alerts.updated = self.teller.wake

    async def later(self, seconds: float, *found: tuple[str, str, str]) -> list[str]:
        """What was heard by then, when these alerts are found at every look."""
        until_at = self.at + timedelta(seconds=seconds)
        while self.at < until_at:
            self.at += timedelta(seconds=10)
            self.alerts.update(found, self.at)
            await self._look()
        return self.ear.heard

    async def _look(self) -> None:
        running = asyncio.ensure_future(self.teller.run())
        for _ in range(3):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_alert_is_told_once_and_its_end_once() -> None:
    home = Home()
    assert await home.later(60, SILENT) == []
    assert await home.later(600, SILENT) == ["grid"]
    assert await home.later(110) == ["grid"]
    assert await home.later(600) == ["grid", "over grid"]


async def test_what_is_over_at_once_is_never_told() -> None:
    home = Home()
    await home.later(50, SILENT)
    assert await home.later(600) == []


async def test_what_comes_back_soon_was_not_over() -> None:
    home = Home()
    await home.later(100, SILENT)
    await home.later(60)
    assert await home.later(300, SILENT) == ["grid"]


async def test_a_receiver_that_was_away_hears_what_still_stands() -> None:
    home = Home()
    home.ear.away = True
    assert await home.later(300, SILENT) == []
    home.ear.away = False
    assert await home.later(10, SILENT) == ["grid"]


async def test_the_night_is_quiet_and_the_morning_tells_what_still_stands() -> None:
    home = Home(Manners(quiet=Quiet(time(22), time(7), ZoneInfo("Europe/Berlin"))))
    home.at = datetime(2026, 6, 21, 20, 0, tzinfo=UTC)  # 22:00 in Berlin
    other = ("link:garage", "The wallbox garage is not connected.", "")
    assert await home.later(300, SILENT, other) == []
    home.at = datetime(2026, 6, 22, 4, 59, 40, tzinfo=UTC)
    assert await home.later(10, SILENT) == []
    assert await home.later(10, SILENT) == ["grid"]


@pytest.mark.parametrize(
    ("now", "quiet"), [("21:59", False), ("22:00", True), ("00:00", True), ("06:59", True), ("07:00", False)]
)
def test_quiet_hours_go_over_midnight(now: str, quiet: bool) -> None:
    at = datetime.combine(NOON, time.fromisoformat(now), UTC)
    assert Quiet(time(22), time(7), UTC).holds(at) is quiet


# --- the ways


@dataclass
class Receiver:
    """An HTTP server that takes what it is sent, or refuses it."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def post(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    app = web.Application()
    app.router.add_post("/hook", one.post)
    async with TestServer(app) as server:
        one.url = str(server.make_url("/hook"))
        yield one


async def test_a_webhook_gets_json_and_a_token(receiver: Receiver) -> None:
    settings = HttpChannelSettings.model_validate({"url": receiver.url, "token": "s3cret"})
    await Http("webhook", settings, "Häuschen", webhook).tell(NOTICE)
    ((headers, body),) = receiver.got
    assert headers["Authorization"] == "Bearer s3cret"
    assert json.loads(body) == {
        "event": "alert:raised",
        "site": "Häuschen",
        "key": "grid",
        "text": SILENT[1],
        "remedy": SILENT[2],
        "since": "2026-06-21T10:00:00Z",
        "time": "2026-06-21T10:01:00Z",
    }


async def test_a_phone_gets_a_sentence_with_a_title(receiver: Receiver) -> None:
    channel = Http("ntfy", HttpChannelSettings(url=receiver.url), "Häuschen", ntfy)
    await channel.tell(NOTICE)
    await channel.tell(Notice(SILENT[0], SILENT[1], "", NOON, NOON, over=True))
    (raised, body), (over, gone) = receiver.got
    assert body.decode() == "The grid meter has been silent for 75 s. Check its power."
    assert gone.decode() == "Over: The grid meter has been silent for 75 s."
    assert (raised["Title"], raised["Priority"], over["Priority"]) == ("=?utf-8?b?SMOkdXNjaGVu?=", "4", "3")


async def test_a_refusal_is_no_delivery(receiver: Receiver) -> None:
    receiver.status = 503
    with pytest.raises(DeviceError, match="did not take an alert: 503"):
        await Http("webhook", HttpChannelSettings(url=receiver.url), "Home", webhook).tell(NOTICE)


async def test_nobody_there_is_said_in_words() -> None:
    with pytest.raises(DeviceError, match="did not take an alert"):
        await Http("webhook", HttpChannelSettings(url=f"http://127.0.0.1:{free_port()}/"), "Home", webhook).tell(NOTICE)


@pytest.mark.slow
async def test_a_broker_gets_json_on_its_topic(tmp_path: Path) -> None:
    broker = Broker(tmp_path, free_port())
    await broker.start()
    try:
        async with aiomqtt.Client("127.0.0.1", broker.port) as listener:
            await listener.subscribe("home/alerts", qos=1)
            settings = MqttBrokerSettings(host="127.0.0.1", port=broker.port)
            await Mqtt(MqttChannelSettings(topic="home/alerts"), settings, "Home").tell(NOTICE)
            async with asyncio.timeout(5):
                message = await anext(aiter(listener.messages))
        assert isinstance(message.payload, bytes)
        assert json.loads(message.payload)["key"] == "grid"
    finally:
        await broker.stop()
    with pytest.raises(DeviceError, match="MQTT broker"):
        await Mqtt(MqttChannelSettings(), settings, "Home").tell(NOTICE)


# --- config.yaml


async def test_what_was_told_before_a_restart_is_not_told_again(receiver: Receiver) -> None:
    config = Config.model_validate({"alerts": {"webhook": {"url": receiver.url}, "after_s": 0}})
    facts: dict[str, Any] = {}
    alerts = Alerts()
    alerts.update([SILENT], NOON)
    for _ in range(2):
        (teller,) = tellers(config, lambda: alerts.standing, lambda: NOON, facts, facts.__setitem__)
        teller.wake()
        running = asyncio.ensure_future(teller.run())
        for _ in range(200):
            if facts:
                break
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(receiver.got) == 1
    assert list(facts) == [TOLD_FACT + "webhook"]


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ("alerts: {mqtt: {}}", "alerts.mqtt"),
        ("alerts: {webhook: {url: 'http://example.com/'}}", "alerts.webhook.url"),
        ("alerts: {quiet: {begin: '22:00'}}", "alerts.quiet.end"),
        ("alerts: {quiet: {begin: '25:00', end: '07:00'}}", "alerts.quiet.begin"),
    ],
)
def test_a_mistake_in_the_section_is_named(tmp_path: Path, section: str, path: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(section + "\n")
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert path in [problem.path for problem in refused.value.problems]
