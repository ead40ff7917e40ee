"""What the installer's corner says of programs and of the cloud, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from web.models import Asked, Page, Utc
from web.spoken import Spoken


class ClientPage(Page):
    """A program that may ask for tokens."""

    id: str
    name: str
    scopes: list[str]
    since: Utc


class ClientsPage(Page):
    clients: list[ClientPage]


class NewClientPage(Page):
    """Credentials. The secret is told only here; hemsd keeps a hash of it."""

    client_id: str
    client_secret: str
    name: str
    scopes: list[str]


class NewClientBody(Asked):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}$")]
    scopes: Annotated[list[Literal["flex", "analysis", "partner", "local"]], Field(min_length=1)]


class CloudPage(Page):
    preview: Spoken
    """Every kind of message to every receiver, for the newest visit"""
