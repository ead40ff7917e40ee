"""A car that tells of a charge away from home, in the played home."""

from __future__ import annotations

from datetime import timedelta

from hemsd.elsewhere import Elsewhere, residents, watched
from hemsd.model import ChargeReport
from tests.dialects.home import Played

TELLING_CAR = {
    "car": {
        "wallbox": "garage",
        "capacity_kwh": 60,
        "phases": 3,
        "elsewhere": {"driver": "mqtt", "topic": "car/charge"},
    }
}


def telling(home: Played) -> Elsewhere:
    """What hears the car, with what is kept of it."""
    found = Elsewhere(residents(home.config), watched(home.visits, home.latest), home.store, home.clock)
    found.recall(home.store.facts())
    return found


def charged_elsewhere(home: Played) -> None:
    """Half an hour at 11 kW, from 40 to 49 %."""
    elsewhere = telling(home)
    elsewhere.hear("car", ChargeReport(True, power_w=11_000.0, soc_pct=40.0))
    home.play(timedelta(minutes=30))
    elsewhere.hear("car", ChargeReport(False, power_w=0.0, soc_pct=49.0))
