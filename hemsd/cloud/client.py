"""One HTTP client for each receiver: bounded in time and size, never led astray.

Certificates are verified, with the system's authorities or one's own. A redirect is never followed: it would carry the
credentials to somebody whom config.yaml does not name. A proxy is taken from the environment (``HTTPS_PROXY``,
``NO_PROXY``), read here and not by aiohttp, which would look for passwords in ``~/.netrc`` as well.

``send`` never raises for what a receiver or a network does: each of it is an Answer.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

import hemsd
from drivers.base import DeviceError
from hemsd.cloud.answer import Answer, Request
from hemsd.cloud.backoff import retry_after_s
from hemsd.cloud.sign_in import NotSignedIn, SignIn
from hemsd.said import said

CONNECT_S = 10.0
WHOLE_S = 60.0
MOST_ANSWER_BYTES = 4 << 20
GZIP_FROM_BYTES = 1024
ALWAYS = {"User-Agent": f"hemsd/{hemsd.__version__}", "Accept": "application/json"}
HIDDEN = "(signed in)"
FRAMING_BYTES = 400  # what a small request costs besides its body


@dataclass(frozen=True, slots=True)
class Manners:
    """How patient a client is, and what it does to bodies."""

    whole_s: float = WHOLE_S
    gzip: bool = False
    reads_answer: bool = True  # False: the status alone counts


class Client:
    """Speaks to one receiver. ``async with`` it, or close it."""

    def __init__(self, sign_in: SignIn, manners: Manners = Manners(), ca_file: Path | None = None) -> None:
        self._sign_in = sign_in
        self._manners = manners
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None
        self._plain_only = False  # the receiver does not read gzip

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: Request) -> Answer:
        """Signs in, asks, and renews the sign-in once when it is refused."""
        answer = await self._signed(request)
        if answer.status == 401 and self._sign_in.refused():
            answer = await self._signed(request)
        if answer.status == 415 and self._compresses(request):
            self._plain_only = True
            answer = await self._signed(request)
        return answer

    async def _signed(self, request: Request) -> Answer:
        try:
            authorization = await self._sign_in.header(self._ask)
        except NotSignedIn as error:
            return error.answer
        except DeviceError as error:
            return Answer(None, str(error))
        headers = self._headers(request, authorization)
        if self._compresses(request):
            packed = await asyncio.to_thread(gzip.compress, request.body, 6, mtime=0)
            request = replace(request, body=packed)
        return await self._ask(replace(request, headers=headers))

    def headers(self, request: Request) -> Mapping[str, str]:
        """What goes along with a request, but for the secret. Raises DeviceError where that can't be read."""
        return {**ALWAYS, **self._headers(request, HIDDEN if self._sign_in.signs() else None)}

    def _headers(self, request: Request, authorization: str | None) -> dict[str, str]:
        headers = dict(request.headers)
        if authorization is not None:
            headers["Authorization"] = authorization
        if self._compresses(request):
            headers["Content-Encoding"] = "gzip"
        return headers

    def _compresses(self, request: Request) -> bool:
        return self._manners.gzip and not self._plain_only and len(request.body) >= GZIP_FROM_BYTES

    async def _ask(self, request: Request) -> Answer:
        cost = FRAMING_BYTES + len(request.body)
        try:
            async with asyncio.timeout(self._manners.whole_s):
                return replace(await self._exchange(request), sent_bytes=cost)
        except TimeoutError:
            return Answer(
                None,
                said("cloud.no_answer", "no answer within {whole_s:g} s", whole_s=self._manners.whole_s),
                sent_bytes=cost,
            )
        except DeviceError as error:
            return Answer(None, str(error))
        except aiohttp.ClientConnectorError as error:
            return Answer(None, _why(error))
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
            return Answer(None, _why(error), sent_bytes=cost)

    async def _exchange(self, request: Request) -> Answer:
        proxy, proxy_headers = _proxy(request.url)
        async with self._open_session().request(
            request.method,
            request.url,
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
            proxy=proxy,
            proxy_headers=proxy_headers,
        ) as response:
            if 300 <= response.status < 400:
                where = response.headers.get("Location", "nowhere")[:200]
                return Answer(
                    response.status, said("cloud.redirects", "redirects to {where}; not followed", where=where)
                )
            wait_s = retry_after_s(response.headers.get("Retry-After"), response.headers.get("Date"))
            if not self._manners.reads_answer and response.ok:
                return Answer(response.status, response.reason or "", retry_after_s=wait_s)
            body = await _read(response)
            return Answer(response.status, body=body, retry_after_s=wait_s)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=1, ssl=self._tls())
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                headers=ALWAYS,
            )
        return self._session

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise DeviceError(
                said(
                    "tls.no_certificate", "{file} is no certificate: {error}", file=str(self._ca_file), error=str(error)
                )
            ) from error


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, or ClientError: a half answer is none."""
    parts = bytearray()
    async for part in response.content.iter_chunked(1 << 16):
        parts += part
        if len(parts) > MOST_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {MOST_ANSWER_BYTES >> 20} MB")
    return bytes(parts)


def _proxy(url: str) -> tuple[str | None, dict[str, str]]:
    """The proxy for this address and what to say to it; (None, {}) where none is to be used."""
    parts = urlsplit(url)
    proxies = getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or proxy_bypass(parts.netloc.rpartition("@")[2], proxies):
        return None, {}
    proxy = urlsplit(found if "://" in found else f"http://{found}")
    bare = urlunsplit((proxy.scheme, proxy.netloc.rpartition("@")[2], "", "", ""))
    if proxy.username is None:
        return bare, {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return bare, {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _why(error: Exception) -> str:
    """In words for people; the address stands beside it anyway."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return said(
                "cloud.certificate", "the certificate is not trusted: {error}", error=str(error.certificate_error)
            )
        case aiohttp.ClientConnectorError():
            return said("cloud.no_connection", "no connection: {error}", error=_of_system(error.os_error))
        case aiohttp.ServerDisconnectedError():
            return said("cloud.closed", "the connection was closed without an answer")
        case aiohttp.ClientPayloadError():
            return said("cloud.cut_off", "the answer was cut off") if "longer than" not in str(error) else str(error)
        case _:
            return f"{type(error).__name__}: {error}".rstrip(": ")


def _of_system(error: OSError) -> str:
    """What usually is wrong has words of ours; asyncio's own name the address once more."""
    match error.errno:
        case errno.ECONNREFUSED:
            return said("network.refused", "refused")
        case errno.ENETUNREACH | errno.EHOSTUNREACH:
            return said("network.unreachable", "the network does not lead there")
        case errno.ETIMEDOUT:
            return said("network.timeout", "no answer")
        case _ if isinstance(error, socket.gaierror):
            return said("network.no_name", "the name is not known")
        case _:
            return error.strerror or str(error)
