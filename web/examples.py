"""The examples in the OpenAPI document: recorded from visits that were played through the real rules.

``python -m tests.dialects.make_examples`` writes them anew.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "examples"


@cache
def examples(kind: str) -> list[Any]:
    """Every ``KIND_*.json``, in the order of their names; none where they have not been recorded yet."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob(f"{kind}_*.json"))]
