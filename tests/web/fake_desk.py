"""Receivers that never were: one is told all, one has refused two things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.web.fake_house import MIDNIGHT, VISIT_ID
from web.cloud import LanePage, LanesPage, LetterPage

AT = (MIDNIGHT + timedelta(hours=9)).astimezone(UTC)


def lane(name: str, address: str, *, failing_since: datetime | None = None, answer: str = "200") -> LanePage:
    return LanePage(
        lane=name,
        address=address,
        waiting=3 if failing_since else 0,
        oldest=failing_since,
        dead=0,
        failing_since=failing_since,
        answered=AT,
        answer=answer,
        given_up=None,
    )


class FakeDesk:
    def __init__(self) -> None:
        answers = ("422 no such station", "500 oops (178 tries)")
        self.letters = [
            LetterPage(id=n, lane="analysis", kind="visit", visit_id=VISIT_ID, time=AT, status=422, answer=answer)
            for n, answer in enumerate(answers, 1)
        ]

    async def page(self) -> LanesPage:
        hook = lane("webhook:1f", "hook.example", failing_since=AT, answer="no connection: Network is unreachable")
        return LanesPage(lanes=[lane("analysis", "cloud.example"), hook], letters=self.letters)

    async def retry(self, letter_id: int | None) -> int:
        before = len(self.letters)
        self.letters = [letter for letter in self.letters if letter_id not in (None, letter.id)]
        return before - len(self.letters)
