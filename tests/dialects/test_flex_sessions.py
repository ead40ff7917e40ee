import time
from datetime import timedelta
from pathlib import Path
from tests.dialects.home import played, CheapAt, TUESDAY
import json


async def test_x(tmp_path: Path) -> None:
    h = timedelta(hours=1)
    prices = CheapAt(((TUESDAY + 5 * h, TUESDAY + 6.5 * h), (TUESDAY + 7.5 * h, TUESDAY + 8.5 * h)))
    async with played(tmp_path, prices=prices) as home:
        print(json.dumps(await home.flex()))
        home.play(TUESDAY + 2.25 * h)
        home.plug(35)
        t = time.time()
        home.play(TUESDAY + 6 * h)
        print("took", time.time() - t)
        print(json.dumps(await home.flex(), indent=0))
        home.play(TUESDAY + 12 * h)
        home.unplug()
        print(json.dumps(await home.settled(), indent=0))
        print(await home.flex())
    assert 0
