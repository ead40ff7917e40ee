"""How much talk one daemon bears: wallboxes on real sockets, a daemon in a process of its own.

    python benchmarks/frames.py [wallboxes] [seconds]

First every wallbox sends a sample a second, ten times as often as hemsd asks for, and the time to its answer is
taken; then each sends the next one as soon as it has the answer, up to what a single wallbox is allowed (see
``drivers/ocpp16/pace.py``). The figures are for comparing machines, not for boasting.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from drivers.ocpp16.pace import FRAMES_A_SECOND  # noqa: E402
from tests.daemon.living import daemon, free_ports  # noqa: E402

CONFIG = """\
meters: {{grid: {{driver: modbus, host: 127.0.0.1, port: {modbus}, unit: 200}}}}
wallboxes:
{wallboxes}
ocpp: {{host: 127.0.0.1, port: {ocpp}}}
web: {{port: {web}}}
storage: {{path: home.db}}
"""


class Station:
    """Answers whatever it is asked with Accepted, and measures how long its own samples wait."""

    def __init__(self, socket: ClientConnection) -> None:
        self.took_s: list[float] = []
        self._socket = socket
        self._number = 0
        self._answers: dict[str, asyncio.Future[None]] = {}

    async def serve(self) -> None:
        async for raw in self._socket:
            frame = json.loads(raw)
            if frame[0] == 2:
                await self._socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
            elif frame[1] in self._answers:
                self._answers.pop(frame[1]).set_result(None)

    async def call(self, action: str, payload: dict[str, Any]) -> None:
        self._number += 1
        answer = self._answers[str(self._number)] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps([2, str(self._number), action, payload]))
        await answer

    async def sample(self) -> None:
        began_s = time.perf_counter()
        await self.call("MeterValues", SAMPLE)
        self.took_s.append(time.perf_counter() - began_s)

    async def talk(self, seconds: float, pause_s: float) -> None:
        end_s = time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            await self.sample()
            await asyncio.sleep(pause_s)


def _value(measurand: str, value: str, unit: str, phase: str | None = None) -> dict[str, str]:
    return {"measurand": measurand, "value": value, "unit": unit} | ({"phase": phase} if phase else {})


SAMPLE = {
    "connectorId": 1,
    "meterValue": [
        {
            "timestamp": "2026-06-21T08:00:00Z",
            "sampledValue": [
                _value("Energy.Active.Import.Register", "123456.7", "Wh"),
                _value("Power.Active.Import", "6210", "W"),
                _value("Current.Offered", "9", "A"),
                *(_value("Current.Import", "8.97", "A", phase) for phase in ("L1", "L2", "L3")),
                *(_value("Voltage", "231.2", "V", phase) for phase in ("L1-N", "L2-N", "L3-N")),
            ],
        }
    ],
}


def written(folder: Path, count: int) -> tuple[int, int]:
    modbus, ocpp, web = free_ports(3)
    lines = "\n".join(f"  box{n}: {{driver: ocpp, charge_point: WB-{n}}}" for n in range(count))
    (folder / "config.yaml").write_text(CONFIG.format(modbus=modbus, ocpp=ocpp, web=web, wallboxes=lines))
    return ocpp, web


async def connected(ocpp: int, count: int) -> list[Station]:
    stations = []
    for n in range(count):
        socket = await connect(f"ws://127.0.0.1:{ocpp}/WB-{n}", subprotocols=["ocpp1.6"], compression=None)  # type: ignore[list-item]
        stations.append(Station(socket))
    return stations


async def measure(ocpp: int, count: int, seconds: float) -> dict[str, float]:
    stations = await connected(ocpp, count)
    serving = [asyncio.create_task(station.serve()) for station in stations]
    for station in stations:
        identity = {"chargePointVendor": "Bench", "chargePointModel": "Mark"}
        await station.call("BootNotification", identity)
        await station.call("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"})
    await asyncio.sleep(3)  # they are set up
    await asyncio.gather(*(station.talk(seconds, 1.0) for station in stations))
    calm_s = sorted(took_s for station in stations for took_s in station.took_s)
    for station in stations:
        station.took_s.clear()
    began_s = time.perf_counter()
    await asyncio.gather(*(station.talk(seconds, 0.0) for station in stations))
    busy_s = time.perf_counter() - began_s
    answered = sum(len(station.took_s) for station in stations)
    for task in serving:
        task.cancel()
    return {
        "wallboxes": count,
        "answer_ms": round(1000 * statistics.median(calm_s), 1),
        "answer_p99_ms": round(1000 * calm_s[int(0.99 * (len(calm_s) - 1))], 1),
        "frames_a_second": round(answered / busy_s),
        "allowed_a_second": count * FRAMES_A_SECOND,
    }


def main(count: int = 40, seconds: float = 10.0) -> None:
    with tempfile.TemporaryDirectory() as name:
        ocpp, web = written(Path(name), count)
        with daemon(Path(name), web) as living:
            living.until(lambda: bool(living.get("/healthz")))
            print(json.dumps(asyncio.run(measure(ocpp, count, seconds)), indent=2))
            living.end()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
