"""The page's files, as a browser on a slow network wants them: packed once, and not sent again while they are known.

All of them together are a few hundred kB, so they stay in memory, packed, under a tag of their content. A browser asks
again each time (``no-cache``: an update must not mix old modules with new ones) and mostly hears that nothing changed.
A file that was changed on the disk is read anew, so the page can be worked on without a restart.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from aiohttp import web

mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")  # some systems still say application/javascript, or text/plain

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Kept:
    changed_ns: int
    body: bytes
    packed: bytes
    tag: str
    content_type: str


class PageFiles:
    """Everything below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._kept: dict[str, _Kept] = {}

    async def get(self, request: web.Request) -> web.Response:
        """A handler for a route with ``{name}``."""
        return self.answer(request, request.match_info["name"])

    def answer(self, request: web.Request, name: str, headers: Mapping[str, str] = NONE) -> web.Response:
        """Raises HTTPNotFound."""
        kept = self._file(name)
        about = {"Cache-Control": "no-cache", "ETag": kept.tag, "Vary": "Accept-Encoding", **headers}
        if kept.tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=about)
        body = kept.body
        if "gzip" in request.headers.get("Accept-Encoding", "") and len(kept.packed) < len(body):
            body, about["Content-Encoding"] = kept.packed, "gzip"
        charset = "utf-8" if kept.content_type.startswith("text/") else None
        return web.Response(body=body, headers=about, content_type=kept.content_type, charset=charset)

    def _file(self, name: str) -> _Kept:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise web.HTTPNotFound(text=f"there is no file {name!r}")
        changed_ns, known = path.stat().st_mtime_ns, self._kept.get(name)
        if known is None or known.changed_ns != changed_ns:
            body = path.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
            content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            known = self._kept[name] = _Kept(changed_ns, body, gzip.compress(body, mtime=0), tag, content_type)
        return known
