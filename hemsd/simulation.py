"""What ``simulate`` in config.yaml adds: another clock, and a home on real sockets. A real home loads none of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from drivers.simulated.settings import SimulateSettings
from hemsd.clock import Clock, FastClock, SystemClock
from hemsd.config import Config
from hemsd.store.opening import newest_record

if TYPE_CHECKING:
    from drivers.simulated.home import SimulatedHome


async def clock_for(config: Config) -> Clock:
    """The machine's clock, or the simulated home's: today, at the recorded day's own time, never before the records."""
    simulate = config.simulate
    if simulate is None:
        return SystemClock()
    from drivers.simulated import day

    zone = ZoneInfo(config.site.timezone)
    recording = day.load(simulate.day)
    start_at = recording.moment(simulate.start_s, zone, on=SystemClock().utc().astimezone(zone).date())
    newest_at = await asyncio.to_thread(newest_record, config.storage.path)
    while newest_at is not None and start_at <= newest_at:
        start_at += timedelta(days=1)
    return FastClock(start_at.astimezone(UTC), simulate.speed)


def simulated_home(settings: SimulateSettings | None, config: Config, clock: Clock) -> SimulatedHome | None:
    """The home with the wallboxes of config.yaml; None where the home is real."""
    if settings is None:
        return None
    from drivers.simulated.home import SimulatedHome
    from drivers.simulated.wallbox import WallboxSpec

    first_of = {box.charge_point: name for name, box in reversed(config.wallboxes.items())}  # it has one connector
    specs = [
        WallboxSpec(
            name=name,
            charge_point=box.charge_point,
            password=box.secret(),
            phases=box.phases,
            max_a=box.max_a,
            personality=tuple(settings.personality.get(name, ("honest",))),
        )
        for name, box in config.wallboxes.items()
        if first_of[box.charge_point] == name
    ]
    return SimulatedHome(settings, clock, specs, voltage_v=config.site.voltage_v)
