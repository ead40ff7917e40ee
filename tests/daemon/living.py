"""A whole daemon as a process of its own, on free ports of loopback, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG = """\
site: {{name: Test home, main_fuse_a: 35}}
meters:
  grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200}}
  pv: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 1}}
wallboxes:
  garage: {{driver: ocpp, charge_point: WB-001, phases: auto}}
vehicles: {{car: {{wallbox: garage}}}}
ocpp: {{host: 127.0.0.1, port: {ocpp}}}
web: {{port: {web}}}
storage: {{path: home.db}}
{simulate}
"""
SIMULATE = "simulate: {{speed: {speed}, start_s: {start_s}, modbus_port: {modbus}}}"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


@dataclass
class Living:
    """The running process and how to ask it."""

    process: subprocess.Popen[bytes]
    folder: Path
    web: int

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}{path}", timeout=5) as answer:
            return json.loads(answer.read())

    def put(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web}{path}",
            data=json.dumps(body).encode(),
            method="PUT",
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())

    def garage(self) -> dict[str, Any]:
        box: dict[str, Any] = self.get("/api/state")["wallboxes"]["garage"]
        return box

    def until(self, true: Callable[[], bool], within_s: float = 60.0) -> None:
        """Waits for something to become true; says what the daemon logged when it does not."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.log}")
            try:
                if true():
                    return
            except (OSError, KeyError):
                pass
            time.sleep(0.1)
        raise AssertionError(f"not within {within_s} s:\n{self.log[-4000:]}")

    def charging(self) -> bool:
        box = self.garage()
        return bool(box["charging"] and box["command"] and box["command"]["outcome"] == "applied")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def write_config(folder: Path, *, speed: float = 60, start_s: float = 3000, simulate: bool = True) -> tuple[int, ...]:
    """A config.yaml with ports of its own; gives them (modbus, ocpp, web)."""
    modbus, ocpp, web = free_ports(3)
    section = SIMULATE.format(speed=speed, start_s=start_s, modbus=modbus) if simulate else ""
    (folder / "config.yaml").write_text(CONFIG.format(modbus=modbus, ocpp=ocpp, web=web, simulate=section))
    return modbus, ocpp, web


@contextmanager
def daemon(folder: Path, web: int, *options: str, prefix: Sequence[str] = ()) -> Iterator[Living]:
    """Starts `hemsd run` in the folder; kills it when the test forgets to end it."""
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "hemsd", "run", "-c", str(folder / "config.yaml"), *options],
            stderr=log,
            stdout=log,
            env={**os.environ, "PYTHONASYNCIODEBUG": ""},
        )
    try:
        yield Living(process, folder, web)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
