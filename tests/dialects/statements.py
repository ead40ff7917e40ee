"""Which numbered statement of the two contracts is borne out by which test, and which does not concern hemsd.

A test bears the numbers that its name begins with: ``test_enode_09_...``, ``test_podero_54_55_56_57_...``. Those of
the delivery of webhooks stand where that is tested and are named here. After a run of ``pytest tests/dialects
tests/cloud`` the whole table is printed: passed, not applicable, failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).parent
FIRST_LAST = {"enode": (1, 110), "podero": (1, 82)}
WEBHOOKS = "tests/cloud/test_webhooks.py"
ELSEWHERE = {
    "enode_100": (
        f"{WEBHOOKS}::test_each_call_is_signed_and_carries_the_whole_session",
        f"{WEBHOOKS}::test_an_array_of_one_where_the_receiver_wants_that",
    ),
    "enode_101": (f"{WEBHOOKS}::test_a_retry_keeps_the_delivery_id_and_a_newer_state_gets_its_own",),
    "enode_104": (
        f"{WEBHOOKS}::test_a_hook_that_answers_late_has_failed",
        f"{WEBHOOKS}::test_after_24_hours_of_failures_the_address_is_given_up_and_shown",
    ),
    "enode_105": (f"{WEBHOOKS}::test_a_retry_keeps_the_delivery_id_and_a_newer_state_gets_its_own",),
}
NOT_APPLICABLE = {
    "enode_103": "about receivers of webhooks; hemsd only sends them",
    "enode_106": "about receivers of webhooks; hemsd only sends them",
}


def statements() -> list[str]:
    spans = [(dialect, range(first, last + 1)) for dialect, (first, last) in FIRST_LAST.items()]
    return [f"{dialect}_{number:02}" for dialect, numbers in spans for number in numbers]


def borne() -> dict[str, list[str]]:
    """Statement to the tests that bear it out, as ``path::name``."""
    found: dict[str, list[str]] = {statement: list(tests) for statement, tests in ELSEWHERE.items()}
    for path in sorted(HERE.glob("test_*.py")):
        for name in re.findall(r"def (test_(?:enode|podero)_[a-z0-9_]+)\(", path.read_text()):
            for statement in numbers_of(name):
                found.setdefault(statement, []).append(f"tests/dialects/{path.name}::{name}")
    return found


def numbers_of(test: str) -> list[str]:
    dialect = test.split("_")[1]
    numbers = re.match(rf"test_{dialect}_((?:\d+_)+)", test)
    assert numbers is not None, test
    return [f"{dialect}_{int(number):02}" for number in numbers[1].strip("_").split("_")]


def verdicts(outcomes: Mapping[str, str]) -> dict[str, str]:
    """Of each statement; ``outcomes``: of the tests that were run, by ``path::name``."""
    tests = borne()
    return {statement: _verdict(statement, tests.get(statement, []), outcomes) for statement in statements()}


def _verdict(statement: str, tests: list[str], outcomes: Mapping[str, str]) -> str:
    if statement in NOT_APPLICABLE:
        return "not applicable"
    ran = [outcomes[test] for test in tests if test in outcomes]
    if "failed" in ran:
        return "failed"
    return "passed" if ran and len(ran) == len(tests) else "not run"


def table(outcomes: Mapping[str, str]) -> Iterator[str]:
    """A line each, and the sums."""
    found, tests = verdicts(outcomes), borne()
    for statement, verdict in found.items():
        told = NOT_APPLICABLE.get(statement) or ", ".join(test.split("::")[1] for test in tests.get(statement, []))
        yield f"{statement.upper().replace('_', '-'):10} {verdict:15} {told}"
    words = ("passed", "not applicable", "failed", "not run")
    yield ", ".join(f"{sum(verdict == word for verdict in found.values())} {word}" for word in words)
