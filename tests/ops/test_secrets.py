"""Whatever happens, what opens a door stands in no log, no answer and no copy, however much is logged."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from hemsd.cli import main
from tests.daemon.living import Living, daemon, free_ports

SECRETS = {
    name: f"{name}-3e9f0c7d5b1a4682".replace("_", "")
    for name in (
        "mqtt_password", "box_password", "wrong_password", "page_password", "guess", "client_secret", "hook_secret",
        "hook_token", "ntfy_token", "tariff_token", "wrong_token", "fleet_password",
    )
}  # fmt: skip
CARD = "04A1B2C3D4E5F6"  # an RFID card's number: who has it can charge
CONFIG = """\
site: {{name: Test home, main_fuse_a: 35}}
meters:
  grid: {{driver: mqtt, topic: house/grid}}
wallboxes:
  garage: {{driver: ocpp, charge_point: WB-001, password: "{box_password}"}}
mqtt: {{host: 127.0.0.1, port: {nobody}, user: hemsd, password: "{mqtt_password}", homeassistant: true}}
tariff:
  import: {{driver: http, url: "http://127.0.0.1:{nobody}/prices", token: "{tariff_token}"}}
alerts:
  ntfy: {{url: "http://127.0.0.1:{nobody}/{hook_token}", token: "{ntfy_token}"}}
cloud:
  analysis:
    url: http://127.0.0.1:{nobody}
    client_id: hemsd
    client_secret: "{client_secret}"
    token_url: http://127.0.0.1:{nobody}/token
  webhooks:
    - url: http://127.0.0.1:{nobody}/{hook_token}/x
      events: ["flex:session:updated"]
      secret_credential: hemsd.webhook
      token: "{hook_token}"
  telemetry: {{host: 127.0.0.1, port: {nobody}, user: home, password: "{fleet_password}"}}
ocpp: {{host: 127.0.0.1, port: {ocpp}}}
web: {{port: {web}, password_file: page}}
storage: {{path: home.db}}
"""


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


async def a_wallbox_comes(port: int) -> None:
    """With the wrong password, with the right one, and then with somebody's card."""
    with suppress(WebSocketException):
        await connect(f"ws://127.0.0.1:{port}/WB-001", additional_headers=basic("WB-001", SECRETS["wrong_password"]))
    async with connect(
        f"ws://127.0.0.1:{port}/WB-001",
        additional_headers=basic("WB-001", SECRETS["box_password"]),
        subprotocols=["ocpp1.6"],  # type: ignore[list-item]
    ) as box:
        start = {"connectorId": 1, "idTag": CARD, "meterStart": 0, "timestamp": "2026-06-21T08:00:00Z"}
        for number, (action, payload) in enumerate(
            {
                "BootNotification": {"chargePointVendor": "V", "chargePointModel": "M"},
                "StatusNotification": {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"},
                "Authorize": {"idTag": CARD},
                "StartTransaction": start,
                "DataTransfer": {"vendorId": "V", "messageId": "card", "data": CARD},
            }.items()
        ):
            await box.send(json.dumps([2, f"n{number}", action, payload]))
            async with asyncio.timeout(20):
                while json.loads(await box.recv())[:2] != [3, f"n{number}"]:
                    pass


def asked(living: Living, path: str, headers: dict[str, str], form: dict[str, str] | None = None) -> bytes:
    data = urllib.parse.urlencode(form).encode() if form else None
    request = urllib.request.Request(f"http://127.0.0.1:{living.web}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        return error.read()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_secret_stands_in_a_log_an_answer_or_a_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody, ocpp, web = free_ports(3)
    (tmp_path / "config.yaml").write_text(CONFIG.format(nobody=nobody, ocpp=ocpp, web=web, **SECRETS))
    (tmp_path / "page").write_text(SECRETS["page_password"])
    (tmp_path / "hemsd.webhook").write_text(SECRETS["hook_secret"])
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))  # as systemd's LoadCredential= does
    with daemon(tmp_path, web, "--verbose") as living:
        living.until(lambda: b"ok" in asked(living, "/healthz", {}))
        asyncio.run(a_wallbox_comes(ocpp))
        asked(living, "/login", {}, {"password": SECRETS["guess"]})
        asked(living, "/api/state", {"Authorization": f"Bearer {SECRETS['wrong_token']}"})
        asked(living, "/oauth2/token", basic("nobody", SECRETS["guess"]), {"grant_type": "client_credentials"})
        made = json.loads(command(tmp_path, capsys, "client", "add", "helper", "--scope", "local"))
        entitled = basic(made["client_id"], made["client_secret"])
        wanted = {"grant_type": "client_credentials", "scope": "local"}
        token = json.loads(asked(living, "/oauth2/token", entitled, wanted))["access_token"]
        entry = {"Authorization": f"Bearer {token}"}
        answers = b"".join(
            asked(living, path, entry)
            for path in ("/api/state", "/metrics", "/openapi.json", "/api/installer", "/api/sessions")
        )
        assert b"Test home" in answers
        living.until(lambda: "127.0.0.1" in living.log and "refused" in living.log)
        assert living.end() == 0
    exported = "".join(command(tmp_path, capsys, "export", what) for what in ("sessions", "decisions", "readings"))
    command(tmp_path, capsys, "backup", str(tmp_path / "copy.db"))
    log = living.log
    assert "DEBUG" in log, "or there is nothing to find"
    for name, value in {**SECRETS, "card": CARD, "client's secret": made["client_secret"], "token": token}.items():
        assert value not in log, name
        assert value.encode() not in answers, name
        assert value not in exported, name
        if name != "card":  # a card's number tells visits apart, and is needed there
            assert value.encode() not in (tmp_path / "copy.db").read_bytes(), name


def command(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "-c", str(folder / "config.yaml")]) == 0
    return capsys.readouterr().out
