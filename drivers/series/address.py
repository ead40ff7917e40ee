"""An address that may be asked: https, or plain http on loopback; without a password in it. And who asks there.

Apart from the asking itself, so that reading a config.yaml does not take an HTTP client along.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from drivers.base import Strict, Unfit, is_loopback
from hemsd.said import said


def safe_url(text: str) -> str:
    """The address itself. Raises ValueError when it is none, or when it would send secrets in the open."""
    parts = urlsplit(text)
    host = parts.hostname
    if host is None or parts.scheme not in ("http", "https"):
        raise Unfit(
            said("fault.no_address", '"{url}" is not an address', url=text),
            said("fault.no_address.do", "write https://..."),
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise Unfit(
            said("set.http", "http to {host} would go through the open", host=host),
            said("set.http.do", "write https://{host}/...", host=host),
        )
    if parts.username is not None or parts.password is not None:
        raise Unfit(
            said("set.account", "a user or password has no place in an address"),
            said("set.account.do", "use token_file"),
        )
    return text


SafeUrl = Annotated[str, AfterValidator(safe_url)]


class HttpSource(Strict):
    """Any address that answers JSON."""

    driver: Literal["http"]
    url: SafeUrl
    """Where to ask; https, or http on loopback"""
    token: SecretStr | None = None
    """Sent as a bearer token; better in an environment variable or in token_file"""
    token_file: Path | None = None
    """A file that holds the token"""
