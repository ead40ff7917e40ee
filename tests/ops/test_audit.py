"""What `make audit` concludes: only packages that were asked about, and have no known hole, are a pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit"
HOLE = {"id": "PYSEC-2026-1", "fix_versions": ["3.2"], "aliases": [], "description": ""}
WELL = {"name": "aiohttp", "version": "3.1", "vulns": []}
HOLED = {"name": "idna", "version": "3.1", "vulns": [HOLE]}
NOT_ASKED = {"name": "numpy", "skip_reason": "not found"}


def audit(folder: Path, report: object) -> subprocess.CompletedProcess[str]:
    """With a pip-audit that plays: it writes this where it is told to, or nothing."""
    playing = folder / "pip-audit"
    copies = 'while [ "$1" != --output ]; do shift; done; cp "$0.json" "$2"'
    playing.write_text(f"#!/bin/sh\n{copies if report else 'echo no way to the index >&2; exit 1'}\n")
    playing.chmod(0o755)
    (folder / "pip-audit.json").write_text(json.dumps({"dependencies": report}))
    return subprocess.run([sys.executable, str(AUDIT), str(playing)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("report", "status", "said"),
    [
        ([WELL], 0, "No hole is known in 1 packages"),
        ([WELL, HOLED], 1, "idna 3.1: PYSEC-2026-1, mended in 3.2"),
        ([WELL, NOT_ASKED], 2, "NOT ASKED: this index tells no advisories on 1 of 2 packages (numpy)"),
        ([HOLED, NOT_ASKED], 1, "NOT ASKED"),
        (None, 2, "no way to the index"),
    ],
    ids=["well", "holed", "not asked", "both", "no network"],
)
def test_what_could_not_be_asked_is_neither_a_pass_nor_a_hole(
    tmp_path: Path, report: object, status: int, said: str
) -> None:
    done = audit(tmp_path, report)
    assert (done.returncode, said in done.stdout + done.stderr) == (status, True), done
