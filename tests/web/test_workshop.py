"""The installer's corner of a real home: nothing in it opens a door."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

from hemsd.config import Config, load
from hemsd.logbook import KEPT, Logbook
from hemsd.model import StrangerRefused
from hemsd.redaction import HIDDEN, redacted, redacted_text
from hemsd.workshop import Knock, Workshop
from tests.web.fake_house import FakeDoors, FakeHouse
from web.server import application

AT = datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
SECRETS = ("hunter2", "t0ken-of-the-hook", "04A2B3C4", "mqtt-pass", "topic-nobody-knows")
FILE = """
ocpp: {port: 0}
wallboxes: {garage: {driver: ocpp, charge_point: WB-001, password: hunter2hunter2-hunter2, id_tags: [04A2B3C4]}}
mqtt: {user: hemsd, password: mqtt-pass}
alerts:
  webhook: {url: "https://hooks.example/topic-nobody-knows?a=1", token: t0ken-of-the-hook}
  ntfy: {url: "https://ntfy.example/topic-nobody-knows"}
"""


@pytest.fixture
def logbook() -> Iterator[Logbook]:
    book, logger = Logbook(), logging.getLogger("hemsd.test")
    logger.addHandler(book)
    logger.setLevel(logging.INFO)
    yield book
    logger.removeHandler(book)


def workshop(tmp_path: Path, logbook: Logbook, knocks: tuple[Knock, ...] = ()) -> Workshop:
    file = tmp_path / "config.yaml"
    file.write_text(FILE)
    house, config = FakeHouse(), load(file, {})
    return Workshop(lambda: config, file, logbook, lambda: knocks, house.state, house)


async def test_the_settings_are_shown_without_what_opens_a_door(tmp_path: Path, logbook: Logbook) -> None:
    page = await workshop(tmp_path, logbook).page()
    shown = yaml.safe_load(page.config)
    assert shown["wallboxes"]["garage"]["charge_point"] == "WB-001"
    assert shown["wallboxes"]["garage"]["password"] == HIDDEN
    assert shown["alerts"]["ntfy"]["url"] == f"https://ntfy.example/{HIDDEN}"
    assert not [secret for secret in SECRETS if secret in page.config]
    assert page.faults == []


async def test_a_file_that_was_spoilt_meanwhile_says_where(tmp_path: Path, logbook: Logbook) -> None:
    shop = workshop(tmp_path, logbook)
    assert shop.file is not None
    shop.file.write_text("steering: {tick: 5}\n")
    (fault,) = (await shop.page()).faults
    assert (fault.line, fault.path) == (1, "steering.tick")


async def test_a_stranger_comes_with_the_block_that_lets_it_in(tmp_path: Path, logbook: Logbook) -> None:
    identity = "Evil: [Box]\n#1"
    knock = Knock(StrangerRefused(identity, "192.168.1.9", "not named"), AT)
    (stranger,) = (await workshop(tmp_path, logbook, (knock,)).page()).strangers
    block = yaml.safe_load(stranger.block)
    assert block == {"wallboxes": {"Evil-Box-1": {"driver": "ocpp", "charge_point": identity}}}
    Config.model_validate({"wallboxes": {"EVB": {**block["wallboxes"]["Evil-Box-1"], "charge_point": "EVB"}}})


async def test_the_bundle_holds_it_all_and_no_secret(tmp_path: Path, logbook: Logbook) -> None:
    logging.getLogger("hemsd.test").warning("refused: Authorization: Bearer %s", SECRETS[1])
    house = FakeHouse()
    shop = workshop(tmp_path, logbook)
    app = application(house, house, FakeDoors(), workshop=shop)
    async with TestClient(TestServer(app)) as client, client.get("/api/installer/bundle.zip") as response:
        bundle = zipfile.ZipFile(io.BytesIO(await response.read()))
    names = {name.removeprefix("hemsd-support/") for name in bundle.namelist()}
    assert names == {
        "README.txt",
        "config.yaml",
        "check.txt",
        "log.txt",
        "state.json",
        "decisions.json",
        "commands.json",
    }
    everything = "\n".join(bundle.read(name).decode() for name in bundle.namelist())
    assert "refused: Authorization: Bearer (hidden)" in everything
    assert not [secret for secret in SECRETS if secret in everything]


async def test_only_who_is_at_home_may_look(tmp_path: Path, logbook: Logbook) -> None:
    house = FakeHouse()
    app = application(house, house, FakeDoors("correct horse"), workshop=workshop(tmp_path, logbook))
    async with TestClient(TestServer(app)) as client:
        for path in ("/api/installer", "/api/installer/bundle.zip"):
            async with client.get(path) as response:
                assert response.status == 401


def test_the_log_keeps_an_hour(logbook: Logbook) -> None:
    logger = logging.getLogger("hemsd.test")
    for minutes in (0, 59, 61):
        record = logger.makeRecord(logger.name, logging.INFO, "", 0, "after %d min", (minutes,), None)
        record.created = (AT + timedelta(minutes=minutes)).timestamp()
        logbook.handle(record)
    assert [line.text for line in logbook.lines] == ["after 59 min", "after 61 min"]
    assert logbook.lines[-1].at - logbook.lines[0].at < KEPT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("asked http://home:pw@10.0.0.2/x", f"asked http://{HIDDEN}@10.0.0.2/x"),
        ('{"access_token": "abc"}', f'{{"access_token": {HIDDEN}}}'),
        ("client_secret=abc; next", f"client_secret={HIDDEN}; next"),
        ("mail to someone@example.org failed", f"mail to {HIDDEN} failed"),
        ("garage: start 6 A: 1.6 kW of surplus", "garage: start 6 A: 1.6 kW of surplus"),
    ],
)
def test_a_line_loses_what_looks_like_a_secret(text: str, shown: str) -> None:
    assert redacted_text(text) == shown


def test_the_address_of_a_webhook_is_its_key_also_where_there_are_several() -> None:
    hooks = {"webhooks": [{"url": "https://a/b/c"}], "ntfy": {"url": "https://n/topic"}, "mqtt": {"url": "https://m/x"}}
    assert redacted(hooks) == {
        "webhooks": [{"url": f"https://a/{HIDDEN}"}],
        "ntfy": {"url": f"https://n/{HIDDEN}"},
        "mqtt": {"url": "https://m/x"},
    }


def test_the_name_of_a_file_is_no_secret() -> None:
    assert redacted({"token_file": "/etc/token", "token": "x", "token_url": "https://a/b"}) == {
        "token_file": "/etc/token",
        "token": HIDDEN,
        "token_url": "https://a/b",
    }
