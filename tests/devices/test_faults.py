"""Every way in which a device fails, all at once in one running daemon: the tables in docs/device-faults.md.

The first one word by word: each row has a meter of its own; those that can be are well until all have been read, and
then all fall ill. Of the other two, that the tests are there which they name.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from hemsd.app import Daemon
from hemsd.clock import SystemClock
from hemsd.config import load
from tests.daemon.living import free_ports
from tests.drivers_modbus.device import Device, Request
from tests.drivers_modbus.images import uint32
from tests.drivers_modbus.rtu import Line, Terminal, serial_line
from tests.drivers_modbus.rtu import Request as SerialRequest
from tests.drivers_modbus.test_dead_devices import black_hole

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "device-faults.md"
WELL_W, COUNTED_WH = 1500, 777_777
WELL = {
    10: WELL_W, 11: 0, 12: 1,  # watts times ten to the power of the next, and whether that means anything
    20: 2301, 30: uint32(COUNTED_WH)[0], 31: uint32(COUNTED_WH)[1],
}  # fmt: skip
POINTS = (
    "unit: 1, poll_s: 0.3, timeout_s: 1, device: custom, "
    "points: {power_w: {at: 10, kind: int16, scale_at: 11}, only_if: {at: 12, values: [1]}, "
    "voltages_v: [{at: 20, kind: uint16, scale: 0.1}], energy_export_wh: {at: 30, kind: uint32}}"
)
LONG_S = 30.0


def table(number: int) -> Iterator[list[str]]:
    """The rows of one of the page's tables, without its head."""
    found = re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[number]
    for line in found.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("| ").split(" | ")]


@dataclass
class Ward:
    """The meters of all rows."""

    stack: AsyncExitStack
    ill: bool = False
    meters: dict[str, str] = field(default_factory=dict)
    """By row, what config.yaml says of its meter."""
    strikes: list[Callable[[], object]] = field(default_factory=list)
    """What else happens when they fall ill."""

    def at(self, row: str, port: int) -> None:
        self.meters[row] = f"{{driver: modbus, host: 127.0.0.1, port: {port}, {POINTS}}}"

    async def tcp(self, row: str, symptom: Callable[[Request], bytes | None]) -> Device:
        """A device that answers like this when it has fallen ill."""
        device = Device({1: dict(WELL)}, lambda request: symptom(request) if self.ill else None)
        await device.start()
        self.stack.push_async_callback(device.stop)
        self.at(row, device.port)
        return device

    async def changing(self, row: str, *states: dict[int, int | None]) -> None:
        """A device whose registers change from one reading to the next; None takes one away."""
        registers: dict[int, int] = dict(WELL)
        following = cycle(states)

        def change(request: Request) -> None:
            for address, word in next(following).items() if request.start == 10 else ():
                if word is None:
                    registers.pop(address, None)
                else:
                    registers[address] = word

        device = await self.tcp(row, change)  # type: ignore[arg-type]
        device.units = {1: registers}

    async def serial(self, row: str, symptom: Callable[[SerialRequest], bytes | None]) -> Terminal:
        line = Line({1: dict(WELL)}, lambda request: symptom(request) if self.ill else None)
        port = await self.stack.enter_async_context(serial_line(line))
        self.meters[row] = f"{{driver: modbus, port: {port.path}, {POINTS}}}"
        return port

    def fall_ill(self) -> None:
        self.ill = True
        for strike in self.strikes:
            strike()


def cut_off(request: Request) -> bytes:
    return request.registers([1] * request.count)[:-1]


def two_at_once(request: SerialRequest) -> bytes:
    """Both say something else, and the bits of their answers meet on the line."""
    one, other = (request.registers([word] * request.count) for word in (0x1234, 0xA5F0))
    return bytes(a & b for a, b in zip(one, other, strict=True))


