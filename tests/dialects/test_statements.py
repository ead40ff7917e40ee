"""Every statement of the contract that concerns these dialects has a test that bears its number, or a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dialects.statements import ELSEWHERE, NOT_APPLICABLE, borne, statements, table, verdicts

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_every_statement_has_a_test_or_a_reason() -> None:
    assert [each for each in statements() if each not in borne() and each not in NOT_APPLICABLE] == []


def test_no_reason_stands_where_there_is_a_test() -> None:
    assert not set(NOT_APPLICABLE) & set(borne())


def test_what_is_said_to_be_tested_elsewhere_is_there() -> None:
    for tests in ELSEWHERE.values():
        for test in tests:
            path, name = test.split("::")
            assert f"def {name}(" in (ROOT / path).read_text()


def test_the_table_tells_what_failed_and_what_was_not_run() -> None:
    passed = {test: "passed" for tests in borne().values() for test in tests}
    assert set(verdicts(passed).values()) == {"passed", "not applicable"}
    broken = next(iter(borne()["enode_09"]))
    assert verdicts({**passed, broken: "failed"})["enode_09"] == "failed"
    del passed[broken]
    assert verdicts(passed)["enode_09"] == "not run"
    assert list(table(passed))[-1].endswith("0 failed, 1 not run")
