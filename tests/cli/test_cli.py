"""The commands that need no running home."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest

from hemsd.cli import main
from hemsd.password import PagePassword
from web.auth import matches
from web.settings import WebSettings

GOOD = "site: {name: Home}\nwallboxes: {garage: {charge_point: WB-001}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    return path


def test_check_says_what_it_understood(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(config)]) == 0
    assert capsys.readouterr().out == (
        f"{config} is fine: no meters, 1 wallbox (garage), the page at http://127.0.0.1:8080\n"
    )


def test_check_prints_a_line_an_error_and_answers_2(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("sight: {}\nweb: {port: x}\n")
    monkeypatch.chdir(config.parent)
    assert main(["check"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "config.yaml:1: sight: is not a known key; did you mean site?",
        'config.yaml:2: web.port: "x" is not a whole number; write digits only',
    ]


def test_check_of_no_file_answers_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(tmp_path / "no.yaml")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_the_daemon_refuses_a_file_in_the_same_words(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("sight: {}\nweb: {port: x}\n")
    main(["check", "-c", str(config)])
    checked = capsys.readouterr().err
    assert main(["run", "-c", str(config)]) == 2
    assert capsys.readouterr().err == checked


def test_replay_refuses_a_setting_that_is_none(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = Path(__file__).parents[2] / "drivers/simulated/days/serf-2022-03-18.csv"
    assert main(["replay", str(day), "-c", str(config), "--set", "steering.tick=5"]) == 2
    assert "steering.tick: is not a known key; did you mean tick_s?" in capsys.readouterr().err
    assert main(["replay", str(day), "-c", str(config), "--set", "steering"]) == 2
    assert capsys.readouterr().err == "--set steering: is no setting; write it as steering.stop_budget_wh=60\n"


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["additionalProperties"] is False


def test_a_wrong_command_line_is_answered_with_2() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chekc"])
    assert ended.value.code == 2


def type_in(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


async def test_a_password_from_a_pipe_opens_the_page(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PagePassword(WebSettings(), config.with_name("page-password"))
    assert await page.password_hash() is None
    type_in("correct horse\n", monkeypatch)
    assert main(["password", "-c", str(config)]) == 0
    password_hash = await page.password_hash()
    assert password_hash is not None
    assert matches(password_hash, "correct horse")
    assert not matches(password_hash, "correct horse\n")


async def test_a_new_password_counts_at_once(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PagePassword(WebSettings(), config.with_name("page-password"))
    type_in("first password\n", monkeypatch)
    main(["password", "-c", str(config)])
    first = await page.password_hash()
    type_in("second password\n", monkeypatch)
    main(["password", "-c", str(config)])
    os.utime(config.with_name("page-password"), ns=(1, 1))  # a file system whose clock stands still tells no change
    second = await page.password_hash()
    assert first is not None
    assert second is not None
    assert matches(second, "second password")
    assert not matches(second, "first password")


def test_nobody_else_may_read_the_hash(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in("correct horse\n", monkeypatch)
    main(["password", "-c", str(config)])
    file = config.with_name("page-password")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "horse" not in file.read_text()


def test_a_short_password_is_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in("1234567\n", monkeypatch)
    assert main(["password", "-c", str(config)]) == 2
    assert "at least 8" in capsys.readouterr().err
    assert not config.with_name("page-password").exists()


def test_the_network_may_ask_once_a_password_is_set(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(GOOD + "web: {host: 0.0.0.0}\n")
    assert main(["check", "-c", str(config)]) == 2
    type_in("correct horse\n", monkeypatch)
    assert main(["password", "-c", str(config)]) == 0
    assert main(["check", "-c", str(config)]) == 0


async def test_a_password_file_of_the_config_opens_the_page_too(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("correct horse\n")
    page = PagePassword(WebSettings(password_file=tmp_path / "secret"), tmp_path / "page-password")
    password_hash = await page.password_hash()
    assert password_hash is not None
    assert matches(password_hash, "correct horse")
    assert await page.password_hash() == password_hash, "hashed once, or every cookie would lose its worth"
