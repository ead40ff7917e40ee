"""An analysis cloud in a process of its own: ``python -m benchmarks.cloud_receiver`` prints its address.

A line on its standard input says how it behaves from then on: ``hangs`` or ``taken``.
"""

from __future__ import annotations

import asyncio
import sys

from tests.cloud.receiver import Receiver, hangs, receiving
from tests.cloud.test_analysis_upload import BatchCloud


async def main() -> None:
    loop, takes = asyncio.get_running_loop(), BatchCloud(polls=0)
    async with receiving(Receiver(takes)) as receiver:
        print(receiver.url, flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            receiver.behaves = hangs if line.strip() == "hangs" else takes
            print(len(receiver.heard), flush=True)
            receiver.heard.clear()


if __name__ == "__main__":
    asyncio.run(main())
