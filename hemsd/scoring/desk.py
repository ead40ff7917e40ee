"""The analysis API's memory and its judgement: satisfies ``web.analysis.AnalysisDesk``.

A session is written and judged in one go and in one transaction, so nobody ever reads values beside a verdict on
others. Writers wait for each other: a PATCH counts what an earlier one left. An answer is given when it is on the card.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar
from uuid import uuid4

from hemsd.clock import Clock
from hemsd.scoring import shelf
from hemsd.scoring.answers import answer, language_asked
from hemsd.scoring.categories import Finding
from hemsd.scoring.engine import BASE, EngineError
from hemsd.scoring.facts import findings_in, story_of
from hemsd.scoring.features import BUCKET_S, Buckets, buckets
from hemsd.scoring.fusion import calibrated
from hemsd.scoring.judge import LEAST_VALUES, Judge, Judged, shipped_calibration
from hemsd.scoring.model_rows import Judging, judging
from hemsd.scoring.series import NOTHING_KNOWN, Known, MeterValue, last_hours, series_of
from hemsd.scoring.shelf import Record
from hemsd.scoring.speaker import Speaker
from hemsd.scoring.tenants import HOME
from hemsd.scoring.trace import trace_of
from hemsd.scoring.words import Language, explanation, language_of
from hemsd.store.outbox import Statement
from hemsd.store.store import Store
from web.analysis import Paging, SessionFilter
from web.analysis_models import (
    AnomalyPage,
    AnswerPage,
    BucketRange,
    CreateBody,
    DetailedPage,
    ExplanationPage,
    MeterValueBody,
    MeterValuePage,
    PatchBody,
    PutBody,
    ResultPage,
    SessionItem,
    SessionList,
    Status,
    TimeRange,
)
from web.routes import Refused

log = logging.getLogger(__name__)
Done = TypeVar("Done")

ON_THE_CARD_S: Final = 10.0
RECURRING: Final = 2
MANY_VALUES: Final = 1000
# What a session that nobody thought of may do to the sums; anything else is a bug and ends in the log of the process.
UNJUDGEABLE: Final = (EngineError, ArithmeticError, ValueError, LookupError)


class HomeVisits(Protocol):
    """Where the values of the home's own visits are, and what else is known of them."""

    async def values(self, visit_id: str) -> list[MeterValue]: ...

    async def known(self, visit_id: str) -> Known: ...


