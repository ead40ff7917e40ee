"""What only the person of the page may do: who gets tokens, a copy of everything, and what would leave the house.

A token is no person, whatever its scope: it could make itself a second one here, and the copy holds the key of them
all. So these calls take the page's cookie (or, where there is no password, somebody at this machine), and no token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

from aiohttp import web

from hemsd.said import said
from web.custody_models import ClientsPage, CloudPage, NewClientBody, NewClientPage
from web.models import Problem
from web.routes import Refused, Route, answer, body_of

CHUNK_BYTES = 1 << 18

Found = TypeVar("Found")


class NotKept(Exception):
    """It can't be done. The text is for people."""


class Copy(Protocol):
    """A file that is there until it is closed."""

    name: str
    size: int

    def read(self, count: int) -> bytes: ...

    def close(self) -> None: ...


class Custody(Protocol):
    """What the daemon keeps in trust. Everything but ``preview`` is blocking, and raises NotKept."""

    def clients(self) -> ClientsPage: ...

    def add_client(self, name: str, scopes: frozenset[str]) -> NewClientPage: ...

    def remove_client(self, client_id: str) -> None: ...

    def copy(self) -> Copy:
        """Of the whole database, as it is now."""
        ...

    async def preview(self) -> str:
        """What would be told about the newest visit, and to whom."""
        ...


class CustodyApi:
    """The handlers, and the table that names them."""

    def __init__(self, custody: Callable[[], Custody]) -> None:
        self.custody = custody

    def routes(self) -> tuple[Route, ...]:
        clients = "/api/installer/clients"
        return (
            Route("GET", clients, self.get_clients, "Programs that may ask for tokens", {200: ClientsPage}),
            Route(
                "POST",
                clients,
                self.post_client,
                "Lets a program in; its secret is told only now",
                {200: NewClientPage, 409: Problem, 422: Problem},
                body=NewClientBody,
            ),
            Route(
                "DELETE",
                clients + "/{id}",
                self.delete_client,
                "Shuts a program out at once",
                {200: ClientsPage, 404: Problem},
            ),
            Route(
                "GET",
                "/api/installer/backup.db",
                self.get_backup,
                "A copy of the whole database",
                {200: None, 409: Problem},
                produces="application/vnd.sqlite3",
            ),
            Route(
                "GET", "/api/installer/cloud", self.get_cloud, "Exactly what would leave the house", {200: CloudPage}
            ),
        )

    async def get_clients(self, request: web.Request) -> web.Response:
        _in_person(request)
        return answer(await asyncio.to_thread(self.custody().clients))

    async def post_client(self, request: web.Request) -> web.Response:
        _in_person(request)
        asked = await body_of(request, NewClientBody)
        return answer(await _kept(409, partial(self.custody().add_client, asked.name, frozenset(asked.scopes))))

    async def delete_client(self, request: web.Request) -> web.Response:
        _in_person(request)
        await _kept(404, partial(self.custody().remove_client, request.match_info["id"]))
        return answer(await asyncio.to_thread(self.custody().clients))

    async def get_cloud(self, request: web.Request) -> web.Response:
        _in_person(request)
        return answer(CloudPage(preview=await self.custody().preview()))

    async def get_backup(self, request: web.Request) -> web.StreamResponse:
        _in_person(request)
        copy = await _kept(409, self.custody().copy)
        try:
            response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{copy.name}"'})
            response.content_type, response.content_length = "application/vnd.sqlite3", copy.size
            await response.prepare(request)
            while chunk := await asyncio.to_thread(copy.read, CHUNK_BYTES):
                await response.write(chunk)
            await response.write_eof()
            return response
        finally:
            copy.close()


def _in_person(request: web.Request) -> None:
    if "Authorization" in request.headers:
        raise Refused(403, said("refused.token", "this is for the person of the page, not for a token"))
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Refused(403, said("refused.other_asks", "a page of another site may not ask for this"))


async def _kept(status: int, do: Callable[[], Found]) -> Found:
    try:
        return await asyncio.to_thread(do)
    except NotKept as error:
        raise Refused(status, str(error)) from error
