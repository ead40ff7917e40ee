"""A session in, a verdict out; beside the event loop, in one thread, on a model that is loaded when first needed.

``whole`` looks at everything, with the model's window around the last charge: so hemsd judges its own visits. Without
it, only the last six hours exist, counted back from the last reading, as the analysis API promises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from hemsd.scoring.engine import Engine, Runtime, card, load
from hemsd.scoring.facts import Facts, facts_of
from hemsd.scoring.features import BUCKET_S, Buckets, buckets
from hemsd.scoring.fusion import Calibration, Verdict, fuse
from hemsd.scoring.network import Floats
from hemsd.scoring.rulebook import findings, session_of
from hemsd.scoring.series import NOTHING_KNOWN, WINDOW_S, Known, MeterValue, Series, last_hours, series_of
from hemsd.scoring.surprise import Surprise, surprises

LEAST_VALUES: Final = 3  # fewer say nothing


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict, with the session that it is about: its spans count from ``series.start_at``.

    ``window_s`` is the first and the last reading of the six hours that positions are counted in.
    """

    verdict: Verdict
    series: Series
    buckets: Buckets
    window_s: tuple[float, float]
    facts: Facts


def shipped_calibration(model: str = "csar-base") -> Calibration:
    healthy = card(model)["healthy_surprise"]
    assert isinstance(healthy, dict)
    return Calibration(float(healthy["q99"]))


def judge(
    engine: Engine,
    series: Series,
    known: Known,
    calibration: Calibration,
    *,
    whole: bool = False,
    flat: Floats | None = None,
) -> Judged:
    """``flat`` are the weights of a fine-tuned model."""
    seen = series if whole else last_hours(series)
    session = session_of(seen, known)
    place = buckets(seen, session.trace, known.car_w, anchored=whole)
    enough = len(session.trace.energy) >= LEAST_VALUES
    surprise: Surprise | None = surprises(engine, [place], flat)[0] if enough else None
    verdict = fuse(
        findings(session),
        surprise,
        place,
        calibration,
        faulted=len(seen.faults) > 0,
        length=int(seen.length_s // BUCKET_S) + 1,
    )
    return Judged(verdict, seen, place, _window_s(seen, place), facts_of(session))


def _window_s(series: Series, place: Buckets) -> tuple[float, float]:
    """The readings that lie in the buckets."""
    end_s = min(series.length_s, float(place.begins_s[-1]) + BUCKET_S)
    begin_s = max(0.0, end_s - WINDOW_S)
    read_s = series.register.at_s if len(series.register) else series.power.at_s
    inside = read_s[(read_s >= begin_s) & (read_s <= end_s)]
    return (float(inside[0]), float(inside[-1])) if len(inside) and begin_s > 0 else (0.0, end_s)


class Judge:
    """Holds the engine and its thread."""

    def __init__(self, runtime: Runtime = "auto") -> None:
        self._runtime: Runtime = runtime
        self._engine: Engine | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hemsd-scoring")

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def engine(self) -> Engine:
        """Loaded on the first call. Raises EngineError."""
        if self._engine is None:
            self._engine = load(self._runtime)
        return self._engine

    async def score(
        self,
        values: Sequence[MeterValue],
        known: Known = NOTHING_KNOWN,
        calibration: Calibration | None = None,
        *,
        whole: bool = False,
        flat: Floats | None = None,
    ) -> Judged | None:
        """None when there is nothing to judge. Raises EngineError."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self.score_now, values, known, calibration, whole, flat)

    async def facts(self, values: Sequence[MeterValue], known: Known, *, whole: bool) -> Facts | None:
        """What the session comes to in numbers; for words about it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, _facts, values, known, whole)

    def score_now(
        self,
        values: Sequence[MeterValue],
        known: Known = NOTHING_KNOWN,
        calibration: Calibration | None = None,
        whole: bool = False,
        flat: Floats | None = None,
    ) -> Judged | None:
        """The same, here and now."""
        series = series_of(values, known)
        if series is None:
            return None
        return judge(self.engine(), series, known, calibration or shipped_calibration(), whole=whole, flat=flat)


def _facts(values: Sequence[MeterValue], known: Known, whole: bool) -> Facts | None:
    series = series_of(values, known)
    return None if series is None else facts_of(session_of(series if whole else last_hours(series), known))
