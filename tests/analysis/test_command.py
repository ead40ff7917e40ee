"""``hemsd score FILE`` says what ``POST /v1/sessions`` would answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hemsd.cli import main
from tests.analysis.conftest import Program
from tests.analysis.schemas import conforms, example
from tests.analysis.values import FALLING, HEALTHY, register, session

PIT = [0, 2, 4, 6, 6, 6, 6, 8, 10, 12]


@pytest.mark.parametrize(
    "body",
    [
        example("create_request"),
        session(values=register(HEALTHY)),
        session(values=register(FALLING)),
        session(values=register(PIT)),
        session(values=register([7.0] * 40, every_min=20)),
        session(values=register(HEALTHY[:2])),
        session(),
    ],
    ids=["the document's own", "healthy", "falling", "pit", "13 hours", "two values", "none"],
)
async def test_it_prints_what_a_program_would_be_answered(
    anna: Program, tmp_path: Path, body: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "session.json"
    file.write_text(json.dumps(body))
    assert main(["score", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    answered = await anna.post(body)

    conforms(told, "csar_session_result")
    assert (told.pop("analyzed_at") is None) is (answered.pop("analyzed_at") is None)
    assert told == answered


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"session_id": "s"}', "charging_station_id"),
        (json.dumps(session(values=register([1.0, 2.0]))).replace("2.0", "NaN"), "meter_values.1.value"),
        ("not JSON", "Invalid JSON"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "session.json"
    file.write_text(text)

    assert main(["score", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(tmp_path / "nothing.json")]) == 2
    assert "nothing.json: No such file" in capsys.readouterr().err
