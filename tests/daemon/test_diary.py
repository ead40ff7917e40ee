"""The log as systemd's journal gets it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from hemsd.diary import LINE, JournalFormatter, is_journal

SAYS = """\
import logging
from hemsd.diary import log_to_stderr
log_to_stderr(verbose=False)
logging.getLogger("hemsd.control").info("garage: %s", "start 8 A")
"""


def test_each_line_has_its_weight_and_a_traceback_has_it_on_all_of_them() -> None:
    formatter = JournalFormatter(LINE)
    error = ValueError("no such register")
    failed = logging.LogRecord("hemsd.app", logging.ERROR, "", 1, "it failed", None, (ValueError, error, None))
    assert formatter.format(failed) == "<3>ERROR hemsd.app: it failed\n<3>ValueError: no such register"
    for level, mark in ((10, "<7>"), (20, "<6>"), (25, "<6>"), (30, "<4>"), (50, "<2>")):
        assert formatter.format(logging.LogRecord("x", level, "", 1, "", None, None)).startswith(mark)


def test_only_an_output_that_goes_to_the_journal_is_marked(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as journal:
        about = os.fstat(journal.fileno())
        for stream in (f"{about.st_dev}:{about.st_ino}", "8:1"):
            environment = {**os.environ, "JOURNAL_STREAM": stream}
            subprocess.run([sys.executable, "-c", SAYS], stderr=journal, env=environment, check=True)
        journal.seek(0)
        marked, plain = journal.read().splitlines()
    assert marked == "<6>INFO hemsd.control: garage: start 8 A"
    assert plain.endswith(" INFO hemsd.control: garage: start 8 A")
    assert plain[0].isdigit()
    assert not is_journal(999, {"JOURNAL_STREAM": "8:1"})
