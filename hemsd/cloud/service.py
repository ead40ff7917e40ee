"""Puts the lanes together from config.yaml, and says how they do."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from urllib.parse import urljoin, urlsplit

from hemsd.clock import Clock, SystemClock
from hemsd.cloud.analysis_upload import AnalysisRoute, Station
from hemsd.cloud.backoff import Dice
from hemsd.cloud.batches import Batches
from hemsd.cloud.client import Client, Manners
from hemsd.cloud.fields import Document
from hemsd.cloud.fleet_news import FleetNews
from hemsd.cloud.give_way import GiveWay
from hemsd.cloud.lanes import Lane
from hemsd.cloud.marks import DECISIONS, SUMMARY, VISIT, Lines, Marks
from hemsd.cloud.outbox import Outbox
from hemsd.cloud.payloads import NoPayloads, Payloads
from hemsd.cloud.route import Route, Transport
from hemsd.cloud.settings import CloudSettings, SignedIn, WebhookEvent, WebhookSettings
from hemsd.cloud.sign_in import ClientCredentials, FixedToken, SignIn
from hemsd.cloud.summaries import SummaryRoute
from hemsd.cloud.telemetry import TELEMETRY, Fleet
from hemsd.cloud.webhooks import ANSWER_S, GIVES_UP_AFTER_S, WebhookRoute
from hemsd.said import said
from hemsd.store import Store
from hemsd.store import outbox as rows

log = logging.getLogger(__name__)

ANALYSIS = "analysis"
SUMMARIES = "summaries"
HOOK_BYTES_S = 64_000.0
WORTH_TELLING_S = 1800.0
_TOLD_OF = {"visits": VISIT, "decisions": DECISIONS, "summaries": SUMMARY}


@dataclass(slots=True)
class Cloud:
    """Everything that tells somebody outside the house. ``run`` it under ``keep``; with no lanes it has nothing to do.

    ``payloads`` may be set any time before ``run``; ``state`` answers what telemetry tells of the present.
    """

    settings: CloudSettings
    store: Store
    clock: Clock
    stations: Mapping[str, Station] = field(default_factory=dict)
    payloads: Payloads = field(default_factory=NoPayloads)
    state: Callable[[], Document] = dict
    real: Clock = field(default_factory=SystemClock)
    dice: Dice = field(default_factory=random.SystemRandom)
    outbox: Outbox = field(init=False)
    marks: Marks = field(init=False)
    spreads: bool = True  # False: a simulated home has no neighbours that come back with it after a power cut
    give_way: GiveWay = field(init=False)
    lanes: dict[str, Lane] = field(default_factory=dict)
    fleet: Fleet | None = None

    def __post_init__(self) -> None:
        self.give_way = GiveWay(self.clock)
        self.outbox = Outbox(self.store, self.give_way)
        for turn, lane in enumerate(self._made()):
            lane.turn, lane.spreads = turn, self.spreads
            self.lanes[lane.name] = lane
        telemetry = self.settings.telemetry
        if telemetry is not None:
            news = FleetNews(telemetry, self.outbox, _Bound(self), self._present)
            fleets_turn = len(self.lanes) if self.spreads else None
            self.fleet = Fleet(telemetry, self.outbox, self.clock, self.real, news, self.dice, fleets_turn)
        self.marks = Marks(self._lines(), self.clock, self.dice, self._wake, self._is_open)
        if not self.settings.tells_nobody:
            self.store.announcer = self.marks

    def _present(self) -> Document:
        return self.state()

    def tellers(self) -> list[tuple[str, Callable[[], Awaitable[None]]]]:
        """What to keep running, by name; nothing where nobody is told."""
        lanes: list[tuple[str, Callable[[], Awaitable[None]]]] = [("cloud", self.run)]
        return [*lanes, (self.fleet.name, self.fleet.run)] if self.fleet is not None else lanes

    async def run(self) -> None:
        """Delivers until cancelled."""
        await self.forget_strangers()
        if not self.lanes:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for lane in self.lanes.values():
                group.create_task(lane.run(), name=f"lane {lane.name}")

    async def waiting(self) -> dict[str, rows.Backlog]:
        """What is still to be told, by lane; a lane to which nothing is owed is there too."""
        return {name: rows.Backlog() for name in self.lanes} | await self.outbox.backlogs()

    async def forget_strangers(self) -> None:
        """Who no longer stands in config.yaml is told nothing, and what waited for them is deleted."""
        known = {*self.lanes, *([TELEMETRY] if self.fleet else [])}
        waiting = await self.outbox.backlogs()
        strangers = [name for name in waiting if name not in known]
        for name in strangers:
            log.info("%s is no longer in config.yaml: what waited for it is deleted", name)
            await self.outbox.write(rows.empty(name), ("DELETE FROM dead_letters WHERE lane = ?", (name,)))

    # -- news that no change of the store carries -------------------------------------------------------------------

    def session_changed(self, subject: str) -> None:
        """The flex session of a visit, or of ``policy:NAME``, looks different now."""
        marks = self.marks.of_subject(subject)
        if marks:
            self.store.carry_out(told=marks)

    async def retry(self, letter_id: int | None) -> None:
        """A person puts a dead letter back, or all of them; lanes that were given up are tried again at once."""
        await self.outbox.write(*rows.revive(self.clock.utc(), letter_id))
        for lane in self.lanes.values():
            lane.woken.set()

    def troubles(self) -> dict[str, str]:
        """What a person should know, by lane: a short outage is not worth their time."""
        now_s = self.real.monotonic()
        found: dict[str, str] = {}
        for name, lane in self.lanes.items():
            since_s = lane.pace.failing_since_s
            lasting = since_s is not None and now_s - since_s >= WORTH_TELLING_S
            if lane.trouble and (lane.closed or lasting):
                found[name] = said(
                    "lane.silent",
                    "{address} is not told anything: {trouble}",
                    address=lane.address,
                    trouble=lane.trouble,
                )
            elif lane.dead:
                found[name] = said("lane.refused", "{address} has refused something for good.", address=lane.address)
        return found

    # -- making lanes -------------------------------------------------------------------------------------------------

    def _made(self) -> list[Lane]:
        cloud = self.settings
        lanes = []
        if cloud.analysis is not None:
            client = client_of(cloud.analysis, self.real, gzip=cloud.analysis.gzip)
            lanes.append(self._lane(ANALYSIS, cloud.analysis.url, self._analysis(), client, _bytes_s(cloud.analysis)))
        if cloud.summaries is not None:
            client = client_of(cloud.summaries, self.real, gzip=cloud.summaries.gzip)
            lanes.append(self._lane(SUMMARIES, cloud.summaries.url, self._summary(), client, _bytes_s(cloud.summaries)))
        for hook in cloud.webhooks:
            lane = self._lane(hook_lane(hook), hook.url, self._hook(hook), hook_client(hook), HOOK_BYTES_S)
            lane.gives_up_after_s = GIVES_UP_AFTER_S
            lanes.append(lane)
        return lanes

    def _lane(self, name: str, url: str, route: Route, transport: Transport, bytes_s: float) -> Lane:
        address = urlsplit(url).netloc.rpartition("@")[2]
        return Lane(name, address, route, transport, self.outbox, self.clock, self.real, bytes_s, dice=self.dice)

    def _analysis(self) -> AnalysisRoute:
        settings = self.settings.analysis
        assert settings is not None
        route = AnalysisRoute(
            ANALYSIS,
            settings.url,
            self.outbox,
            self.stations,
            settings.measurands,
            settings.group_s,
            settings.leave_out,
        )
        if settings.batch:
            route.batches = Batches(ANALYSIS, self.outbox, route)
        return route

    def _summary(self) -> SummaryRoute:
        settings = self.settings.summaries
        assert settings is not None
        paths = {str(kind): path for kind, path in settings.paths.items()}
        return SummaryRoute(SUMMARIES, settings.url, paths, self.outbox, _Bound(self), settings.leave_out)

    def _hook(self, hook: WebhookSettings) -> WebhookRoute:
        return WebhookRoute(
            hook_lane(hook),
            hook.url,
            hook.signing_secret,
            self.outbox,
            _Bound(self),
            hook.as_array,
            hook.leave_out,
        )

    def _lines(self) -> Lines:
        cloud = self.settings
        return Lines(
            analysis=ANALYSIS if cloud.analysis else None,
            telemetry=TELEMETRY if cloud.telemetry else None,
            told_of=tuple(_TOLD_OF[name] for name in cloud.telemetry.fields if name in _TOLD_OF)
            if cloud.telemetry
            else (),
            summary_lane=SUMMARIES if cloud.summaries else None,
            summaries=tuple(cloud.summaries.paths) if cloud.summaries else (),
            session_hooks=tuple(hook_lane(h) for h in cloud.webhooks if WebhookEvent.SESSION_UPDATED in h.events),
            station_hooks=tuple(hook_lane(h) for h in cloud.webhooks if WebhookEvent.STATION_ANOMALY in h.events),
        )

    def _wake(self, lane: str) -> None:
        if lane in self.lanes:
            self.lanes[lane].woken.set()
        elif self.fleet is not None and lane == TELEMETRY:
            self.fleet.woken.set()

    def _is_open(self, lane: str) -> bool:
        return lane not in self.lanes or not self.lanes[lane].closed


@dataclass(frozen=True, slots=True)
class _Bound:
    """The payloads that the cloud has at the moment of asking: they are bound after the lanes are made."""

    cloud: Cloud

    async def user_id(self) -> str:
        return await self.cloud.payloads.user_id()

    async def flex_session(self, subject: str) -> Document | None:
        return await self.cloud.payloads.flex_session(subject)

    async def partner_session(self, visit_id: str) -> Document | None:
        return await self.cloud.payloads.partner_session(visit_id)

    async def ev_session(self, visit_id: str) -> Document | None:
        return await self.cloud.payloads.ev_session(visit_id)


def hook_lane(hook: WebhookSettings) -> str:
    """The same for the same address, wherever it stands in the list; the address itself may hold a secret."""
    return f"webhook:{blake2b(hook.url.encode(), digest_size=4).hexdigest()}"


def hook_client(hook: WebhookSettings) -> Client:
    return Client(FixedToken(hook.token_secret), Manners(whole_s=ANSWER_S, reads_answer=False), hook.ca_file)


def client_of(settings: SignedIn, real: Clock, *, gzip: bool) -> Client:
    return Client(sign_in_of(settings, real), Manners(gzip=gzip), settings.ca_file)


def sign_in_of(settings: SignedIn, real: Clock) -> SignIn:
    if settings.client_id is None:
        return FixedToken(settings.token_secret)
    token_url = settings.token_url or urljoin(settings.url.rstrip("/") + "/", "oauth2/token")
    return ClientCredentials(token_url, settings.client_id, settings.client_secret_value, real)


def _bytes_s(settings: SignedIn) -> float:
    return settings.budget_kb_s * 1000
