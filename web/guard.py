"""What every answer and every request goes through: headers, the names we answer to, where a write comes from, errors.

Against a hostile page in the same browser there are three walls. The Host check stops DNS rebinding (a name that the
attacker owns, pointed at 127.0.0.1). The Origin check stops a write from another site. The content security policy
lets only our own files run, so a text from a wallbox can never become a script.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler as AioHandler
from aiohttp.typedefs import Middleware

from hemsd.said import said
from web.problems import refusal
from web.routes import Refused

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1 << 20  # a session with a year of readings is well below
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """An ``on_response_prepare`` signal, so that streams and errors carry the headers too."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith("/static/"):  # asked again each time, or an update would mix old modules with new ones
        response.headers.setdefault("Cache-Control", "no-cache")
    else:
        response.headers.setdefault("Cache-Control", "no-store")


def own_names() -> frozenset[str]:
    """Under which names this machine is found at home."""
    name = socket.gethostname().lower()
    short = name.split(".")[0]
    return frozenset({"localhost", name, short, f"{short}.local", f"{short}.lan", f"{short}.fritz.box"})


def host_of(netloc: str) -> str:
    """The name in ``name:port``, lower case, without the brackets of an IPv6 address."""
    return (urlsplit(f"//{netloc}").hostname or "").lower()


def answers_to(host: str, names: Collection[str]) -> bool:
    """An address can't be rebound; a name must be one of ours."""
    try:
        ip_address(host)
    except ValueError:
        return host in names or host.endswith(".localhost")
    return True


def guard(allowed_hosts: Collection[str]) -> Middleware:
    """The middleware, for these further names."""
    names = own_names() | {name.lower() for name in allowed_hosts}

    @web.middleware
    async def middleware(request: web.Request, handler: AioHandler) -> web.StreamResponse:
        try:
            if request.path != "/healthz":
                _check_host(request, names)
            _check_origin(request)
            return await handler(request)
        except Refused as refused:
            return refusal(request, refused)
        except web.HTTPRedirection:
            raise
        except web.HTTPException as error:
            response = refusal(request, Refused(error.status, error.text or error.reason))
            if allow := error.headers.get("Allow"):
                response.headers["Allow"] = allow
            return response

    return middleware


def _check_host(request: web.Request, names: Collection[str]) -> None:
    host = host_of(request.host)
    if not answers_to(host, names):
        raise Refused(
            421,
            said(
                "refused.host",
                "not known under the name {host!r} here; add it to web.allowed_hosts if it is right",
                host=host,
            ),
        )


def _check_origin(request: web.Request) -> None:
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        raise Refused(403, said("refused.other_site", "a page of another site may not change anything here"))
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Refused(403, said("refused.other_site", "a page of another site may not change anything here"))