class SessionDesk:
    """Sessions: those that programs post, and the home's own visits once they are judged."""

    def __init__(self, store: Store, judge: Judge, clock: Clock, model: str = BASE) -> None:
        self.store, self.judge, self.clock, self.model = store, judge, clock, model
        self.home: HomeVisits | None = None
        self.speaker: Speaker | None = None
        self._writing = asyncio.Lock()
        self._last_number: int | None = None

    # -- writing ------------------------------------------------------------------------------------------------------

    async def create(self, tenant: str, asked: CreateBody) -> ResultPage:
        page, _ = await self.create_measured(tenant, asked)
        return page

    async def create_measured(self, tenant: str, asked: CreateBody) -> tuple[ResultPage, int]:
        """The result, and how many quarter-hours were analysed."""
        async with self._writing:
            known = await self._own(tenant, asked.session_id)
            record = known or Record(
                number=await self.next_number(),
                id=str(uuid4()),
                tenant=tenant,
                external_id=asked.session_id,
                station=asked.charging_station_id,
                created_at=self.clock.utc(),
            )
            record = replace(
                record,
                station=asked.charging_station_id,
                connector=asked.connector_id or record.connector,
                evse=asked.evse_id or record.evse,
                metadata=shelf.metadata_json(asked.metadata) or record.metadata,
            )
            record = await self._add(record, values_of(asked.meter_values or []))
            return result_page(record), record.length

    async def replace(self, tenant: str, session: str, asked: PutBody) -> ResultPage | None:
        async with self._writing:
            record = await self._writable(tenant, session)
            if record is None:
                return None
            record = replace(record, metadata=shelf.metadata_json(asked.metadata) or record.metadata)
            values = await aside(partial(shelf.merged, (), values_of(asked.meter_values)), len(asked.meter_values))
            judged = await self._judged(record.unjudged(), values)
            return result_page(await self._keep(judged, [shelf.forget_values(record.number)], values))

    async def append(self, tenant: str, session: str, asked: PatchBody) -> ResultPage | None:
        async with self._writing:
            record = await self._writable(tenant, session)
            if record is None:
                return None
            if not asked.meter_values:
                return result_page(record)
            record = replace(record, metadata=shelf.metadata_json(asked.metadata) or record.metadata)
            return result_page(await self._add(record, values_of(asked.meter_values)))

    async def _add(self, record: Record, new: Sequence[MeterValue]) -> Record:
        if not new:
            return await self._keep(record, [], ())
        values = await aside(partial(shelf.merged, await self._values(record), new), len(new))
        return await self._keep(await self._judged(record.unjudged(), values), [], new)

    async def _keep(self, record: Record, first: list[Statement], values: Sequence[MeterValue]) -> Record:
        rows = await aside(partial(shelf.keep_values, record.number, values), len(values))
        self.store.carry_out(*first, shelf.keep(record), *rows)
        await self._on_the_card()
        return record

    async def judge_own(self, record: Record) -> Record:
        """Judges a visit of the home, whose values are in the store already."""
        await self._on_the_card()
        async with self._writing:
            judged = await self._judged(record.unjudged(), await self._values(record), await self._known(record))
            return await self._keep(judged, [], ())

    async def _on_the_card(self) -> None:
        try:
            async with asyncio.timeout(ON_THE_CARD_S):
                await self.store.settle()
        except (TimeoutError, OSError) as error:
            raise Refused(503, "the database can't be written at present") from error

    async def next_number(self) -> int:
        if self._last_number is None:
            self._last_number = await self.store.views.ask(shelf.last_number)
        self._last_number += 1
        return self._last_number

    # -- judging ------------------------------------------------------------------------------------------------------

    async def _judged(self, record: Record, values: Sequence[MeterValue], known: Known = NOTHING_KNOWN) -> Record:
        """The record with its verdict, when there are values enough for one."""
        if len(values) < LEAST_VALUES:
            return record
        model = await self.judging(record.tenant)
        tuned = None if model.flat is None else model.id
        healthy = await self.store.views.ask(
            lambda db: shelf.healthy_surprises(db, record.tenant, record.station, record.number, tuned)
        )
        own = [*healthy, *model.surprises][: shelf.REMEMBERED]
        try:
            judged = await self.judge.score(
                values, known, calibrated(own, shipped_calibration()), whole=record.tenant == HOME, flat=model.flat
            )
        except UNJUDGEABLE as error:
            log.warning("Session %s can't be judged: %s", record.id, error)
            return replace(record, status=Status.FAILED, analyzed_at=self.clock.utc())
        if judged is None:
            return record
        before = await self.store.views.ask(lambda db: shelf.seen_before(db, record))
        return replace(with_verdict(record, judged, before, self.clock.utc()), model=tuned)

    async def judging(self, tenant: str) -> Judging:
        """Whose weights judge this tenant's sessions: the chosen model's, and until one is chosen config.yaml's."""
        first = self.model if tenant == HOME else None
        return await self.store.views.ask(lambda db: judging(db, tenant, first))

    # -- reading ------------------------------------------------------------------------------------------------------

    async def _find(self, tenant: str, session: str) -> Record | None:
        return await self.store.views.ask(lambda db: shelf.find(db, tenant, session))

    async def _own(self, tenant: str, session: str) -> Record | None:
        """A session that this tenant may change. The home's own visits are measured, nobody writes them."""
        found = await self._find(tenant, session)
        if found is not None and found.tenant != tenant:
            raise Refused(409, "this is a visit that hemsd recorded itself; it can be read, not changed")
        return found

    async def _writable(self, tenant: str, session: str) -> Record | None:
        return await self._own(tenant, session)

    async def _values(self, record: Record) -> list[MeterValue]:
        if record.tenant == HOME and self.home is not None:
            return await self.home.values(record.external_id)
        return await self.store.views.ask(lambda db: shelf.values(db, record.number))

    async def session(self, tenant: str, session: str) -> DetailedPage | None:
        record = await self._find(tenant, session)
        if record is None:
            return None
        values = await self._values(record)
        return DetailedPage(
            **result_page(record).model_dump(),
            meter_values=[
                MeterValuePage(
                    timestamp=one.at,
                    value=one.value,
                    measurand=one.measurand,
                    unit=one.unit,
                    phase=one.phase,
                    location=one.location,
                )
                for one in values
            ],
            created_at=record.created_at,
        )

    async def sessions(self, tenant: str, wanted: SessionFilter, paging: Paging) -> SessionList:
        total, records = await self.store.views.ask(lambda db: shelf.page(db, tenant, wanted, paging))
        return SessionList(
            items=[
                SessionItem(
                    session_id=record.id,
                    external_session_id=record.external_id,
                    charging_station_id=record.station,
                    is_anomaly=record.is_anomaly,
                    anomaly_score=record.score,
                    anomaly_count=len(record.anomalies),
                    status=record.status,
                    created_at=record.created_at,
                    last_analyzed_at=record.analyzed_at,
                )
                for record in records
            ],
            total=total,
            page=paging.page,
            page_size=paging.size,
        )

    # -- words --------------------------------------------------------------------------------------------------------

    async def explain(self, tenant: str, session: str, language: str) -> ExplanationPage | None:
        record = await self._find(tenant, session)
        if record is None:
            return None
        text = await self._tell(record, None, language_of(language))
        return ExplanationPage(session_id=record.external_id, explanation=text)

    async def ask(self, tenant: str, session: str, question: str, language: str) -> AnswerPage | None:
        record = await self._find(tenant, session)
        if record is None:
            return None
        spoken = language_of(language) if language else language_asked(question)
        return AnswerPage(session_id=record.external_id, answer=await self._tell(record, question, spoken))

    async def _tell(self, record: Record, question: str | None, language: Language) -> str:
        """Explains the session, or answers a question about it."""
        facts = None
        if record.status is Status.ACTIVE:
            values, known = await self._values(record), await self._known(record)
            facts = await self.judge.facts(values, known, whole=record.tenant == HOME)
        found = findings_in(record.story)
        flagged = [one for one in found if not one.advisory]
        hints = [one for one in found if one.advisory]
        told = explanation(facts, flagged, hints, record.begins_at, language)
        plain = told if question is None else answer(question, facts, flagged, hints, record.begins_at, language)
        if self.speaker is None or facts is None:
            return plain
        if question is None:
            return await self.speaker.say(None, told, language, [one.category for one in flagged]) or plain
        return await self.speaker.say(question, f"{plain} {told}", language) or plain

    async def buckets_of(self, record: Record) -> Buckets | None:
        """The session as the model sees it."""
        known = await self._known(record)
        series = series_of(await self._values(record), known)
        if series is None:
            return None
        seen = series if record.tenant == HOME else last_hours(series)
        return buckets(seen, trace_of(seen, known), known.car_w, anchored=record.tenant == HOME)

    async def _known(self, record: Record) -> Known:
        """What is known of a session beyond its values; of posted ones nothing."""
        if record.tenant == HOME and self.home is not None:
            return await self.home.known(record.external_id)
        return NOTHING_KNOWN


