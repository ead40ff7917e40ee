"""What hemsd tells Prometheus. docs/metrics.md lists every name.

Two kinds of numbers. The present (powers, limits, alerts) is read from the same state that the page shows, at the
moment of the question, so the two can't differ. What happens (ticks, decisions, verdicts) is counted where it happens.
What is not known has no sample: a zero would be a claim.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector

from hemsd.model import Command, Decision
from hemsd.store.outbox import Backlog
from hemsd.store.store import Store
from web.state_models import StatePage, WallboxPage

Labels = TypeVar("Labels", bound=tuple[str, ...])

TICK_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
EFFECT_BUCKETS_S = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300)


@dataclass(slots=True, eq=False)
class Present:
    """Where the numbers of this moment come from."""

    state: Callable[[], StatePage]
    tick_age_s: Callable[[], float | None]
    troubles: Mapping[str, str | None]
    roles: Mapping[str, str]  # of the meters
    store: Store
    backlogs: Callable[[], Awaitable[Mapping[str, Backlog]]]
    _waiting: Mapping[str, Backlog] = field(default_factory=dict)

    async def look(self) -> None:
        """What only the database knows is asked before the numbers are; a database that can't be asked has none."""
        try:
            self._waiting = await self.backlogs()
        except sqlite3.Error:
            self._waiting = {}

    def collect(self) -> Iterator[Metric]:
        """prometheus_client asks this."""
        state = self.state()
        yield _gauge("hemsd_build_info", "Which hemsd this is", ("version",), {(state.version,): 1})
        yield _gauge("hemsd_tick_age_seconds", "Since the control loop last went round", (), {(): self.tick_age_s()})
        yield _gauge("hemsd_house_power_watts", "What the house uses without the cars", (), {(): state.house_w})
        yield from self._meters(state)
        yield from _wallboxes(state.wallboxes)
        health = {(name,): float(not trouble) for name, trouble in self.troubles.items()}
        yield _gauge("hemsd_task_up", "Whether a device's task is well", ("task",), health)
        alerts = {(alert.key,): 1.0 for alert in state.alerts}
        yield _gauge("hemsd_alert", "The alerts that stand", ("key",), alerts)
        yield from self._outbox()
        yield from self._storage(state)

    def _meters(self, state: StatePage) -> Iterator[Metric]:
        labels, meters = ("meter", "role"), state.meters
        keys = {name: (name, self.roles.get(name, "")) for name in meters}
        power = {keys[name]: meter.power_w if meter.ok else None for name, meter in meters.items()}
        yield _gauge("hemsd_meter_power_watts", "Import, generation and discharge are positive", labels, power)
        age = {keys[name]: meter.age_s for name, meter in meters.items()}
        yield _gauge("hemsd_meter_age_seconds", "How old the newest reading is", labels, age)
        up = {keys[name]: float(meter.ok) for name, meter in meters.items()}
        yield _gauge("hemsd_meter_up", "Whether it is known and fresh", labels, up)
        soc = {keys[name]: None if meter.soc_pct is None else meter.soc_pct / 100 for name, meter in meters.items()}
        yield _gauge("hemsd_battery_charge_ratio", "The home battery's state of charge", labels, soc)

    def _outbox(self) -> Iterator[Metric]:
        lanes = self._waiting.items()
        waiting = {(name,): float(lane.waiting) for name, lane in lanes}
        yield _gauge("hemsd_outbox_waiting", "What is still to be told to somebody outside", ("lane",), waiting)
        oldest = {(name,): lane.oldest_at.timestamp() for name, lane in lanes if lane.oldest_at is not None}
        yield _gauge("hemsd_outbox_oldest_timestamp_seconds", "When the oldest of it came up", ("lane",), oldest)
        dead = {(name,): float(lane.dead) for name, lane in lanes}
        yield _gauge("hemsd_outbox_refused", "What was refused for good", ("lane",), dead)

    def _storage(self, state: StatePage) -> Iterator[Metric]:
        store = self.store
        yield CounterMetricFamily(
            "hemsd_storage_written_bytes", "Asked of the card since the start", store.bytes_written
        )
        yield CounterMetricFamily("hemsd_storage_forgotten_changes", "Dropped while the card failed", store.forgotten)
        yield _gauge("hemsd_storage_up", "Whether the database can be written", (), {(): float(store.trouble is None)})
        if state.storage is not None:
            today, size = state.storage.bytes_today, state.storage.database_bytes
            yield _gauge("hemsd_storage_written_today_bytes", "Since the UTC day began", (), {(): today})
            yield _gauge("hemsd_storage_database_bytes", "Size of the file", (), {(): size})


