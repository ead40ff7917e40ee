"""What survives a restart, and what a damaged file does."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.series import cache
from drivers.series.quarters import Series, series
from hemsd.model import QUARTER

NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
KNOWN = series({NOON: 0.25, NOON + QUARTER: -0.05, NOON + 3 * QUARTER: 0.0}, "aWATTar de", NOON)


def test_what_was_saved_is_read_back_with_its_gaps_and_signs(tmp_path: Path) -> None:
    cache.save(tmp_path / "prices.json", KNOWN)
    assert cache.load(tmp_path / "prices.json", "aWATTar de") == KNOWN
    assert [file.name for file in tmp_path.iterdir()] == ["prices.json"]


def test_prices_of_another_source_are_not_taken_up(tmp_path: Path) -> None:
    cache.save(tmp_path / "prices.json", KNOWN)
    assert cache.load(tmp_path / "prices.json", "aWATTar de + 0.1 EUR/kWh + 19 %") is None


def test_no_file_is_nothing_known(tmp_path: Path) -> None:
    assert cache.load(tmp_path / "prices.json", "aWATTar de") is None


def written(**changes: object) -> str:
    sound = {"source": "aWATTar de", "fetched_at": "2026-06-21T12:00:00Z", "first_at": "2026-06-21T12:00:00Z"}
    return json.dumps({**sound, "values": [0.1], **changes})


def test_a_sound_file_is_taken_up(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text(written())
    assert cache.load(tmp_path / "prices.json", "aWATTar de") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"source": "aWATTar de"}',
        written(first_at="2026-06-21T12:07:00Z"),
        written(fetched_at="2026-06-21T12:00:00"),
        written(values=[float("nan")]),
        written(values=["cheap"]),
        written(more=1),
    ],
)
def test_a_damaged_file_is_nothing_known(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.json").write_text(text)
    assert cache.load(tmp_path / "prices.json", "aWATTar de") is None


def test_a_folder_that_can_not_be_written_costs_nothing_else(tmp_path: Path) -> None:
    cache.save(tmp_path / "nowhere" / "prices.json", KNOWN)
    empty = Series((), (), "x", NOON)
    cache.save(tmp_path / "prices.json", empty)
    assert list(tmp_path.iterdir()) == []
