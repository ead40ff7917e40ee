"""What config.yaml describes, in one line: to see at a glance whether hemsd understood what was meant."""

from __future__ import annotations

from collections.abc import Iterable

from hemsd.config.models import Config, named_meters


def summary(config: Config) -> str:
    meters = [f"{meter.name}" for meter in named_meters(config)]
    parts = [_listed("meter", meters), _listed("wallbox", config.wallboxes, "wallboxes")]
    if config.vehicles:
        parts.append(_listed("vehicle", config.vehicles))
    if config.simulate is not None:
        parts.append(f"a simulated home (day {config.simulate.day}, {config.simulate.speed:g} times as fast)")
    scheme = "https" if config.web.tls else "http"
    parts.append(f"the page at {scheme}://{config.web.host}:{config.web.port}")
    return ", ".join(parts)


def _listed(one: str, names: Iterable[str], many: str = "") -> str:
    listed = list(names)
    word = one if len(listed) == 1 else many or f"{one}s"
    return f"{len(listed)} {word} ({', '.join(listed)})" if listed else f"no {word}"
