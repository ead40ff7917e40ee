"""The lanes and their dead letters for the page: the same as `hemsd cloud status` and `retry`, inside the daemon."""

from __future__ import annotations

from dataclasses import dataclass

from hemsd.cloud.marks import STATION
from hemsd.cloud.service import Cloud
from hemsd.cloud.status import CloudStatus, LaneStatus, addresses, put_together
from hemsd.store.outbox import DeadLetter
from web.cloud import LanePage, LanesPage, LetterPage

POLICY = "policy:"


@dataclass(frozen=True, slots=True)
class Desk:
    """Satisfies ``web.cloud.CloudDesk``."""

    cloud: Cloud

    async def status(self) -> CloudStatus:
        known = addresses(self.cloud.settings)
        return await self.cloud.store.views.ask(lambda db: put_together(known, db))

    async def page(self) -> LanesPage:
        status = await self.status()
        return LanesPage(lanes=[_lane(lane) for lane in status.lanes], letters=[_letter(one) for one in status.dead])

    async def retry(self, letter_id: int | None) -> int:
        before = len((await self.status()).dead)
        await self.cloud.retry(letter_id)
        return before - len((await self.status()).dead)


def _lane(lane: LaneStatus) -> LanePage:
    return LanePage(
        lane=lane.name,
        address=lane.address,
        waiting=lane.backlog.waiting,
        oldest=lane.backlog.oldest_at,
        dead=lane.backlog.dead,
        failing_since=lane.row.failing_since_at,
        answered=lane.row.answered_at,
        answer=lane.row.answer,
        given_up=lane.row.closed_at,
    )


def _letter(letter: DeadLetter) -> LetterPage:
    of_visit = letter.kind != STATION and not letter.subject.startswith(POLICY)
    return LetterPage(
        id=letter.id,
        lane=letter.lane,
        kind=letter.kind,
        visit_id=letter.subject if of_visit else None,
        time=letter.died_at,
        status=letter.status,
        answer=letter.answer,
    )
