"""An analysis cloud in a process of its own: ``python -m benchmarks.cloud_receiver`` prints its address.

A line on its standard input says how it behaves from then on: ``hangs`` or ``taken``; what hangs is let go by the
next.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from tests.cloud.receiver import Heard, Receiver, receiving
from tests.cloud.test_analysis_upload import BatchCloud


class Hangs:
    """Takes a request and says nothing."""

    def __init__(self) -> None:
        self.over = asyncio.Event()

    async def __call__(self, heard: Heard, request: web.Request) -> web.StreamResponse:
        await self.over.wait()
        return web.Response(status=503)


async def main() -> None:
    loop, takes, hangs = asyncio.get_running_loop(), BatchCloud(polls=0, checks=False), Hangs()
    async with receiving(Receiver(takes)) as receiver:
        print(receiver.url, flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            hangs.over.set()
            hangs = Hangs()
            receiver.behaves = hangs if line.strip() == "hangs" else takes
            print(len(receiver.heard), flush=True)
            receiver.heard.clear()


if __name__ == "__main__":
    asyncio.run(main())
