"""hemsd dies in the middle of a charge: each wallbox of which it says so falls back to the failsafe by itself."""

from __future__ import annotations

import pytest

from drivers.simulated.personalities import PERSONALITIES
from tests.virtual import LoopClock, virtually
from tests.wallboxes.obedience import SCRIPT, Bench

SILENT_S = 1200.0  # the failsafe comes after 900
FAILSAFE_A = 6.0

CAN_NOT = {
    "ignores_absolute": "takes relative schedules only, which count from the start of the transaction",
    "local_time_no_zone": "has a clock that can't be trusted",
    "year_1970": "has a clock that can't be trusted",
    "ignores_profile": "follows nothing",
    "offered_echoes_and_ignores": "follows nothing",
}
"""Of these hemsd says that they don't."""


def left_alone(*quirks: str) -> tuple[bool, float]:
    """Whether hemsd says that the wallbox falls back, and what it offers when nobody has spoken to it for long."""

    async def scene() -> tuple[bool, float]:
        bench = Bench(quirks, LoopClock(), SCRIPT[:2])
        await bench.run(SILENT_S)
        installed = bench.driver.steering.installed
        assert installed is not None
        says_so = installed.falls_back and bench.driver.controllable
        return says_so, bench.box.station.offered_a

    return virtually(scene())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["honest", "ignores_absolute", "no_answer_but_applies", "txdefault_next_tx_only"])
def test_who_is_said_to_fall_back_does(name: str) -> None:
    says_so, offers_a = left_alone(name)
    assert says_so is (name not in CAN_NOT)
    assert not says_so or offers_a <= FAILSAFE_A


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_of_all_known_wallboxes_that_are_said_to_fall_back_each_does() -> None:
    left = {name: left_alone(name) for name in PERSONALITIES}
    assert {name for name, (says_so, _) in left.items() if not says_so} == set(CAN_NOT)
    assert {name: offers_a for name, (says_so, offers_a) in left.items() if says_so and offers_a > FAILSAFE_A} == {}
