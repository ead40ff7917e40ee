"""Tokens (ENODE-107, ENODE-108; RFC 6749), and the credentials that `hemsd client` makes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hemsd.cli import main
from hemsd.clock import ManualClock
from hemsd.store import clients
from tests.dialects.home import Played, basic, played, validate

TOKEN = "/oauth2/token"
LIST = "/flex/vehicle-policies/sessions"
ASKED = {"grant_type": "client_credentials"}


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Played]:
    async with played(tmp_path, password="a long password") as home:
        yield home


async def ask(home: Played, *, status: int = 200, path: str = TOKEN, **sent: Any) -> dict[str, Any]:
    async with home.client.post(path, **sent) as answer:
        body: dict[str, Any] = await answer.json()
        assert answer.status == status, body
        assert answer.headers["Cache-Control"] == "no-store"
        validate("oauth_token" if status == 200 else "oauth_error", body)
        if status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
        return body


def client(home: Played, *scopes: str) -> tuple[str, str]:
    return clients.add(home.path, home.clock, f"client {len(clients.listed(home.path, home.clock))}", scopes)


async def test_enode_107_client_credentials_by_basic_or_form_give_a_token(home: Played) -> None:
    client_id, secret = client(home, "flex")
    for sent in (
        {"headers": basic(client_id, secret), "data": ASKED},
        {"data": {**ASKED, "client_id": client_id, "client_secret": secret}},
        {"json": {**ASKED, "client_id": client_id, "client_secret": secret}},
    ):
        token = await ask(home, **sent)
        assert (token["token_type"], token["scope"], token["expires_in"]) == ("Bearer", "flex", 3600)
        home.headers = {"Authorization": f"Bearer {token['access_token']}"}
        await home.get(LIST)


async def test_enode_107_a_token_ends_with_its_time_and_with_its_client(home: Played) -> None:
    client_id, secret = client(home, "flex")
    token = await ask(home, headers=basic(client_id, secret), data=ASKED)
    home.headers = {"Authorization": f"Bearer {token['access_token']}"}
    await home.get(LIST)
    clients.remove(home.path, home.clock, client_id)
    await home.get(LIST, status=401)


async def test_enode_107_a_token_that_is_over_is_401(tmp_path: Path) -> None:
    from hemsd.clock import SystemClock
    from hemsd.config.models import Config
    from hemsd.password import PagePassword
    from hemsd.store import Store
    from hemsd.tokens import Tokens

    clock = ManualClock(start_at=SystemClock().utc())
    store = await Store.open(tmp_path / "hemsd.db", clock)
    tokens = Tokens(store, PagePassword(Config().web, tmp_path / "none"), clock)
    client_id, _ = clients.add(tmp_path / "hemsd.db", clock, "cloud", ["flex", "partner"])
    token = tokens.issue_to_client(client_id, frozenset({"flex"}), 100)
    assert await tokens.scopes(token) == {"flex"}
    clock.leap(101)
    assert await tokens.scopes(token) == frozenset()
    await store.close()


@pytest.mark.parametrize("who", [("nobody", "secret"), ("", ""), ("known", "wrong")])
async def test_enode_108_a_wrong_client_is_invalid_client(home: Played, who: tuple[str, str]) -> None:
    client_id, _ = client(home, "flex")
    name = client_id if who[0] == "known" else who[0]
    assert (await ask(home, status=401, headers=basic(name, who[1]), data=ASKED))["error"] == "invalid_client"
    assert (await ask(home, status=401, data=ASKED))["error"] == "invalid_client"


async def test_enode_108_a_wrong_grant_is_unsupported(home: Played) -> None:
    client_id, secret = client(home, "flex")
    for grant, error in (("authorization_code", "unsupported_grant_type"), ("", "invalid_request")):
        form = {"grant_type": grant}
        assert (await ask(home, status=400, headers=basic(client_id, secret), data=form))["error"] == error


async def test_a_token_has_no_scope_that_its_client_has_not(home: Played) -> None:
    client_id, secret = client(home, "flex")
    header = basic(client_id, secret)
    assert (await ask(home, status=400, headers=header, data={**ASKED, "scope": "local"}))["error"] == "invalid_scope"
    client_id, secret = client(home, "flex", "partner")
    token = await ask(home, headers=basic(client_id, secret), data={**ASKED, "scope": "flex"})
    home.headers = {"Authorization": f"Bearer {token['access_token']}"}
    await home.get(LIST)
    await home.get(f"{home.ev_path}/current", status=403)


async def test_the_page_and_its_password_give_a_token_that_ends_with_the_password(home: Played, tmp_path: Path) -> None:
    form = {"grant_type": "password", "username": "home", "password": "a long password"}
    token = await ask(home, data=form)
    home.headers = {"Authorization": f"Bearer {token['access_token']}"}
    await home.get("/api/state")
    await home.get(LIST, status=403)
    from hemsd.password import set_password

    set_password(tmp_path / "page-password", "another password")
    await home.get("/api/state", status=401)


@pytest.mark.slow
async def test_wrong_passwords_are_slowed_down(home: Played) -> None:
    form = {"grant_type": "password", "username": "home", "password": "guess"}
    answers = [await ask(home, status=400, data=form) for _ in range(6)]
    assert answers[0]["error_description"].startswith("not this user")
    assert "wait" in answers[-1]["error_description"]


async def test_secrets_are_not_kept(home: Played) -> None:
    _, secret = client(home, "flex")
    await home.store.settle()
    assert secret.encode() not in home.path.read_bytes()


async def test_nonsense_is_no_token(home: Played) -> None:
    for token in ("", ".", "..", "a.b.c", "Y2xpZW50.99999999999.x", "€.1.2", "a" * 4000):
        home.headers = {"Authorization": f"Bearer {token}"} if token.isascii() else {}
        await home.get(LIST, status=401)


# --- the command


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text("site: {name: Home}\n")
    return str(path)


@pytest.mark.slow
def test_a_client_is_made_listed_and_removed(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["client", "add", "cloud", "-c", config, "--scope", "flex", "--scope", "partner"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert len(made["client_secret"]) > 40
    assert main(["client", "list", "-c", config]) == 0
    listed = capsys.readouterr().out
    assert f"cloud  {made['client_id']}  flex partner" in listed
    assert made["client_secret"] not in listed
    assert main(["client", "add", "cloud", "-c", config]) == 2
    assert "already" in capsys.readouterr().err
    assert main(["client", "remove", "cloud", "-c", config]) == 0
    assert main(["client", "remove", "cloud", "-c", config]) == 2
    capsys.readouterr()
    main(["client", "list", "-c", config])
    assert capsys.readouterr().out == "There are no clients.\n"


def test_a_scope_that_is_none_is_refused(config: str) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["client", "add", "cloud", "-c", config, "--scope", "everything"])
    assert refused.value.code == 2
