"""The page is light: an old phone on a bad Wi-Fi opens it all the same."""

from __future__ import annotations

import gzip
import re

from web.server import STATIC

MOST_BYTES = 150_000


def test_the_first_load_weighs_little_when_packed() -> None:
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:href|src)="static/([^"]+)"', index)
    assert "main.js" in named
    files = [STATIC / "index.html", STATIC / "sw.js", STATIC / "i18n/de.json", *(STATIC / name for name in named)]
    assert sum(len(gzip.compress(file.read_bytes())) for file in files) < MOST_BYTES


def test_every_module_is_asked_for_at_once_and_not_one_after_the_other() -> None:
    index = (STATIC / "index.html").read_text(encoding="utf-8")
    modules = {file.name for file in STATIC.glob("*.js")} - {"login.js", "sw.js"}
    assert {name for name in modules if f'"static/{name}"' not in index} == set()
