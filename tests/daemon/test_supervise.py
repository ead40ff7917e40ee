"""What is kept alive, how patiently, and what systemd is told."""

import asyncio
import logging
import socket
import time
from pathlib import Path

import pytest

from drivers.base import DeviceError
from hemsd.supervise import Health, Systemd, keep


async def kept(run: object, health: Health, until: asyncio.Event) -> None:
    """Keeps ``run`` with hardly any pauses until the event is set."""
    assert callable(run)
    task = asyncio.create_task(keep("meter", run, health, first_pause_s=0.001, longest_pause_s=0.004))
    async with asyncio.timeout(5):
        await until.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_device_that_stays_down_is_tried_again_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    tries, enough, health = 0, asyncio.Event(), Health()

    async def run() -> None:
        nonlocal tries
        tries += 1
        if tries == 5:
            enough.set()
        raise DeviceError("no route to host")

    with caplog.at_level(logging.INFO):
        await kept(run, health, enough)
        health.say("meter", None)
    assert health.troubles == {"meter": None}
    told = [record.getMessage() for record in caplog.records]
    assert told == ["meter: no route to host; trying again", "meter is back"]


async def test_a_bug_in_a_driver_is_kept_from_the_others_and_shown_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    enough, health = asyncio.Event(), Health()

    async def run() -> None:
        if caplog.records:
            enough.set()
        raise KeyError("W_SF")

    await kept(run, health, enough)
    assert caplog.records[0].exc_info


async def test_a_library_that_swallows_a_cancellation_does_not_keep_the_daemon_from_stopping() -> None:
    running, health = asyncio.Event(), Health()

    async def run() -> None:
        try:
            running.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise DeviceError("the connection was closed") from None

    await kept(run, health, running)
    assert health.troubles == {}


async def test_a_group_that_fails_in_a_driver_is_an_error_like_any_other_and_tried_again() -> None:
    tries, enough, health = 0, asyncio.Event(), Health()

    async def fail() -> None:
        raise DeviceError("half a frame")

    async def run() -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            enough.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    await kept(run, health, enough)
    assert tries >= 3


def test_systemd_hears_ready_alive_and_stopping(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(2)
        systemd = Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
        assert systemd.watchdog_s == 30
        systemd.ready()
        systemd.alive()
        systemd.reloading()
        systemd.stopping()
        heard = [ear.recv(200).decode() for _ in range(4)]
    assert heard[0] == "READY=1"
    assert heard[1] == "WATCHDOG=1"
    assert heard[2].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert heard[3] == "STOPPING=1"


@pytest.mark.parametrize("tells", [None, "no prices for tomorrow"])
async def test_a_run_that_lasts_is_well_again_unless_it_says_otherwise(tells: str | None) -> None:
    health, tries = Health(), 0

    async def run() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise DeviceError("the broker is gone")
        if tells:
            health.say("meter", tells)
        await asyncio.Event().wait()

    task = asyncio.create_task(keep("meter", run, health, first_pause_s=0.001, healthy_after_s=0.02))
    async with asyncio.timeout(5):
        while tries < 2:  # noqa: ASYNC110 - counted elsewhere
            await asyncio.sleep(0.001)
        while health.troubles["meter"] != tells:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert health.troubles["meter"] == tells
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_device_for_which_the_memory_did_not_suffice_is_tried_again() -> None:
    tries, enough, health = 0, asyncio.Event(), Health()

    async def run() -> None:
        nonlocal tries
        tries += 1
        if tries == 3:
            enough.set()
        raise MemoryError

    await kept(run, health, enough)
    assert health.troubles["meter"] == "MemoryError: "


def test_a_manager_that_does_not_listen_holds_up_no_tick_and_is_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        systemd = Systemd({"NOTIFY_SOCKET": address})
        began_s = time.monotonic()
        for _tick in range(1000):  # the kernel queues about ten
            systemd.alive()
        assert time.monotonic() - began_s < 1.0
        assert len(caplog.records) == 1


def test_without_systemd_nothing_is_told_and_nothing_breaks() -> None:
    systemd = Systemd({})
    systemd.ready()
    assert systemd.watchdog_s is None
