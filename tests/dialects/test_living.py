"""The dialects on a running daemon: credentials made beside it, a token, and a visit on real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.living import Living, daemon, write_config
from tests.dialects.home import validate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

POLICY = """
policies:
  home: {vehicle: car, schedule: {weekdays: {deadline: "23:00"}, weekend: {deadline: "23:00"}}}
"""


def asked(living: Living, path: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{living.web}{path}", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
def test_a_program_is_let_in_and_follows_a_visit(tmp_path: Path) -> None:
    _, _, web = write_config(tmp_path)
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + POLICY)
    with daemon(tmp_path, web) as living:
        living.until(lambda: bool(living.garage()["charging"]))
        made = subprocess.run(
            [sys.executable, "-m", "hemsd", "client", "add", "cloud", "-c", str(config)],
            capture_output=True,
            check=True,
            text=True,
        )
        client = json.loads(made.stdout)
        basic = b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
        form = b"grant_type=client_credentials"
        token = asked(living, "/oauth2/token", {"Authorization": f"Basic {basic}"}, form)
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        ids = living.get("/api/identities")
        session = asked(living, f"/flex/vehicle-policies/{ids['policies']['home']}/session", bearer)
        validate("enode_session", session)
        assert session["state"].startswith("ACTIVE:")
        assert session["statistics"]["aggregated"]["kwhSum"] > 0
        home = f"/api/partners/v2.0/org/{ids['org_id']}/users/{ids['user_id']}"
        hems = asked(living, f"{home}/wallboxes/{ids['wallboxes']['garage']}/hems-sessions/current", bearer)
        validate("podero_hems_current", hems)
        assert hems["session"]["session"]["commands_sent"] > 0
        assert asked(living, "/flex/vehicle-policies/sessions", bearer)["data"] == []
        assert living.end() == 0
    with daemon(tmp_path, web) as living:  # the same visit goes on, and the token is still good
        path = f"/flex/vehicle-policies/{ids['policies']['home']}/session"
        living.until(lambda: asked(living, path, bearer)["pluggedInAt"] == session["pluggedInAt"])
        assert living.end() == 0
