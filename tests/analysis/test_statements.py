"""Every statement of the analysis contract has a test that bears its number, or a reason.

``python -m tests.analysis.test_statements`` prints the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

TESTS = Path(__file__).parent.parent
FOLDERS = ("analysis", "scoring", "cloud", "dialects")
STATEMENTS = tuple(range(1, 102))
ELSEWHERE = {101: "the upload to a cloud is told as stories in cloud/test_analysis_upload"}


def numbers(name: str) -> Iterator[int]:
    """``test_csar_05_06_...`` bears 5 and 6, ``test_csar_09_to_12_...`` 9 to 12."""
    steps = name.removeprefix("test_csar_").split("_")
    told: list[str] = []
    for step in steps:
        if not step.isdigit() and step != "to":
            break
        told.append(step)
    yield from (int(step) for step in told if step.isdigit())
    for place, (before, step) in enumerate(pairwise(told)):
        if step == "to":
            yield from range(int(before) + 1, int(told[place + 2]))


def named() -> dict[int, list[str]]:
    """Statement to the tests that bear its number."""
    found: dict[int, list[str]] = {}
    for folder in FOLDERS:
        for path in sorted((TESTS / folder).glob("test_*.py")):
            for name in re.findall(r"def (test_csar_\w+)\(", path.read_text()):
                for number in numbers(name):
                    found.setdefault(number, []).append(f"{folder}/{path.stem}::{name}")
    return found


def test_every_statement_has_a_test_or_a_reason() -> None:
    found = named()
    assert [number for number in STATEMENTS if number not in found and number not in ELSEWHERE] == []


def test_no_test_bears_a_number_that_the_contract_does_not_have() -> None:
    assert set(named()) <= set(STATEMENTS)


def test_no_reason_stands_where_there_is_a_test() -> None:
    assert not set(ELSEWHERE) & set(named())


def main() -> None:
    found = named()
    for number in STATEMENTS:
        print(f"CSAR-{number:02}  {ELSEWHERE.get(number) or ', '.join(found.get(number, ['MISSING']))}")
    print(f"{len(found)} of {len(STATEMENTS)} are tested here; {len(ELSEWHERE)} are not, for the reasons above.")


if __name__ == "__main__":
    main()
