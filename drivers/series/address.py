"""An address that may be asked: https, or plain http on loopback; without a password in it.

Apart from the asking itself, so that reading a config.yaml does not take an HTTP client along.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from drivers.base import is_loopback


def safe_url(text: str) -> str:
    """The address itself. Raises ValueError when it is none, or when it would send secrets in the open."""
    parts = urlsplit(text)
    host = parts.hostname
    if host is None or parts.scheme not in ("http", "https"):
        raise ValueError(f'"{text}" is not an address; write https://...')
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"http to {host} would go through the open; write https://{host}/...")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a user or password has no place in an address; use token_file")
    return text


SafeUrl = Annotated[str, AfterValidator(safe_url)]
