"""``hemsd adopt``: finds out, once and with its owner's consent, what a new wallbox really does.

What it does is in ``hemsd.tryout``; what was found out is kept for vendor, model and firmware.

It takes the daemon's place while it runs, and refuses while the daemon is there. The wallbox is left at its failsafe.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from drivers.base import DeviceError
from drivers.ocpp16.server import CentralSystem
from hemsd.app import only_one
from hemsd.assembly import central_of
from hemsd.clock import Clock
from hemsd.config import Config, load
from hemsd.latest import Latest
from hemsd.learned import Learned
from hemsd.model import StrangerRefused, WallboxEvent
from hemsd.simulation import clock_for, simulated_home
from hemsd.store.rows import StoreError
from hemsd.store.store import Store
from hemsd.tryout import Say, Tryout

RELEASE_S = 8.0

DONE, NOT_DONE = 0, 1


def main(config_path: Path, wallbox: str, *, yes: bool = False, say: Say = print) -> int:
    """Status 0 when the wallbox can be steered, 1 when it can't or nothing could be told. Raises ConfigError."""
    config = load(config_path)
    if wallbox not in config.wallboxes:
        say(f"There is no wallbox {wallbox} in {config_path}.")
        return NOT_DONE
    if not yes and not _consents(config, wallbox):
        say("Nothing was done.")
        return NOT_DONE
    try:
        with only_one(config.storage.path):
            return asyncio.run(_run(config, wallbox, say))
    except StoreError as error:
        say(f"{error}: stop it first (sudo systemctl stop hemsd).")
        return NOT_DONE


def _consents(config: Config, wallbox: str) -> bool:
    if not sys.stdin.isatty():
        return False
    print(
        f"For about eight minutes the car at {wallbox} charges with up to {config.wallboxes[wallbox].max_a:g} A per"
        " phase, pauses once, and may change its phases. Charging profiles that others left on the wallbox are removed."
    )
    return input("Go ahead? [y/N] ").strip().lower() in ("y", "yes")


async def _run(config: Config, wallbox: str, say: Say) -> int:
    return await adopt(config, await clock_for(config), wallbox, say)


async def adopt(config: Config, clock: Clock, name: str, say: Say) -> int:
    """Sets everything up, tries, writes down what was found, and takes it down again."""
    store = await Store.open(config.storage.path, clock)
    learned = Learned(store)
    latest = Latest(clock, {}, tuple(config.wallboxes))
    tryouts: list[Tryout] = []

    def notice(event: WallboxEvent) -> None:
        latest.apply(event)
        if isinstance(event, StrangerRefused):
            say(f"{event.identity!r} from {event.remote} was turned away: {event.why}.")
        for tryout in tryouts:
            tryout.notice(event)

    central = central_of(config, store, clock, notice, learned)
    try:
        async with _served(config, clock, central):
            say(f"Waiting for {name} at ws://{config.ocpp.host}:{central.port}/{config.wallboxes[name].charge_point}")
            tryouts.append(Tryout(config.wallboxes[name], name, central.wallboxes[name], latest, clock, say))
            found = await tryouts[0].run()
            if found is None:
                return NOT_DONE
            learned.witness(found.kind, tryouts[0].witness)
            learned.sheet(found)
            for word, value in found.lines():
                say(f"{word + ':':34}{value}")
            return DONE if found.controllable else NOT_DONE
    except DeviceError as error:
        say(str(error))
        return NOT_DONE
    finally:
        await store.close()


@asynccontextmanager
async def _served(config: Config, clock: Clock, central: CentralSystem) -> AsyncIterator[None]:
    """The central system listens, and the simulated home is there if the file names one."""
    tasks = [asyncio.create_task(central.run())]
    try:
        ready = asyncio.create_task(central.listening())
        await asyncio.wait({tasks[0], ready}, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            ready.cancel()
            tasks[0].result()
        home = simulated_home(config.simulate, config, clock)
        if home is not None:
            await home.start()
            home.connect_wallboxes(f"ws://127.0.0.1:{central.port}")
            tasks.append(asyncio.create_task(home.run()))
        yield
        async with asyncio.timeout(RELEASE_S):
            await central.close(config.steering.failsafe_a)
    except TimeoutError:
        pass  # it is left with the last profile, which falls back if it can
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
