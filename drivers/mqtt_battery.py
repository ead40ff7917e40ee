"""A home battery that somebody else commands: he is told over MQTT how much it may give.

One retained message, ``{"may_give_w": 430, "until": "2026-06-21T22:10:00Z"}``: more than that the battery shall not
give, and after ``until`` what it likes, unless it was said again. ``{"may_give_w": null, "until": null}`` frees it at
once; hemsd says so when it stops, and the broker says it for a hemsd that is gone.
"""

from __future__ import annotations

import json
from datetime import timedelta

import aiomqtt

from drivers.cancelling import heeded
from drivers.mqtt_client import client_of, lost
from drivers.mqtt_settings import MqttBrokerSettings
from drivers.permission import AGAIN_S, HOLDS_S, Permission
from hemsd.clock import Clock, happens_within

FREE = json.dumps({"may_give_w": None, "until": None})


class BatteryTopic(Permission):
    """Satisfies ``drivers.base.Driver`` and ``drivers.base.BatteryControl``."""

    def __init__(self, broker: MqttBrokerSettings, topic: str, clock: Clock) -> None:
        super().__init__("mqtt-battery", clock)
        self._broker = broker
        self._topic = topic

    async def run(self) -> None:
        """Tells until cancelled. Raises DeviceError when the broker is lost or refuses us."""
        try:
            async with client_of(self._broker, aiomqtt.Will(self._topic, FREE, qos=1, retain=True)) as client:
                while True:
                    self._changed.clear()
                    await self._tell(client, self.wanted_w)
                    await happens_within(self._clock, AGAIN_S, self._changed)
        except aiomqtt.MqttError as error:
            raise lost(self._broker, error) from error

    async def _tell(self, client: aiomqtt.Client, most_w: float | None) -> None:
        with heeded():
            await client.publish(self._topic, self._payload(most_w), qos=1, retain=True)
        self.told(most_w)

    def _payload(self, most_w: float | None) -> str:
        if most_w is None:
            return FREE
        until = self._clock.utc() + timedelta(seconds=HOLDS_S)
        return json.dumps({"may_give_w": round(most_w), "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"})