async def every_fault(ward: Ward) -> None:
    """A meter for each row; those of the first two and of the last one are ill from the beginning."""
    ward.at("switched off, or out of the network", ward.stack.enter_context(black_hole()))
    refused, no_broker = free_ports(2)
    ward.at("its Modbus is switched off, or another client has it", refused)
    ward.meters["the MQTT broker is gone"] = f"{{driver: mqtt, topic: roof/power}}\nmqtt: {{port: {no_broker}}}"
    hanging_up = await ward.tcp("it hangs up", lambda request: b"")
    await ward.tcp("silence on an open connection", lambda request: b"")
    await ward.tcp("half a frame", cut_off)
    await ward.tcp("another unit answers", lambda request: request.frame(bytes([3, 2, 0, 7]), unit=9))
    await ward.serial("two devices with one unit id on a serial line", two_at_once)
    cable = await ward.serial("the serial cable is out", lambda request: None)
    await ward.tcp("something else than Modbus answers", lambda request: b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await ward.changing("exception 2 for one register", {20: None})
    await ward.tcp(
        "exception 2 for all registers: not this device, or not this unit", lambda request: request.exception(2)
    )
    await ward.tcp("exception 4, three times: a fault of its own", lambda request: request.exception(4))
    await ward.tcp("exception 6: busy", lambda request: request.exception(6))
    await ward.tcp("exception 11: a gateway reaches nobody", lambda request: request.exception(11))
    await ward.changing("values from before: the device says that its meter is gone", {12: 0})
    await ward.changing("a value that no house can have", {10: 3600, 11: 4})
    await ward.changing("a leap that no connection makes", {10: 9000, 11: 1}, {10: 20_000})
    await ward.changing("a counter that falls", {30: 0, 31: 0})
    assert hanging_up._server is not None
    ward.strikes += [hanging_up._server.close, hanging_up.hang_up, cable.unplug]


def matches(said: str, text: str) -> bool:
    """Whether a cell of the table, with its "…", is what is said in the text."""
    return re.search(".+".join(re.escape(part.strip()) for part in said.split("…")), text) is not None


@pytest.mark.slow
@pytest.mark.timeout(90)
async def test_the_reading_the_page_and_the_diary_say_what_the_table_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rows = {row: cells for row, *cells in table(0)}
    seen: dict[str, set[str]] = {row: set() for row in rows}
    async with AsyncExitStack() as stack:
        ward = Ward(stack)
        await every_fault(ward)
        assert ward.meters.keys() == rows.keys()
        by_broker = "the MQTT broker is gone"  # its line in config.yaml ends the section
        names = {row: f"pv_{number}" for number, row in enumerate(sorted(rows, key=by_broker.__eq__), 1)}
        (tmp_path / "config.yaml").write_text(
            "ocpp: {host: 127.0.0.1, port: 0}\nweb: {port: 0}\nmeters:\n"
            + "".join(f"  {name}: {ward.meters[row]}\n" for row, name in names.items())
        )
        daemon = await stack.enter_async_context(await Daemon.make(load(tmp_path / "config.yaml"), SystemClock()))
        task = asyncio.ensure_future(daemon.run())

        def of(name: str) -> list[str]:
            """What the diary says of a meter, or of its broker."""
            return [line for line in caplog.messages if re.match(rf"{name}\b(?!_)|mqtt: ", line)]

        def said(row: str, page: str, diary: str) -> bool:
            seen[row] |= {text for text in texts(daemon, names[row])}
            on_page = page == "nothing" or any(matches(page, text) for text in seen[row])
            return on_page and (diary == "nothing" or any(matches(diary, line) for line in of(names[row])))

        def missing() -> dict[str, object]:
            return {
                row: (seen[row], of(names[row])) for row, (_, page, diary) in rows.items() if not said(row, page, diary)
            }

        await until(lambda: sum(daemon.latest.meter(name) is not None for name in names.values()) >= len(rows) - 3)
        ward.fall_ill()
        await until(lambda: not missing())
        assert not missing()
        for row, (reading, page, _) in rows.items():
            metered = daemon.latest.meter(names[row])
            if page == "nothing":
                assert not seen[row], row
            if reading == "ages":
                assert metered is None or (metered.power_w == WELL_W and metered.age_s > 0.4), row
            else:
                assert reading == "goes on without that value"
                assert metered is not None, row
                assert None in (metered.reading.voltages_v[0], metered.reading.energy_export_wh), row
                assert metered.age_s < LONG_S, row
        daemon.stopping.set()
        await task


async def until(true: Callable[[], bool]) -> None:
    """Waits for it, as long as a busy machine may need; whoever asked looks again."""
    for _ in range(round(LONG_S / 0.05)):
        if true():
            return
        await asyncio.sleep(0.05)


def texts(daemon: Daemon, meter: str) -> list[str]:
    page = daemon.house.state().meters[meter]
    return [said.text for said in (*page.doubts, page.trouble) if said is not None]


@pytest.mark.parametrize("number", [1, 2], ids=["what takes longer", "pitfalls"])
def test_what_the_page_says_is_tested_is_tested(number: int) -> None:
    written = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    named = [name for *_, tests in table(number) for name in re.findall(r"`(\w+)`", tests)]
    assert named
    assert [name for name in named if f"def {name}(" not in written] == []
