"""Each known behaviour of a wallbox has a test that bears its number, and installers can read what becomes of it.

``python -m tests.wallboxes.test_behaviours`` prints which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAST = 76
NUMBERED = re.compile(r"def (test_\w*wb(?:_\d\d)+\w*)")
NAMED = re.compile(r"WB-(\d\d)((?:, \d\d| to \d\d)*)")


def proofs() -> dict[int, list[str]]:
    """By number: where its tests are."""
    found: dict[int, list[str]] = {number: [] for number in range(1, LAST + 1)}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in NUMBERED.findall(file.read_text(encoding="utf-8")):
            for number in re.findall(r"\d\d", re.search(r"wb((?:_\d\d)+)", name)[1]):  # type: ignore[index]
                found[int(number)].append(f"{file.relative_to(ROOT)}::{name}")
    return found


def documented() -> Iterator[int]:
    """The numbers in the table of docs/wallboxes.md: WB-01, 02 or WB-25 to 29."""
    for first, more in NAMED.findall((ROOT / "docs" / "wallboxes.md").read_text(encoding="utf-8")):
        newest = int(first)
        yield newest
        for word, number in re.findall(r"(, | to )(\d\d)", more):
            yield from range(newest + 1, int(number) + 1) if word == " to " else (int(number),)
            newest = int(number)


def test_each_behaviour_has_a_test_that_bears_its_number() -> None:
    assert [f"WB-{number:02d}" for number, tests in proofs().items() if not tests] == []


def test_the_docs_say_what_becomes_of_each() -> None:
    told = set(documented())
    assert [f"WB-{number:02d}" for number in range(1, LAST + 1) if number not in told] == []


if __name__ == "__main__":
    for number, tests in proofs().items():
        print(f"WB-{number:02d}", *(tests or ["MISSING"]), sep="\n    ")
