"""Asking strangers: every way in which an answer can fail is a sentence, and none of them leaks or hangs."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from drivers.base import DeviceError
from drivers.series.address import safe_url
from drivers.series.http import LARGEST_BYTES, Question, ask, secret
from tests.series.service import running

ANSWER = {"data": list(range(2000))}


async def test_a_good_answer_is_its_json() -> None:
    async with running(ANSWER) as service:
        assert await ask(Question(service.url, {"a": "1"})) == ANSWER
        assert service.seen[0].query["a"] == "1"
        assert "Authorization" not in service.seen[0].headers


async def test_a_body_is_posted_and_a_token_is_sent_as_bearer() -> None:
    async with running(ANSWER) as service:
        await ask(Question(service.url, body={"query": "{viewer}"}, bearer=SecretStr("t0ken")))
        assert service.seen[0].method == "POST"
        assert service.bodies[0] == b'{"query": "{viewer}"}'
        assert service.seen[0].headers["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(
    ("mood", "sentence"),
    [
        ("500", "127.0.0.1 answers with status 500"),
        ("404", "127.0.0.1 answers with status 404"),
        ("401", "127.0.0.1 does not accept the token (status 401)"),
        ("429", "127.0.0.1 was asked too often (status 429)"),
        ("half", "127.0.0.1 can't be asked"),
        ("slow", "127.0.0.1 did not answer within 0.3 s"),
        ("nonsense", "127.0.0.1 does not answer in JSON"),
        ("elsewhere", "127.0.0.1 sends elsewhere (status 302); redirects are not followed"),
        ("endless", f"127.0.0.1 sends more than {LARGEST_BYTES // 1024} KiB"),
    ],
)
async def test_a_bad_answer_is_a_sentence(mood: str, sentence: str) -> None:
    async with running(ANSWER) as service:
        service.mood = mood
        with pytest.raises(DeviceError) as raised:
            await ask(Question(service.url + "/secret-key/estimate"), timeout_s=0.3 if mood == "slow" else 5.0)
        assert str(raised.value).startswith(sentence)
        assert "secret-key" not in str(raised.value)


async def test_a_service_that_is_not_there_is_a_sentence() -> None:
    async with running() as service:
        gone = service.url
    with pytest.raises(DeviceError, match=r"127\.0\.0\.1 can't be"):
        await ask(Question(gone), timeout_s=5.0)


@pytest.mark.parametrize(
    "url", ["https://api.example/x?y=1", "http://127.0.0.1:8000/", "http://[::1]/", "http://localhost"]
)
def test_https_and_loopback_are_good_addresses(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    ["http://api.example/", "http://192.168.1.5/", "ftp://api.example/", "api.example", "https://me:pw@api.example/"],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"https|address"):
        safe_url(url)


async def test_a_token_is_read_from_its_file_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    first = await secret(None, file)
    file.write_text("two\n")
    second = await secret(None, file)
    assert first is not None
    assert second is not None
    assert (first.get_secret_value(), second.get_secret_value()) == ("one", "two")
    file.write_text(" \n")
    with pytest.raises(DeviceError, match="is empty"):
        await secret(None, file)
    file.unlink()
    with pytest.raises(DeviceError, match="can't be read"):
        await secret(None, file)
