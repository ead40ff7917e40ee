"""Every statement of the contract that concerns these dialects has a test that bears its number, or a reason.

``python -m tests.dialects.test_statements`` prints the table.
"""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
FIRST_LAST = {"enode": (1, 110), "podero": (1, 82)}
ELSEWHERE = {
    **{f"enode_{number}": "delivery is tested in tests/cloud" for number in (100, 101, 104, 105)},
    "enode_103": "about receivers of webhooks; hemsd only sends them",
    "enode_106": "about receivers of webhooks; hemsd only sends them",
}


def named() -> dict[str, list[str]]:
    """Statement to the tests that bear its number."""
    found: dict[str, list[str]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        for name in re.findall(r"def (test_(?:enode|podero)_[a-z0-9_]+)\(", path.read_text()):
            dialect = name.split("_")[1]
            numbers = re.match(rf"test_{dialect}_((?:\d+_)+)", name)
            assert numbers is not None, name
            for number in numbers[1].strip("_").split("_"):
                found.setdefault(f"{dialect}_{int(number):02}", []).append(f"{path.stem}::{name}")
    return found


def statements() -> list[str]:
    spans = [(dialect, range(first, last + 1)) for dialect, (first, last) in FIRST_LAST.items()]
    return [f"{dialect}_{number:02}" for dialect, numbers in spans for number in numbers]


def test_every_statement_has_a_test_or_a_reason() -> None:
    missing = [each for each in statements() if each not in named() and each not in ELSEWHERE]
    assert missing == []


def test_no_reason_stands_where_there_is_a_test() -> None:
    assert not set(ELSEWHERE) & set(named())


def main() -> None:
    found = named()
    for each in statements():
        print(f"{each.upper().replace('_', '-'):10} {ELSEWHERE.get(each) or ', '.join(found.get(each, ['MISSING']))}")
    print(f"{len(found)} of {len(statements())} are tested here; {len(ELSEWHERE)} are not, for the reasons above.")


if __name__ == "__main__":
    main()
