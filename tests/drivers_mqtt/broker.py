"""A real mosquitto on a loopback port, as a Raspberry Pi has it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass
class Broker:
    """A broker that can be stopped and started again on the same port."""

    folder: Path
    port: int
    extra: str = "allow_anonymous true\n"
    _process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        if MOSQUITTO is None:
            pytest.skip("mosquitto is not installed")
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"user root\nlistener {self.port} 127.0.0.1\n{self.extra}")
        self._process = subprocess.Popen(  # noqa: ASYNC220 - for loops of every kind, which outlive none of it
            [MOSQUITTO, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await asyncio.to_thread(self._answers)  # in real time, whatever the loop's time is

    def _answers(self) -> None:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("mosquitto did not start")

    async def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait)

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        async with aiomqtt.Client("127.0.0.1", self.port) as client:
            await client.publish(topic, payload, qos=1, retain=retain)
