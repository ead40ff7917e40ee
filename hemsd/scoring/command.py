"""``hemsd score FILE``: one session judged without a daemon, in the shape of the analysis API."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import ValidationError

from hemsd.clock import SystemClock
from hemsd.scoring.desk import result_page, values_of, with_verdict
from hemsd.scoring.engine import EngineError
from hemsd.scoring.judge import LEAST_VALUES, Judge
from hemsd.scoring.shelf import Record, merged
from web.analysis_models import CreateBody

REFUSED = 2


def score(file: Path) -> int:
    """Prints the body that ``POST /v1/sessions`` would answer; gives the exit status."""
    try:
        asked = CreateBody.model_validate_json(file.read_bytes())
    except OSError as error:
        print(f"{file}: {error.strerror}", file=sys.stderr)
        return REFUSED
    except ValidationError as error:
        for one in error.errors():
            place = ".".join(str(step) for step in one["loc"])
            print(f"{file}: {place}: {one['msg']}" if place else f"{file}: {one['msg']}", file=sys.stderr)
        return REFUSED
    now = SystemClock().utc()
    record = Record(0, asked.session_id, "", asked.session_id, asked.charging_station_id, now)
    values = merged((), values_of(asked.meter_values or []))
    judge = Judge()
    try:
        judged = judge.score_now(values) if len(values) >= LEAST_VALUES else None
    except EngineError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return 1
    finally:
        judge.close()
    if judged is not None:
        record = with_verdict(record, judged, {}, now)
    print(result_page(record).model_dump_json(indent=2))
    return 0
