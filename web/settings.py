"""The ``web`` section of config.yaml: where the page and the HTTP interfaces listen, and who may ask.

On loopback the page is open; a host that other machines can reach needs a password. Whether one was set is not
written in config.yaml but known to the store, so the check is a function of both: ``refusal(settings, has_password)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from drivers.base import Strict, is_loopback
from hemsd.said import Said, said


class TlsSettings(Strict):
    """Serve https instead of http."""

    cert_file: Path
    """The certificate with its chain, PEM"""
    key_file: Path
    """Its private key, PEM"""


class WebSettings(Strict):
    """The page and the HTTP interfaces."""

    host: str = "127.0.0.1"
    """The address to listen on; one that is not loopback needs a password (`hemsd password`)"""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The TCP port; 0 takes a free one"""
    password_file: Path | None = None
    """A file that holds the page's password, instead of `hemsd password`"""
    guests: bool = False
    """Whoever has no password may look at the present and the history, and change nothing"""
    allowed_hosts: tuple[str, ...] = ()
    """Names under which a browser may ask, beside this machine's own name and its addresses"""
    tls: TlsSettings | None = None
    """Serve https with this certificate"""


def refusal(settings: WebSettings, *, has_password: bool) -> tuple[Said, Said] | None:
    """Why these settings may not be used, and what would be right; None when they may."""
    if is_loopback(settings.host) or settings.password_file is not None or has_password:
        return None
    return (
        said(
            "fault.open_page",
            "{host} can be reached from the network, so the page needs a password",
            host=settings.host,
        ),
        said("fault.open_page.do", "run `hemsd password` first, or set web.password_file, or use 127.0.0.1"),
    )
