"""The installer's bench: which devices are known, a block for config.yaml, and who answers at an address.

Nothing here writes into config.yaml: a block is shown for copying, checked as it would be in the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Protocol

from aiohttp import web

from hemsd.said import said
from web.bench_models import BlockBody, BlockTextPage, KnownDevicesPage, ProbeBody, ProbeLine
from web.models import Problem
from web.routes import Refused, Route, answer, body_of


class NoPlace(ValueError):
    """The target is no address. The text is for people."""


class Bench(Protocol):
    """What the daemon knows of devices."""

    def devices(self) -> KnownDevicesPage:
        """Blocking."""
        ...

    def block(self, asked: BlockBody) -> BlockTextPage:
        """Blocking."""
        ...

    def probe(self, target: str) -> AsyncIterator[ProbeLine]:
        """As it is found; the last one has the block. Raises NoPlace before the first line."""
        ...


class BenchApi:
    """The handlers, and the table that names them."""

    def __init__(self, bench: Callable[[], Bench]) -> None:
        self.bench = bench
        self._probing = asyncio.Lock()

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/api/installer/devices", self.get_devices, "Devices that are known", {200: KnownDevicesPage}),
            Route(
                "POST",
                "/api/installer/block",
                self.post_block,
                "A block for config.yaml, checked",
                {200: BlockTextPage, 422: Problem},
                body=BlockBody,
            ),
            Route(
                "POST",
                "/api/installer/probe",
                self.post_probe,
                "Who answers Modbus at an address; a line of JSON whenever something is found",
                {200: None, 409: Problem, 422: Problem},
                body=ProbeBody,
                produces="application/jsonl",
            ),
        )

    async def get_devices(self, _request: web.Request) -> web.Response:
        return answer(await asyncio.to_thread(self.bench().devices))

    async def post_block(self, request: web.Request) -> web.Response:
        asked = await body_of(request, BlockBody)
        return answer(await asyncio.to_thread(self.bench().block, asked))

    async def post_probe(self, request: web.Request) -> web.StreamResponse:
        asked = await body_of(request, ProbeBody)
        if self._probing.locked():
            raise Refused(409, said("refused.probing", "another address is being asked; try again in a moment"))
        async with self._probing, aclosing(self._lines(asked.target)) as lines:
            response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
            async for line in lines:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(line.model_dump_json().encode() + b"\n")
            return response

    async def _lines(self, target: str) -> AsyncGenerator[ProbeLine, None]:
        try:
            async for line in self.bench().probe(target):
                yield line
        except NoPlace as error:
            raise Refused(422, str(error)) from error
