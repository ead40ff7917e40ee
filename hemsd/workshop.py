"""What an installer, or whoever helps, wants to see: the settings in force, the check, the log, who knocks in vain.

The bundle is the same as files in a zip, with the decisions of the last day, made to be mailed: nothing in it opens a
door (``hemsd.redaction``).
"""

from __future__ import annotations

import asyncio
import io
import platform
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import yaml

import hemsd
from hemsd.bench import Bench
from hemsd.config import Config, ConfigError, load
from hemsd.custody import Custody
from hemsd.logbook import Logbook
from hemsd.model import StrangerRefused
from hemsd.redaction import redacted, redacted_text
from web.house import Archive
from web.installer_models import FaultPage, InstallerPage, LogPage, StrangerPage
from web.pages import command_page, decision_page
from web.past_models import CommandsPage, DecisionsPage
from web.spoken import spoken
from web.state_models import StatePage

BUNDLE_SPAN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Knock:
    """A stranger at the OCPP port, and when it came last."""

    stranger: StrangerRefused
    at: datetime


@dataclass(slots=True)
class Workshop:
    """Satisfies ``web.house.Workshop``."""

    config: Callable[[], Config]  # the one in force
    file: Path | None
    logbook: Logbook
    knocks: Callable[[], Iterable[Knock]]
    state: Callable[[], StatePage]
    archive: Archive
    bench: Bench = field(init=False)
    custody: Custody = field(init=False)

    def __post_init__(self) -> None:
        self.bench, self.custody = Bench(self.file), Custody(self.config, self.file)

    async def page(self) -> InstallerPage:
        faults = await asyncio.to_thread(self._check)
        return InstallerPage(
            config=self._settings(),
            file=str(self.file) if self.file else None,
            faults=faults,
            strangers=[_stranger(knock) for knock in self.knocks()],
            log=[
                LogPage(time=line.at, level=line.level, logger=line.logger, text=redacted_text(line.text))
                for line in self.logbook.lines
            ],
        )

    def _settings(self) -> str:
        """The settings that were written down; what is missing stands at its default."""
        settings = self.config().model_dump(mode="json", exclude_unset=True)
        return yaml.safe_dump(redacted(settings), sort_keys=False, allow_unicode=True, width=100)

    def _check(self) -> list[FaultPage]:
        """The file as it is now, which may be another than the one that was read."""
        if self.file is None:
            return []
        try:
            load(self.file)
        except ConfigError as error:
            return [
                FaultPage(
                    line=one.line,
                    path=one.path,
                    wrong=spoken(one.wrong, redacted_text),
                    remedy=spoken(one.remedy, redacted_text),
                )
                for one in error.problems
            ]
        return []

    async def bundle(self) -> bytes:
        page, state = await self.page(), self.state()
        span = state.time - BUNDLE_SPAN, state.time + timedelta(seconds=1)
        decisions = await self.archive.decisions_between(*span)
        commands = await self.archive.commands_between(*span)
        files = {
            "README.txt": _about(state),
            "config.yaml": page.config,
            "check.txt": "\n".join(f"{one.line} {one.path}: {one.wrong.text}; {one.remedy.text}" for one in page.faults)
            or "fine",
            "log.txt": "\n".join(redacted_text(str(line)) for line in self.logbook.lines),
            "state.json": state.model_dump_json(indent=1),
            "decisions.json": DecisionsPage(decisions=[decision_page(one) for one in decisions]).model_dump_json(),
            "commands.json": CommandsPage(commands=[command_page(one) for one in commands]).model_dump_json(),
        }
        return await asyncio.to_thread(_zipped, files)


def _about(state: StatePage) -> str:
    return (
        f"hemsd {hemsd.__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"Made at {state.time.isoformat(timespec='seconds')}. Passwords, tokens and cards are hidden; names of "
        "wallboxes and cars, and addresses in the house, are not. Look through it before you send it.\n"
    )


def _zipped(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in files.items():
            bundle.writestr(f"hemsd-support/{name}", text)
    return out.getvalue()


def _stranger(knock: Knock) -> StrangerPage:
    """With what config.yaml would need; the identity is a stranger's text, so it is quoted where it has to be."""
    identity = knock.stranger.identity
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", identity).strip("-_")[:40] or "wallbox"
    block = {"wallboxes": {name: {"driver": "ocpp", "charge_point": identity}}}
    return StrangerPage(
        identity=identity,
        remote=knock.stranger.remote,
        why=knock.stranger.why,
        time=knock.at,
        block=yaml.safe_dump(block, sort_keys=False, allow_unicode=True),
    )
