"""The simulated home as a process of its own: it lives on while hemsd is stopped, killed and started again.

``python -m drivers.simulated --ocpp ws://127.0.0.1:9000 --port-file ports.json`` writes where its meters are, and
five times a second what really happens in the home, if a state file is asked for. With ``--hands`` it takes one
command a line on its standard input: plug, unplug, silence, speak, cut, mend, cloud 0.3, cook 2000.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from drivers.simulated import day
from drivers.simulated.home import SimulatedHome
from drivers.simulated.settings import SimulatedCar, SimulateSettings
from drivers.simulated.wallbox import WallboxSpec
from hemsd.clock import FastClock

STATE_EVERY_S = 0.2  # real


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    settings = SimulateSettings(
        speed=options.speed,
        day=options.day,
        start_s=options.start_s,
        battery=options.battery,
        car=SimulatedCar(soc_pct=options.soc_pct, plugged=not options.unplugged),
        modbus_port=options.modbus_port,
    )
    names = options.wallbox or ["garage:WB-001"]
    wallboxes = [_spec(text, options.personality, options.max_a) for text in names]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(settings, wallboxes, options))
    return 0


async def _run(settings: SimulateSettings, wallboxes: list[WallboxSpec], options: argparse.Namespace) -> None:
    start_at = options.start_at or day.load(settings.day).moment(settings.start_s)
    home = SimulatedHome(settings, FastClock(start_at, settings.speed), wallboxes)
    ports = await home.start()
    home.connect_wallboxes(options.ocpp)
    if options.port_file:
        _write(options.port_file, asdict(ports))
    running = asyncio.current_task()
    assert running is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as group:
            group.create_task(home.run())
            if options.state_file:
                group.create_task(_tell(home, options.state_file))
            if options.hands:
                group.create_task(_obey(home))


async def _tell(home: SimulatedHome, file: Path) -> None:
    while True:
        _write(file, asdict(home.state()))
        await asyncio.sleep(STATE_EVERY_S)


async def _obey(home: SimulatedHome) -> None:
    """Does what the lines on standard input say."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        match line:
            case ["plug"]:
                home.plug()
            case ["unplug"]:
                home.unplug()
            case ["silence"] | ["speak"]:
                home.grid_meter.silent = line[0] == "silence"
            case ["cut"]:
                home.wallbox.cut_link()
            case ["mend"]:
                home.wallbox.link_allowed.set()
            case ["cloud", share]:
                home.physics.cloud = float(share)
            case ["cook", watts]:
                home.physics.extra_house_w = float(watts)
            case _:
                print(f"unknown command: {' '.join(line)}", file=sys.stderr)


def _write(file: Path, content: object) -> None:
    """Whole or not at all: the reader may look at any moment."""
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(file)


def _spec(text: str, personality: list[str], max_a: float) -> WallboxSpec:
    name, _, rest = text.partition(":")
    identity, _, phases = rest.partition(":")
    return WallboxSpec(name, identity or name, phases=phases or "auto", max_a=max_a, personality=tuple(personality))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m drivers.simulated", description="A simulated home.")
    parser.add_argument("--ocpp", required=True, help="the OCPP server, without the identity: ws://127.0.0.1:9000")
    parser.add_argument("--port-file", type=Path, help="where to write the meters' port and unit ids (JSON)")
    parser.add_argument("--state-file", type=Path, help="where to write what happens in the home (JSON)")
    parser.add_argument("--hands", action="store_true", help="obey commands on standard input")
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--day", default="serf-2022-03-18", help="a recorded day, or a CSV's path")
    parser.add_argument("--start-s", type=float, default=3000.0, help="where in the recording to begin")
    parser.add_argument("--start-at", type=_utc, help="what the home's clock says at the begin (ISO 8601)")
    parser.add_argument("--battery", action="store_true", help="with a home battery")
    parser.add_argument("--soc-pct", type=float, default=35.0, help="how full the car is")
    parser.add_argument("--unplugged", action="store_true", help="the car is not at the wallbox")
    parser.add_argument("--wallbox", action="append", metavar="NAME:IDENTITY[:1|3|auto]")
    parser.add_argument("--personality", action="append", default=[], help="a quirk of the wallboxes; repeatable")
    parser.add_argument("--max-a", type=float, default=16.0)
    parser.add_argument("--modbus-port", type=int, default=0)
    return parser


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
