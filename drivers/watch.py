"""What only a look at several readings shows: values that stand still, leap, or run backwards.

A reading may be plausible by itself and wrong all the same. ``Watch`` remembers what one meter said before and
withholds what can't follow upon it, with a doubt that says why; nothing is ever corrected or filled in.

- *Frozen*: a meter that measures in floats is never at rest to the last digit, so when power, currents and voltages are
  the same for a minute, its gateway repeats an old answer. Only for meters that flicker by nature; a counter of whole
  watts, or a battery in standby, may well stand still.
- *Spike*: no house connection moves by more than ``LEAP_W`` from one second to the next and back again. The first
  reading after a leap is withheld; the next one, if it agrees, is believed.
- *State of charge*: leaps when a battery's electronics wake up. It is believed when several readings agree.
- *Counters*: only rise. Some drop to zero for one answer at dawn (SolarEdge), some shrink while one of several
  inverters is out of reach (OpenDTU). What is lower is withheld, for an hour; then it is a new meter.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from drivers.plausible import MOST_W
from hemsd.model import MeterReading
from hemsd.said import said

FROZEN_S = 60.0
FROZEN_READINGS = 6  # so that a poll every 30 s is not called frozen after three answers
LEAP_W = 30_000.0  # more than a connection of 35 A has in all
AGREE_W = 5_000.0
LEAP_PCT = 10.0
LEAP_WITHIN_S = 60.0
CONFIRMATIONS = 3
NEW_METER_S = 3600.0
SLACK_WH = 10_000.0  # counters may come in whole kilowatt-hours, and after a gap


COUNTERS = {"import": said("counter.import", "import"), "export": said("counter.export", "export")}


@dataclass(slots=True)
class Watch:
    """Over one meter."""

    flickers: bool = False
    _same: tuple[object, ...] = ()
    _same_since_s: float = 0.0
    _same_count: int = 0
    _power: tuple[float, float] | None = None  # the last one that was believed, and when
    _leapt_to_w: float | None = None
    _soc: tuple[float, float] | None = None
    _soc_leapt: list[float] = field(default_factory=list)
    _counters: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lower_since_s: dict[str, float] = field(default_factory=dict)

    def judge(self, reading: MeterReading, now_s: float) -> MeterReading:
        """The reading without what can't follow upon the ones before."""
        doubts = list(reading.doubts)
        power_w = self._believed_power(reading, now_s, doubts)
        soc_pct = self._believed_soc(reading.soc_pct, now_s, doubts)
        return replace(
            reading,
            power_w=power_w,
            soc_pct=soc_pct,
            energy_import_wh=self._counted("import", reading.energy_import_wh, now_s, doubts),
            energy_export_wh=self._counted("export", reading.energy_export_wh, now_s, doubts),
            doubts=tuple(doubts),
        )

    def _believed_power(self, reading: MeterReading, now_s: float, doubts: list[str]) -> float | None:
        power_w = reading.power_w
        if power_w is None:
            return None
        if self._is_frozen(reading, now_s):
            doubts.append(
                said(
                    "doubt.frozen",
                    "the same to the last digit for {still_s:.0f} s: the meter is frozen",
                    still_s=now_s - self._same_since_s,
                )
            )
            return None
        before = self._power
        if before is not None and now_s - before[1] <= LEAP_WITHIN_S and abs(power_w - before[0]) > LEAP_W:
            agreed = self._leapt_to_w is not None and abs(power_w - self._leapt_to_w) <= AGREE_W
            if not agreed:
                self._leapt_to_w = power_w
                doubts.append(
                    said(
                        "doubt.power_leapt",
                        "power leapt from {before_w:.0f} to {power_w:.0f} W",
                        before_w=before[0],
                        power_w=power_w,
                    )
                )
                return None
        self._leapt_to_w = None
        self._power = power_w, now_s
        return power_w

    def _is_frozen(self, reading: MeterReading, now_s: float) -> bool:
        now = (reading.power_w, reading.currents_a, reading.voltages_v)
        if not self.flickers or now != self._same or not reading.power_w:
            self._same, self._same_since_s, self._same_count = now, now_s, 1
            return False
        self._same_count += 1
        return now_s - self._same_since_s >= FROZEN_S and self._same_count >= FROZEN_READINGS

    def _believed_soc(self, soc_pct: float | None, now_s: float, doubts: list[str]) -> float | None:
        if soc_pct is None:
            return None
        before = self._soc
        leapt = before is not None and now_s - before[1] <= LEAP_WITHIN_S and abs(soc_pct - before[0]) > LEAP_PCT
        if leapt and before is not None:
            agreeing = [each for each in self._soc_leapt if abs(each - soc_pct) <= LEAP_PCT]
            self._soc_leapt = [*agreeing, soc_pct]
            if len(self._soc_leapt) < CONFIRMATIONS:
                self._soc = before[0], now_s  # it stands, however long the others take to agree
                doubts.append(
                    said(
                        "doubt.level_leapt",
                        "state of charge leapt from {before_pct:.0f} to {soc_pct:.0f} %",
                        before_pct=before[0],
                        soc_pct=soc_pct,
                    )
                )
                return None
        self._soc_leapt = []
        self._soc = soc_pct, now_s
        return soc_pct

    def _counted(self, name: str, energy_wh: float | None, now_s: float, doubts: list[str]) -> float | None:
        if energy_wh is None:
            return None
        before = self._counters.get(name)
        if before is not None and (doubt := self._counter_doubt(name, before, energy_wh, now_s)):
            since_s = self._lower_since_s.setdefault(name, now_s)
            if now_s - since_s < NEW_METER_S:
                doubts.append(doubt)
                return None
        self._lower_since_s.pop(name, None)
        self._counters[name] = energy_wh, now_s
        return energy_wh

    def _counter_doubt(self, name: str, before: tuple[float, float], energy_wh: float, now_s: float) -> str:
        most_wh = before[0] + SLACK_WH + MOST_W * (now_s - before[1]) / 3600
        if energy_wh < before[0]:
            return said(
                "doubt.counter_fell",
                "the {counter} counter fell from {before_wh:.0f} to {energy_wh:.0f} Wh",
                counter=COUNTERS[name],
                before_wh=before[0],
                energy_wh=energy_wh,
            )
        if energy_wh > most_wh:
            return said(
                "doubt.counter_leapt",
                "the {counter} counter leapt from {before_wh:.0f} to {energy_wh:.0f} Wh",
                counter=COUNTERS[name],
                before_wh=before[0],
                energy_wh=energy_wh,
            )
        return ""
