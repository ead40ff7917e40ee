"""No wallbox, however it misbehaves, makes hemsd believe something that is not so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from drivers.simulated.personalities import PERSONALITIES
from hemsd.model import Outcome
from tests.wallboxes.obedience import SCRIPT, Row, judge_all, table

UNPROVABLE = {
    ("no_metervalues", step.name): "it never sends a sample, and does not answer the request for one" for step in SCRIPT
} | {("car_1phase", "three phases"): "a car of one phase can't show that three are connected"}
"""Where evidence is absent; everything else must get a verdict."""

REFUSED = {("zero_rejects", "pause"): Outcome.REJECTED}
ENDS_AT_ZERO = frozenset({"zero_ends_tx_finishing", "zero_ends_tx_silent_preparing", "zero_persists_lockout"})

MOST_TELLING = (
    "honest",
    "ignores_absolute",
    "integer_up_to_max",
    "meter_only_on_trigger",
    "no_answer_but_applies",
    "offered_absent",
    "offered_constant_16",
    "phases_true_but_ignored",
    "stack0_only",
    "txdefault_next_tx_only",
    "zero_ends_tx_finishing",
    "car_1phase",
)


def judged_rightly(rows: Sequence[Row], personalities: Sequence[str]) -> None:
    print(table(rows))
    assert [row for row in rows if row.wrong] == []
    for name in personalities:
        mine = {row.step: row for row in rows if row.personality == name}
        if name == "ignores_profile":
            assert mine[SCRIPT[0].name].verdict is Outcome.ACCEPTED_INEFFECTIVE
            assert len(mine) == 1  # and then it is left alone
            continue
        for step in SCRIPT:
            if step is SCRIPT[-1] and name in ENDS_AT_ZERO:
                continue  # there is nothing left to start
            row = mine[step.name]
            if (name, step.name) in UNPROVABLE:
                assert row.verdict is Outcome.UNVERIFIED, row
            else:
                assert row.verdict is REFUSED.get((name, step.name), row.truth), row


@pytest.mark.slow
@pytest.mark.long  # needs a machine to itself
@pytest.mark.timeout(180)
async def test_the_most_telling_wallboxes_get_the_verdict_that_is_true() -> None:
    judged_rightly(await judge_all(MOST_TELLING, speed=25.0), MOST_TELLING)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_every_wallbox_gets_the_verdict_that_is_true() -> None:
    everybody = tuple(PERSONALITIES)
    judged_rightly(await judge_all(everybody, speed=8.0), everybody)
