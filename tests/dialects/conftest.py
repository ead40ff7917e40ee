"""After a run that had most of the statements in it, the table of what was borne out is printed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.dialects.statements import borne, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    outcomes: dict[str, str] = {}
    for word in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(word, ()):
            if report.when == "call" or report.failed:
                test = report.nodeid.split("[")[0]
                outcomes[test] = "failed" if report.failed or outcomes.get(test) == "failed" else "passed"
    known = Counter(test in outcomes for tests in borne().values() for test in tests)
    if known[True] > known[False]:
        terminalreporter.section("statements of the contract")
        for line in table(outcomes):
            terminalreporter.write_line(line)
