"""An answer that many are given: packed once, and only when somebody can unpack it."""

from __future__ import annotations

import gzip
from functools import cached_property

from aiohttp import web

QUICKLY = 5  # of 9: the rest gains a twentieth for three times the time


class Packed:
    """JSON, as it is and packed."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    @cached_property
    def _packed(self) -> bytes:
        return gzip.compress(self.body, QUICKLY, mtime=0)

    def answer(self, request: web.Request) -> web.Response:
        headers, body = {"Vary": "Accept-Encoding"}, self.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"], body = "gzip", self._packed
        return web.Response(body=body, headers=headers, content_type="application/json", charset="utf-8")
