"""Makes the tellers that config.yaml asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from hemsd.config import Config
from hemsd.model import Alert
from hemsd.notices.channels import Http, Mqtt, ntfy, webhook
from hemsd.notices.teller import Channel, Manners, Quiet, Teller, Told

TOLD_FACT = "told."

_TOLD = TypeAdapter(Told)


def tellers(
    config: Config,
    standing: Callable[[], Sequence[Alert]],
    utc: Callable[[], datetime],
    facts: Mapping[str, object],
    remember: Callable[[str, object], None],
) -> tuple[Teller, ...]:
    """One for each way; none, unless one is named."""
    settings = config.alerts
    quiet = None
    if settings.quiet is not None:
        begin, end = (time.fromisoformat(text) for text in (settings.quiet.begin, settings.quiet.end))
        quiet = Quiet(begin, end, ZoneInfo(config.site.timezone))
    return tuple(
        Teller(
            channel=channel,
            standing=standing,
            utc=utc,
            manners=Manners(timedelta(seconds=settings.after_s), quiet=quiet),
            remember=partial(remember, TOLD_FACT + channel.name),
            told=_told(facts.get(TOLD_FACT + channel.name)),
        )
        for channel in _channels(config)
    )


def _channels(config: Config) -> list[Channel]:
    settings, site = config.alerts, config.site.name
    found: list[Channel] = []
    if settings.webhook is not None:
        found.append(Http("webhook", settings.webhook, site, webhook))
    if settings.ntfy is not None:
        found.append(Http("ntfy", settings.ntfy, site, ntfy))
    if settings.mqtt is not None and config.mqtt is not None:
        found.append(Mqtt(settings.mqtt, config.mqtt, site))
    return found


def _told(written: object) -> Told:
    """What no longer fits is told anew."""
    try:
        return _TOLD.validate_python(written or {})
    except ValidationError:
        return {}
