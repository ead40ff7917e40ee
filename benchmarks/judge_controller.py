#!/usr/bin/env python3
"""hemsd's steering rules behind the judge's pipe: one JSON object a line in, one out.

Only the message's own ``config`` is used; every setting is the shipped default. The judge speaks once a second with
readings one second old; the rules run every ``tick_s``.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hemsd.model import (
    ConnectorStatus,
    Decision,
    DecisionKind,
    Metered,
    MeterReading,
    Sample,
    SiteSettings,
    Snapshot,
    SteeringSettings,
    WallboxImage,
    WallboxSettings,
)
from rules.steer import Memory, steer

BEGAN_AT = datetime(2026, 6, 21, 4, 0, tzinfo=UTC)
READING_AGE_S = 1.0
SENDING = (DecisionKind.START, DecisionKind.STEP, DecisionKind.STOP)


class Controller:
    """The shell around the rules: remembers what was sent, as hemsd.control does."""

    def __init__(self, config: dict[str, Any], steering: SteeringSettings | None = None) -> None:
        self.steering = steering or SteeringSettings()
        self.site = SiteSettings(voltage_v=config["voltage_v"])
        self.box = WallboxSettings("box", phases=config["phases"], min_a=config["min_a"], max_a=config["max_a"])
        self.memory = Memory()
        self.sent: tuple[float, int] | None = None
        self.sent_t = 0.0
        self.next_t = 0.0

    def reply(self, message: dict[str, Any]) -> dict[str, float | int]:
        t = float(message["t"])
        if t < self.next_t:
            return {}
        self.next_t = t + self.steering.tick_s
        self.memory, (decision,) = steer(self.steering, self.site, (self.box,), self.memory, self.snapshot(message), ())
        return self.send(t, decision)

    def send(self, t: float, decision: Decision) -> dict[str, float | int]:
        if decision.kind not in SENDING or decision.limit_a is None or decision.phases is None:
            return {}
        self.sent, self.sent_t = (decision.limit_a, decision.phases), t
        return {"limit_a": decision.limit_a, "phases": decision.phases}

    def snapshot(self, message: dict[str, Any]) -> Snapshot:
        t = float(message["t"])
        at = BEGAN_AT + timedelta(seconds=t)
        charging = bool(message["charging"])
        sample = Sample(
            received_s=t - READING_AGE_S,
            received_at=at - timedelta(seconds=READING_AGE_S),
            offered_a=message["offered_a"],
            currents_a=tuple(message["current_a"]),
            power_w=message["power_w"],
        )
        battery = None
        if message["soc"] is not None:
            battery = Metered(MeterReading(message["battery_w"], soc_pct=message["soc"]), READING_AGE_S)
        return Snapshot(
            at=at,
            now_s=t,
            grid=Metered(MeterReading(message["grid_w"]), READING_AGE_S),
            pv=Metered(MeterReading(message["pv_w"]), READING_AGE_S),
            battery=battery,
            wallboxes=(
                WallboxImage(
                    "box",
                    connected=True,
                    link_age_s=t,
                    status=ConnectorStatus.CHARGING if charging else ConnectorStatus.SUSPENDED_EVSE,
                    transaction_id=1,
                    sample=sample,
                    sample_age_s=READING_AGE_S,
                    sample_interval_s=1.0,
                    limit_a=self.sent[0] if self.sent else None,
                    limit_phases=self.sent[1] if self.sent else None,
                    limit_age_s=t - self.sent_t if self.sent else None,
                ),
            )
            if message["connected"]
            else (WallboxImage("box", connected=True, status=ConnectorStatus.AVAILABLE),),
        )


def main() -> None:
    controller: Controller | None = None
    for line in sys.stdin:
        message = json.loads(line)
        if controller is None:
            controller = Controller(message["config"])
        print(json.dumps(controller.reply(message)), flush=True)


if __name__ == "__main__":
    main()
