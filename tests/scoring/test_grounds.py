"""How far a language model is believed: as far as its numbers stand in the facts."""

from __future__ import annotations

import pytest

from hemsd.scoring.grounds import grounded

FACTS = (
    "From 2026-02-27 10:00 UTC, 105 minutes, 8 readings: 9.90 kWh, at most 7.2 kW."
    " KWH_DECREASE (quarter-hours 3–4, 10:45 to 11:00 UTC): the register fell by 2.40 kWh."
)


@pytest.mark.parametrize(
    "said",
    [
        "It took 9.9 kWh.",
        "Es waren 9,9 kWh, höchstens 7,20 kW.",
        "On 2026-02-27 it charged from 10:45 on.",
        "On the 27th of February it took 105 min.",
        "There were eight readings.",
        "All is well.",
        "KWH_DECREASE happened.",
        "",
    ],
)
def test_what_stands_in_the_facts_may_be_said(said: str) -> None:
    assert grounded(said, FACTS)


@pytest.mark.parametrize(
    "said",
    [
        "It took 11 kWh.",
        "It took 105 kWh.",
        "It took 9.9kW.",
        "It took 9,900 kWh.",
        "It took 8.000 kWh.",
        "At 10:46 it stopped.",
        "On 2026-02-28 it charged.",
        "It took eleven kilowatt-hours.",
        "It cost 3.17 euros.",
        "Phase L7 failed.",
        "It took 99.9 % of an hour.",
    ],
)
def test_what_does_not_stand_there_may_not(said: str) -> None:
    assert not grounded(said, FACTS)
