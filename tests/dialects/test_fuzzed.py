"""Whether a running daemon keeps to the OpenAPI document that it serves: every route, with good calls and bad ones.

Schemathesis makes the calls from the schemas (the limits of each value, values of another type, fields left out) and
compares status, content type, headers and body of each answer with what the document says. What it is told beyond the
document, and why, stands in schemathesis.toml.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from tests.daemon.living import Living, daemon, write_config

CONFIG = Path(__file__).parent / "schemathesis.toml"
SCOPES = ("flex", "partner", "local", "analysis")
POLICY = """
policies:
  home: {vehicle: car, schedule: {weekdays: {deadline: "07:00"}, weekend: {deadline: "07:00"}}}
"""


def fuzzed(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs schemathesis against a daemon whose car has come."""
    _, _, web = write_config(folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text() + POLICY)
    with daemon(folder, web) as living:
        living.until(lambda: bool(living.garage()["session_id"]))
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", *options]
        ran = subprocess.run(
            [*command, f"http://127.0.0.1:{web}/openapi.json"],
            cwd=folder,
            env={**os.environ, **known(living, config)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert living.process.poll() is None, living.log[-4000:]
        assert living.end() == 0
    return ran


def known(living: Living, config: Path) -> dict[str, str]:
    """What schemathesis.toml asks of its surroundings."""
    ids = living.get("/api/identities")
    return {
        "HEMSD_TOKEN": token(living, config),
        "HEMSD_VISIT": str(living.garage()["session_id"]),
        "HEMSD_ORG": ids["org_id"],
        "HEMSD_USER": ids["user_id"],
        "HEMSD_WALLBOX": ids["wallboxes"]["garage"],
        "HEMSD_VEHICLE": ids["vehicles"]["car"],
        "HEMSD_POLICY": ids["policies"]["home"],
    }


def token(living: Living, config: Path) -> str:
    """Of a client that may do everything."""
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    command = [sys.executable, "-m", "hemsd", "client", "add", "fuzzer", *scopes, "-c", str(config)]
    client = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    basic = b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{living.web}/oauth2/token",
        data=b"grant_type=client_credentials",
        headers={"Authorization": f"Basic {basic}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.loads(answer.read())["access_token"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_daemon_keeps_to_the_document_that_it_serves(tmp_path: Path) -> None:
    """The dialects and the tokens, each value at its limits."""
    ran = fuzzed(tmp_path, "--phases", "coverage", "--include-path-regex", "^/(flex|oauth2|api/partners)")
    assert ran.returncode == 0, ran.stdout


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_daemon_keeps_to_the_document_whatever_is_sent(tmp_path: Path) -> None:
    """Every route, with chance values and with calls that build on each other."""
    ran = fuzzed(tmp_path, "--max-examples", "40")
    assert ran.returncode == 0, ran.stdout
