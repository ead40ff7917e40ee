"""The page is light: an old phone on a bad Wi-Fi opens it all the same."""

from __future__ import annotations

import gzip
import re

import pytest
from aiohttp.test_utils import TestClient
from yarl import URL

from web.server import STATIC

MOST_BYTES = 150_000


def test_the_first_load_weighs_little_when_packed() -> None:
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:href|src)="static/([^"]+)"', index)
    assert "main.js" in named
    later = [file for file in STATIC.glob("*.js") if file.name not in (*named, "sw.js", "login.js")]
    files = [
        STATIC / "index.html",
        STATIC / "sw.js",
        STATIC / "i18n/de.json",
        *(STATIC / name for name in named),
        *later,
    ]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < MOST_BYTES


async def test_a_file_is_sent_packed_once_and_then_only_when_it_changed(api: TestClient) -> None:
    async with api.get("/static/main.js", headers={"Accept-Encoding": "gzip"}) as first:
        assert first.headers["Content-Encoding"] == "gzip"
        assert first.headers["Content-Type"].startswith("text/javascript")
        assert await first.read() == (STATIC / "main.js").read_bytes()
    async with api.get("/static/main.js", headers={"If-None-Match": first.headers["ETag"]}) as again:
        assert (again.status, await again.read()) == (304, b"")
    async with api.get("/static/main.js", headers={"Accept-Encoding": "identity"}) as plain:
        assert "Content-Encoding" not in plain.headers


@pytest.mark.parametrize("name", ["../server.py", "%2e%2e/server.py", "no.js", "i18n"])
async def test_nothing_but_the_pages_own_files_is_served(api: TestClient, name: str) -> None:
    async with api.get(URL(f"/static/{name}", encoded=True)) as response:
        assert response.status == 404


def test_every_module_is_asked_for_at_once_and_not_one_after_the_other() -> None:
    """Those of the first view; the others come when they are wanted."""
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    wanted, seen = ["main.js"], set()
    while wanted:
        name = wanted.pop()
        seen.add(name)
        code = (STATIC / name).read_text(encoding="utf-8")
        wanted += [one for one in re.findall(r'^import .* from "\./([^"]+)";', code, re.MULTILINE) if one not in seen]
    assert {name for name in seen if f'"static/{name}"' not in index} == set()
    assert set(re.findall(r'modulepreload" href="static/([^"]+)"', index)) <= seen