def _wallboxes(boxes: Mapping[str, WallboxPage]) -> Iterator[Metric]:
    facts: tuple[tuple[str, str, Callable[[WallboxPage], float | None]], ...] = (
        ("connected", "Whether its OCPP link is up", lambda box: box.connected),
        ("plugged", "Whether a car is plugged in", lambda box: box.plugged),
        ("charging", "Whether a car charges", lambda box: box.charging),
        ("power_watts", "What the car draws", lambda box: box.power_w),
        ("limit_amperes", "What hemsd asked for", lambda box: box.limit_a),
        ("offered_amperes", "What it offers by its own account", lambda box: box.offered_a),
        ("sample_age_seconds", "How old its newest meter values are", lambda box: box.sample_age_s),
        ("car_charge_ratio", "State of charge", lambda box: None if box.soc_pct is None else box.soc_pct / 100),
    )
    for name, about, value in facts:
        found = {(box,): value(page) for box, page in boxes.items()}
        yield _gauge(f"hemsd_wallbox_{name}", about, ("wallbox",), found)
    energy = {
        (name, source): None if kwh is None else kwh * 1000
        for name, page in boxes.items()
        for source, kwh in (
            ("solar", page.session_solar_kwh), ("battery", page.session_battery_kwh), ("grid", page.session_grid_kwh),
        )
    }  # fmt: skip
    yield _gauge("hemsd_visit_energy_watt_hours", "Of the running visit, by source", ("wallbox", "source"), energy)
    state = {(name, page.mode.value, page.state.value): 1.0 for name, page in boxes.items()}
    yield _gauge("hemsd_wallbox_steering_info", "Mode and state of steering", ("wallbox", "mode", "state"), state)
    kinds = {(name, page.vendor, page.model, page.firmware): 1.0 for name, page in boxes.items()}
    yield _gauge("hemsd_wallbox_info", "Who made it", ("wallbox", "vendor", "model", "firmware"), kinds)


def _gauge(name: str, about: str, labels: tuple[str, ...], values: Mapping[Labels, float | None]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in values.items():
        if value is not None:
            family.add_metric(key, float(value))
    return family


class Metrics:
    """All of them, in a registry of their own."""

    def __init__(self, present: Present) -> None:
        self._present = present
        self._registry = registry = CollectorRegistry()
        registry.register(present)
        ProcessCollector(registry=registry)
        self._tick_s = Histogram(
            "hemsd_tick_duration_seconds", "One round of the control loop", buckets=TICK_BUCKETS_S, registry=registry
        )
        self._decisions = Counter(
            "hemsd_decisions", "Ticks by what was decided", ("wallbox", "kind"), registry=registry
        )
        self._commands = Counter(
            "hemsd_commands", "Commands by their verdict", ("wallbox", "dispatch_status", "outcome"), registry=registry
        )
        self._effect_s = Histogram(
            "hemsd_command_effect_seconds",
            "From a command to its proof",
            ("wallbox",),
            buckets=EFFECT_BUCKETS_S,
            registry=registry,
        )

    def took(self, seconds: float) -> None:
        """A tick is over."""
        self._tick_s.observe(seconds)

    def decided(self, decisions: Mapping[str, Decision]) -> None:
        for wallbox, decision in decisions.items():
            self._decisions.labels(wallbox, decision.kind.value).inc()

    def judged(self, command: Command) -> None:
        """A final verdict."""
        self._commands.labels(command.wallbox, command.dispatch_status.value, command.outcome.value).inc()
        if command.effect_s is not None:
            self._effect_s.labels(command.wallbox).observe(command.effect_s)

    async def text(self) -> bytes:
        """The exposition format 0.0.4 of Prometheus."""
        await self._present.look()
        return generate_latest(self._registry)
