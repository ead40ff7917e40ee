"""The rest of the page's own API: visits with their decisions, commands and readings, and the history for the charts.

Everything is read from the archive. Spans are [from, to); times are RFC 3339, and without a zone they are UTC.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aiohttp import web
from pydantic import BaseModel

from hemsd.model import Reading
from hemsd.said import said
from web.house import Archive, House, NotPlayable, Playing, VisitStory
from web.models import Problem
from web.pages import command_page, decision_page, history_page, identities_page, reading_page, visit_page
from web.past_models import (
    CommandsPage,
    DecisionsPage,
    HistoryPage,
    HistoryPoint,
    IdentitiesPage,
    ReadingsPage,
    VisitPage,
    VisitsPage,
    WhatIfPage,
)
from web.routes import Handler, Query, Refused, Route, Shape, answer, body_of
from web.wish_models import WhatIfBody

MAX_VISITS = 500
MAX_STEPS = 3000
EXPORTED_VISITS = 100_000
LONGEST_PLAY = timedelta(hours=24)
SPAN = (
    Query("from", "where the span begins", {"type": "string", "format": "date-time"}),
    Query("to", "where it ends", {"type": "string", "format": "date-time"}),
)
LIMIT: Shape = {"type": "integer", "minimum": 1, "maximum": MAX_VISITS, "default": 50}
STEP: Shape = {"type": "integer", "minimum": 60, "maximum": 86_400, "default": 300}


class PastApi:
    """The handlers, and the table that names them."""

    def __init__(self, house: House, archive: Archive, playing: Playing | None = None) -> None:
        self.house, self.archive, self.playing = house, archive, playing

    def routes(self) -> tuple[Route, ...]:
        visit = "/api/sessions/{id}"
        paging = (Query("limit", "at most so many", LIMIT), Query("after", "the last id already seen"))
        step = Query("step_s", "seconds a step", STEP)
        get = self._get
        return (
            get("/api/sessions", self.get_visits, "Visits, newest first", VisitsPage, query=(*SPAN, *paging)),
            get("/api/sessions.csv", self.get_visits_csv, "Visits as a table", query=SPAN),
            get(f"{visit}.csv", self.get_visit_csv, "What the wallbox said during one visit, as a table"),
            get(visit, self.get_visit, "One visit", VisitPage),
            get(f"{visit}/decisions", self.get_visit_decisions, "What was decided, and why", DecisionsPage),
            get(f"{visit}/commands", self.get_visit_commands, "What was sent, and what came of it", CommandsPage),
            get(f"{visit}/readings", self.get_visit_readings, "What the wallbox said", ReadingsPage),
            *self._what_if_routes(visit),
            get(
                "/api/decisions",
                self.get_decisions,
                "Decisions of every wallbox",
                DecisionsPage,
                query=SPAN,
                guests=True,
            ),
            get("/api/commands", self.get_commands, "Commands to every wallbox", CommandsPage, query=SPAN, guests=True),
            get(
                "/api/history",
                self.get_history,
                "Power by source and sink",
                HistoryPage,
                query=(*SPAN, step),
                guests=True,
            ),
            get("/api/history.csv", self.get_history_csv, "The same as a table", query=(*SPAN, step)),
            get("/api/identities", self.get_identities, "The uuids of the public dialects", IdentitiesPage),
        )

    def _what_if_routes(self, visit: str) -> tuple[Route, ...]:
        if self.playing is None:
            return ()
        statuses: dict[int, type[BaseModel] | None] = {200: WhatIfPage, 404: Problem, 409: Problem, 422: Problem}
        about = "What the visit would have been under other settings"
        return (Route("POST", f"{visit}/what-if", self.post_what_if, about, statuses, body=WhatIfBody),)

    @staticmethod
    def _get(
        path: str,
        handler: Handler,
        about: str,
        page: type[BaseModel] | None = None,
        *,
        query: tuple[Query, ...] = (),
        guests: bool = False,
    ) -> Route:
        """A GET; without a page it is a table."""
        answers: dict[int, type[BaseModel] | None] = {200: page}
        if query:
            answers[422] = Problem
        if "{" in path:
            answers[404] = Problem
        produces = "application/json" if page else "text/csv"
        return Route("GET", path, handler, about, answers, query=query, produces=produces, for_guests=guests)

    async def get_visits(self, request: web.Request) -> web.Response:
        limit = _whole(request, "limit", 50, least=1, most=MAX_VISITS)
        from_at, to_at = _moment(request, "from"), _moment(request, "to")
        stories = await self.archive.visits(
            from_at=from_at, to_at=to_at, limit=limit + 1, after=request.query.get("after") or None
        )
        shown = self._with_money(stories[:limit])
        more = len(stories) > limit
        return answer(
            VisitsPage(sessions=[visit_page(story) for story in shown], next_after=shown[-1].visit.id if more else None)
        )

    async def get_visit(self, request: web.Request) -> web.Response:
        (story,) = self._with_money([await self._visit(request)])
        return answer(visit_page(story))

    async def get_visit_decisions(self, request: web.Request) -> web.Response:
        decisions = await self.archive.decisions((await self._visit(request)).visit.id)
        return answer(DecisionsPage(decisions=[decision_page(decision) for decision in decisions]))

    async def get_visit_commands(self, request: web.Request) -> web.Response:
        commands = await self.archive.commands((await self._visit(request)).visit.id)
        return answer(CommandsPage(commands=[command_page(command) for command in commands]))

    async def get_visit_readings(self, request: web.Request) -> web.Response:
        readings = await self.archive.readings((await self._visit(request)).visit.id)
        return answer(ReadingsPage(readings=[reading_page(reading) for reading in readings]))

    async def post_what_if(self, request: web.Request) -> web.Response:
        asked = (await body_of(request, WhatIfBody)).root
        visit, playing = (await self._visit(request)).visit, self.playing
        assert playing is not None
        if playing.busy:
            raise Refused(409, said("refused.playing", "another visit is being played; ask again in a moment"))
        to_at = min(visit.plugged_out_at or self.house.state().time, visit.plugged_in_at + LONGEST_PLAY)
        minutes = await self.archive.history(visit.plugged_in_at, to_at, 60)
        decisions = await self.archive.decisions(visit.id)
        try:
            return answer(await playing.answer(visit, minutes, decisions, asked))
        except NotPlayable as error:
            raise Refused(422, str(error)) from error

    async def get_visits_csv(self, request: web.Request) -> web.Response:
        stories = await self.archive.visits(
            from_at=_moment(request, "from"), to_at=_moment(request, "to"), limit=EXPORTED_VISITS, after=None
        )
        pages = [visit_page(story) for story in stories]
        columns = [name for name in VisitPage.model_fields if name not in ("findings", "anomalies", "blocks", "cloud")]
        rows = ([page.model_dump(mode="json")[name] for name in columns] for page in pages)
        return _table("hemsd-sessions.csv", columns, rows)

    async def get_visit_csv(self, request: web.Request) -> web.Response:
        visit = (await self._visit(request)).visit
        columns = ["time", "power_w", "offered_a", "l1_a", "l2_a", "l3_a", "energy_wh", "soc_pct"]
        rows = [_reading_row(reading) for reading in await self.archive.readings(visit.id)]
        return _table(f"hemsd-session-{visit.number}.csv", columns, rows)

    async def get_decisions(self, request: web.Request) -> web.Response:
        decisions = await self.archive.decisions_between(*self._span(request))
        return answer(DecisionsPage(decisions=[decision_page(decision) for decision in decisions]))

    async def get_commands(self, request: web.Request) -> web.Response:
        commands = await self.archive.commands_between(*self._span(request))
        return answer(CommandsPage(commands=[command_page(command) for command in commands]))

    async def get_history(self, request: web.Request) -> web.Response:
        return answer(await self._history(request))

    async def get_history_csv(self, request: web.Request) -> web.Response:
        page = await self._history(request)
        powers = [name for name in HistoryPoint.model_fields if name not in ("time", "cars_w")]
        cars = sorted({name for point in page.points for name in point.cars_w})
        rows = (
            [row["time"], *(row[name] for name in powers), *(row["cars_w"].get(name) for name in cars)]
            for row in (point.model_dump(mode="json") for point in page.points)
        )
        return _table("hemsd-history.csv", ["time", *powers, *(f"{name}_w" for name in cars)], rows)

    async def _history(self, request: web.Request) -> HistoryPage:
        from_at, to_at = self._span(request)
        step_s = _whole(request, "step_s", 300, least=60, most=86400)
        if (to_at - from_at).total_seconds() / step_s > MAX_STEPS:
            raise Refused(422, f"step_s: too small for this span; at most {MAX_STEPS} steps are answered")
        steps = await self.archive.history(from_at, to_at, step_s)
        return history_page(from_at, to_at, step_s, list(steps))

    async def get_identities(self, _request: web.Request) -> web.Response:
        return answer(identities_page(await self.archive.identities()))

    def _with_money(self, stories: Sequence[VisitStory]) -> list[VisitStory]:
        """The bill of a visit is written when it ends; what a running one has cost so far is in the present."""
        if all(story.visit.plugged_out_at is not None for story in stories):
            return list(stories)
        running = {box.session_id: box for box in self.house.state().wallboxes.values() if box.session_id}
        return [
            replace(
                story,
                cost=box.session_cost,
                saved=box.session_saved,
                co2_g=box.session_co2_g,
                co2_saved_g=box.session_co2_saved_g,
            )
            if story.visit.plugged_out_at is None and (box := running.get(story.visit.id)) is not None
            else story
            for story in stories
        ]

    async def _visit(self, request: web.Request) -> VisitStory:
        visit_id = request.match_info["id"]
        story = await self.archive.visit(visit_id)
        if story is None:
            raise Refused(404, said("refused.visit", "no session {id!r}", id=visit_id))
        return story

    def _span(self, request: web.Request) -> tuple[datetime, datetime]:
        """The asked span; without ``to`` until now, without ``from`` one day long."""
        to_at = _moment(request, "to") or self.house.state().time
        from_at = _moment(request, "from") or to_at - timedelta(days=1)
        if from_at >= to_at:
            raise Refused(422, "from: must be before to")
        return from_at, to_at


def _moment(request: web.Request, key: str) -> datetime | None:
    text = request.query.get(key)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a "+" that was not encoded arrives as a space
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Refused(422, f"{key}: must be a time like 2026-06-21T10:15:00Z, not {text!r}") from None


def _whole(request: web.Request, key: str, default: int, *, least: int, most: int) -> int:
    text = request.query.get(key)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or not least <= int(text[:9]) <= most:
        raise Refused(422, f"{key}: must be a whole number from {least} to {most}, not {text!r}")
    return int(text)


def _reading_row(reading: Reading) -> tuple[object, ...]:
    now = (reading.at.isoformat(), reading.power_w, reading.offered_a)
    return (*now, *reading.currents_a, reading.energy_wh, reading.soc_pct)


def _table(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> web.Response:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    return web.Response(
        text=out.getvalue(),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