# ---------------------------------------------------------------------------------------------------------------------


def with_verdict(record: Record, judged: Judged, before: Mapping[str, int], at: datetime) -> Record:
    """``before`` counts how often each category was found on this connector lately."""
    verdict = judged.verdict
    pages = (anomaly_page(one, judged) for one in verdict.findings)
    anomalies = tuple(page for page in pages if page is not None)
    facts = judged.facts
    return replace(
        record,
        status=Status.ACTIVE,
        is_anomaly=bool(anomalies),
        score=verdict.score,
        confidence=verdict.confidence,
        is_incident=verdict.is_incident,
        is_recurring=any(before.get(one.category, 0) >= RECURRING for one in verdict.findings),
        anomalies=anomalies,
        story=story_of(verdict),
        begins_at=judged.series.start_at,
        length=verdict.length,
        analyzed_at=at,
        surprise=verdict.surprise,
        peak_w=None if facts.peak_kw is None else 1000 * facts.peak_kw,
        energy_wh=None if facts.energy_kwh is None else 1000 * facts.energy_kwh,
        offered_wh=None if facts.offered_kwh is None else 1000 * facts.offered_kwh,
    )


async def aside(work: Callable[[], Done], size: int) -> Done:
    """Here when it is little; in a thread of its own when it would keep everybody else waiting."""
    return await asyncio.to_thread(work) if size > MANY_VALUES else work()


def values_of(bodies: Sequence[MeterValueBody]) -> list[MeterValue]:
    return [
        MeterValue(body.timestamp, body.value, body.measurand, body.unit, body.phase, body.location) for body in bodies
    ]


def result_page(record: Record) -> ResultPage:
    return ResultPage(
        session_id=record.external_id,
        status=record.status,
        is_anomaly=record.is_anomaly,
        anomaly_score=record.score,
        anomaly_confidence=record.confidence,
        is_incident=record.is_incident,
        is_recurring=record.is_recurring,
        anomalies=list(record.anomalies),
        analyzed_at=record.analyzed_at,
    )


def anomaly_page(finding: Finding, judged: Judged) -> AnomalyPage | None:
    """Positions of 15 minutes from the first analysed reading, never beyond the last one; None outside of them."""
    begin_s, end_s = judged.window_s
    if finding.end_s < begin_s or finding.begin_s > end_s:
        return None
    last = int((end_s - begin_s) // BUCKET_S)
    first = min(int(max(finding.begin_s - begin_s, 0.0) // BUCKET_S), last)
    end = max(first, min(int((finding.end_s - begin_s) // BUCKET_S), last))
    start_at = judged.series.start_at + timedelta(seconds=begin_s)
    return AnomalyPage(
        category=finding.category,
        score=round(finding.score, 4),
        confidence=round(finding.confidence, 4),
        bucket_range=BucketRange(start_unit=first, end_unit=end),
        time_range=TimeRange(
            start_timestamp=start_at + timedelta(seconds=first * BUCKET_S),
            end_timestamp=start_at + timedelta(seconds=end * BUCKET_S),
        ),
    )
