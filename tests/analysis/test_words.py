"""What is said about a session stands in its values, also when a language model says it."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hemsd.scoring.engine import EngineError
from hemsd.scoring.grounds import grounded
from hemsd.scoring.office import Office
from hemsd.scoring.speaker import Speaker
from tests.analysis.conftest import Program
from tests.analysis.values import FALLING, HEALTHY, at, register, session


async def asked(anna: Program, question: str, **query: str) -> str:
    page = await anna.call("POST", "/v1/sessions/s-1/ask", {"question": question}, schema="ask", **query)
    return str(page["answer"])


async def test_csar_57_without_a_language_model_the_answer_is_the_same_each_time(anna: Program) -> None:
    await anna.post(session(values=register(FALLING)))

    first = await asked(anna, "What went wrong?")
    assert first == await asked(anna, "What went wrong?")
    assert "KWH_DECREASE" in first


@pytest.mark.parametrize(
    ("question", "language", "part"),
    [
        ("How much energy?", "en", "9.90 kWh"),
        ("Wie viel Energie war es?", "de", "9,90 kWh"),
        ("When did it charge?", "en", "between 2026-02-27 10:00"),
        ("How fast was it?", "en", "7.2 kW"),
        ("Wie war der Ladestand?", "de", "80 %"),
    ],
)
async def test_csar_55_questions_are_told_apart(anna: Program, question: str, language: str, part: str) -> None:
    soc = [{"timestamp": at(105), "value": 80, "measurand": "SoC", "unit": "Percent"}]
    await anna.post(session(values=register(HEALTHY) + soc))

    assert part in await asked(anna, question, lang=language)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("Was ist hier schiefgelaufen?", "fiel um 2,40 kWh"),
        ("Warum lädt mein Auto nicht?", "Was zu tun ist: der Energie dieser Ladung nicht trauen"),
        ("What went wrong?", "fell by 2.40 kWh"),
        ("What should I do?", "What to do: do not trust the energy of this visit"),
    ],
)
async def test_a_question_is_answered_in_its_own_language_where_nobody_asked_for_another(
    anna: Program, question: str, part: str
) -> None:
    await anna.post(session(values=register(FALLING)))

    assert part in await asked(anna, question)
    assert await asked(anna, question, lang="en") != await asked(anna, question, lang="de")


@pytest.mark.parametrize(
    ("header", "part"), [("de-AT,de;q=0.9", "Übliche Ursache"), ("fr", "Usual cause"), ("", "Usual cause")]
)
async def test_an_explanation_names_cause_and_remedy_in_the_readers_language(
    http: TestClient, anna: Program, header: str, part: str
) -> None:
    await anna.post(session(values=register(FALLING)))
    headers = {"Authorization": "Bearer anna", **({"Accept-Language": header} if header else {})}
    response = await http.post("/v1/sessions/s-1/explain", json={}, headers=headers)

    assert part in (await response.json())["explanation"]


async def test_a_session_without_verdict_is_explained_as_such(anna: Program) -> None:
    await anna.post(session(values=register(HEALTHY[:2])))
    page = await anna.call("POST", "/v1/sessions/s-1/explain", {}, schema="explain")

    assert "too few" in page["explanation"]


class Parrot:
    """A server that understands chat completions and says what it was told to."""

    def __init__(self, says: str, status: int = 200) -> None:
        self.says, self.status = says, status

    async def __aenter__(self) -> Speaker:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.answer)
        self.server = TestServer(app)
        await self.server.start_server()
        return Speaker(str(self.server.make_url("/v1")), "parrot")

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    async def answer(self, _request: web.Request) -> web.Response:
        body = {"choices": [{"message": {"content": self.says}}]}
        return web.json_response(body, status=self.status)


@pytest.mark.parametrize(
    ("says", "status", "taken"),
    [
        ("It took 9.9 kWh, all told.", 200, True),
        ("It took 11 kWh.", 200, False),
        ("", 200, False),
        ("It took 9.9 kWh.", 500, False),
    ],
    ids=["its numbers are in the facts", "a number is made up", "nothing is said", "the server fails"],
)
async def test_csar_57_a_language_model_is_believed_only_as_far_as_the_facts_go(
    anna: Program, office: Office, says: str, status: int, taken: bool
) -> None:
    await anna.post(session(values=register(HEALTHY)))
    plain = await asked(anna, "How much energy?")
    async with Parrot(says, status) as speaker:
        office.sessions.speaker = speaker
        answer = await asked(anna, "How much energy?")

    assert answer == (says if taken else plain)


def test_numbers_are_compared_as_numbers() -> None:
    assert grounded("7,2 kW", "at most 7.20 kW")
    assert not grounded("7.3 kW", "at most 7.20 kW")
    assert grounded("no number at all", "")


async def test_csar_20_when_the_judgement_fails_the_values_are_kept(
    anna: Program, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise EngineError("the model can't be loaded")

    monkeypatch.setattr(office.judge, "engine", broken)
    result = await anna.post(session(values=register(HEALTHY)))
    assert (result["status"], result["is_anomaly"]) == ("failed", None)
    assert len((await anna.detail("s-1"))["meter_values"]) == len(HEALTHY)

    monkeypatch.undo()
    assert (await anna.patch("s-1", register([9.95], first_min=120)))["status"] == "active"


async def test_csar_29_patches_at_the_same_moment_lose_nothing(anna: Program) -> None:
    await anna.post(session())
    await asyncio.gather(*(anna.patch("s-1", register([value], first_min=15 * i)) for i, value in enumerate(HEALTHY)))
    detail = await anna.detail("s-1")

    assert [one["value"] for one in detail["meter_values"]] == HEALTHY
    assert (detail["status"], detail["is_anomaly"]) == ("active", False)


@pytest.mark.parametrize("values", [HEALTHY, FALLING, [7.0] * 6, [0, 500.0, 1, 2, 3]])
async def test_csar_07_scores_and_confidences_lie_between_0_and_1(anna: Program, values: list[float]) -> None:
    result = await anna.post(session(values=register(values)))

    for one in ({"score": result["anomaly_score"], "confidence": result["anomaly_confidence"]}, *result["anomalies"]):
        assert 0 <= one["score"] <= 1
        assert 0 <= one["confidence"] <= 1
