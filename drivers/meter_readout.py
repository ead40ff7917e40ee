"""What a meter tells as text (IEC 62056-21): a line for each value, with its OBIS code, the number and the unit.

    1-0:16.7.0*255(-000863.38*W)
    1.8.0(005974.001*kWh)

Short codes leave out the medium and the channel, which are electricity's. ``*255``, or nothing, is the value of now;
other numbers there are those of past billing periods. Lines that hold no number in a unit of electricity (serial
numbers, clocks, angles) are passed over. A line that was cut off lacks its closing bracket, so it is none.
"""

from __future__ import annotations

import re

NOW = "255"
IN_UNIT = {"W": 1.0, "kW": 1e3, "MW": 1e6, "Wh": 1.0, "kWh": 1e3, "MWh": 1e6, "V": 1.0, "A": 1.0, "Hz": 1.0}
"""What a number is worth in the unit that SML has for it."""

_LINE = re.compile(
    r"""^\s* (?: (?P<medium>\d+) - (?P<channel>\d+) : )?
    (?P<code>\d+\.\d+\.\d+) (?: \* (?P<period>\d+) )?
    \( (?P<number>[+-]?\d+(?:\.\d+)?) \* (?P<unit>\w+) \)""",
    re.X | re.ASCII,
)


class NoReadout(ValueError):
    """It is no readout, or holds no value. The text is for people."""


def values(data: bytes) -> dict[str, float]:
    """Every number of the readout in W, Wh, V, A or Hz, under codes like ``1-0:16.7.0``. Raises NoReadout."""
    lines = map(_LINE.match, data.decode("ascii", "replace").splitlines())
    found = {
        f"{line['medium'] or 1}-{line['channel'] or 0}:{line['code']}": float(line["number"]) * IN_UNIT[line["unit"]]
        for line in lines
        if line is not None and line["unit"] in IN_UNIT and (line["period"] or NOW) == NOW
    }
    if not found:
        raise NoReadout("it holds no whole SML telegram and no readout")
    return found
