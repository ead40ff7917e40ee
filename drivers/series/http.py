"""One question over HTTPS, one JSON answer, or a DeviceError that says in a sentence what was wrong.

The other side is a stranger: it gets a time limit and a size limit, no redirect is followed (a token must not travel
to an address that nobody wrote down), and nothing of its answer but a short cleaned text reaches the log. Addresses
are https; plain http is for loopback. The text names the host only, because paths and queries can hold keys.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr

from drivers.base import DeviceError
from drivers.mqtt_payload import Json
from hemsd.said import said

TIMEOUT_S = 20.0
LARGEST_BYTES = 2 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
AGENT = "hemsd"


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask: GET, or POST where there is a body."""

    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Json] | None = None
    bearer: SecretStr | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url


async def ask(question: Question, *, timeout_s: float = TIMEOUT_S) -> Json:
    """The answer. Raises DeviceError."""
    headers = {"Accept": "application/json", "User-Agent": AGENT}
    if question.bearer is not None:
        headers["Authorization"] = f"Bearer {question.bearer.get_secret_value()}"
    try:
        async with (
            asyncio.timeout(timeout_s),
            aiohttp.ClientSession(headers=headers) as session,
            session.request(
                "GET" if question.body is None else "POST",
                question.url,
                params=question.query,
                json=question.body,
                allow_redirects=False,
            ) as response,
        ):
            _check(response, question.host)
            payload = await _read(response, question.host)
    except TimeoutError:
        raise DeviceError(
            said(
                "http.no_answer",
                "{host} did not answer within {timeout_s:g} s",
                host=question.host,
                timeout_s=timeout_s,
            )
        ) from None
    except aiohttp.ClientError as error:
        raise DeviceError(
            said("http.not_asked", "{host} can't be asked ({error})", host=question.host, error=type(error).__name__)
        ) from error
    except OSError as error:
        raise DeviceError(
            said(
                "http.unreachable",
                "{host} can't be reached ({error})",
                host=question.host,
                error=error.strerror or type(error).__name__,
            )
        ) from error
    return _parsed(payload, question.host)


def _check(response: aiohttp.ClientResponse, host: str) -> None:
    if 300 <= response.status < 400:
        raise DeviceError(
            said(
                "http.redirects",
                "{host} sends elsewhere (status {status}); redirects are not followed",
                host=host,
                status=response.status,
            )
        )
    if response.status in (401, 403):
        raise DeviceError(
            said("http.token", "{host} does not accept the token (status {status})", host=host, status=response.status)
        )
    if response.status == 429:
        raise DeviceError(said("http.too_often", "{host} was asked too often (status 429)", host=host))
    if response.status != 200:
        raise DeviceError(said("http.status", "{host} answers with status {status}", host=host, status=response.status))


async def _read(response: aiohttp.ClientResponse, host: str) -> bytes:
    parts = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        parts += chunk
        if len(parts) > LARGEST_BYTES:
            raise DeviceError(
                said(
                    "http.too_much", "{host} sends more than {most_kib} KiB", host=host, most_kib=LARGEST_BYTES // 1024
                )
            )
    return bytes(parts)


def _parsed(payload: bytes, host: str) -> Json:
    try:
        found: Json = json.loads(payload)
    except (ValueError, RecursionError):
        raise DeviceError(said("http.no_json", "{host} does not answer in JSON", host=host)) from None
    return found


async def secret(value: SecretStr | None, file: Path | None) -> SecretStr | None:
    """A secret from config.yaml, or from its file, which is read anew each time. Raises DeviceError."""
    if file is None:
        return value
    try:
        text = await asyncio.to_thread(file.read_text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DeviceError(
            said("file.unreadable", "{file} can't be read ({error})", file=str(file), error=type(error).__name__)
        ) from error
    if not text.strip():
        raise DeviceError(said("file.empty", "{file} is empty", file=str(file)))
    return SecretStr(text.strip())
