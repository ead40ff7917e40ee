"""No wallbox, however it misbehaves, makes hemsd believe something that is not so."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from drivers.simulated.personalities import PERSONALITIES
from hemsd.model import Outcome
from tests.wallboxes.obedience import (
    CLAIMS,
    SCRIPT,
    TABLE,
    UNPROVABLE,
    WITHOUT,
    Row,
    document,
    everybody,
    judged,
    table,
)

MOST_TELLING = ("honest", "ignores_absolute", "offered_constant_16", "phases_true_but_ignored", "slow_answer_25s")
PAIRS = 150
LIARS = ("ignores_profile", "offered_echoes_and_ignores")  # they are left alone after the first command


def judged_rightly(rows: Sequence[Row], name: str) -> None:
    """No verdict is wrong, and none is withheld where there is evidence."""
    assert [row for row in rows if row.wrong] == [], table(rows)
    told = {row.step for row in rows}
    if name not in WITHOUT:
        assert told == {step.name for step in SCRIPT}, table(rows)
    for row in rows:
        if (name, row.step) in UNPROVABLE:
            assert row.verdict not in CLAIMS, row
        elif (name, row.step) == ("zero_rejects", "pause"):
            assert row.verdict is Outcome.REJECTED, row
        else:
            assert row.verdict is row.truth, row


@pytest.mark.slow
@pytest.mark.parametrize("name", MOST_TELLING)
def test_the_most_telling_wallboxes_get_the_verdict_that_is_true(name: str) -> None:
    judged_rightly(judged(name), name)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_wallbox_gets_the_verdict_that_is_true_and_the_table_in_the_docs_says_so() -> None:
    rows = everybody()
    for name in PERSONALITIES:
        judged_rightly([row for row in rows if row.personality == name], name)
    assert TABLE.read_text(encoding="utf-8") == document(rows), "python -m tests.wallboxes.obedience writes it anew"


@pytest.mark.slow
def test_a_wallbox_that_repeats_what_it_was_told_is_not_believed_before_a_car_that_takes_little() -> None:
    rows = judged("car_max7", "offered_echoes_and_ignores")
    assert [row for row in rows if row.rule.startswith("offered")] == []
    assert rows[-1].verdict is Outcome.ACCEPTED_INEFFECTIVE  # the pause tells


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_quirks_at_once_deceive_nobody_either() -> None:
    wrong = []
    for quirks in pairs(PAIRS):
        wrong += [row for row in judged(*quirks) if row.wrong]
    assert wrong == []


def pairs(count: int) -> list[tuple[str, str]]:
    """The same ones each time."""
    chance = random.Random(16)
    names = [name for name in PERSONALITIES if name not in ("honest", "finishing_restartable", *LIARS)]
    return [(first, second) for first, second in (chance.sample(names, 2) for _ in range(count))]
