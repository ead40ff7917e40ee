"""The wallbox's clock: what is live, what is history, and when a schedule may name a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drivers.ocpp16.boxtime import BoxClock, BoxTime, read_time
from hemsd.model import ConnectorStatus, Sampled, StatusChanged
from tests.ocpp16.fakes import box, charging_box, home, until

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


class Arrivals:
    """Messages that reach hemsd, each some seconds after the one before."""

    def __init__(self) -> None:
        self.clock = BoxClock()
        self.now_s = 0.0

    def message(self, lag_s: float | None, after_s: float = 10.0, *, zoned: bool = True) -> bool:
        """Whether it was taken for backlog; ``lag_s`` is how old its own timestamp makes it."""
        self.now_s += after_s
        now_at = NOON + timedelta(seconds=self.now_s)
        written = None if lag_s is None else BoxTime(now_at - timedelta(seconds=lag_s), zoned)
        return self.clock.is_backlog(written, now_at, self.now_s)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-06-21T12:00:00Z", NOON),
        ("2026-06-21T12:00:00.123Z", NOON + timedelta(milliseconds=123)),
        ("2026-06-21T14:00:00+02:00", NOON),
        ("2026-06-21T12:00:00", NOON),
        (" 2026-06-21 12:00:00 ", NOON),
    ],
)
def test_wb_22_times_in_many_forms(text, at):
    assert read_time(text).at == at


@pytest.mark.parametrize("text", [None, "", 0, "now", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_wb_22_what_is_no_time_is_not_known(text):
    assert read_time(text) is None


def test_a_good_clock_is_trusted_and_its_messages_are_live():
    box = Arrivals()
    assert not any(box.message(lag_s) for lag_s in (0.3, 1.0, 0.2))
    assert box.clock.trusted


def test_wb_58_a_queue_that_is_emptied_after_an_outage_is_history():
    box = Arrivals()
    box.message(0.2)
    assert all(box.message(lag_s, after_s=0.2) for lag_s in (300, 290, 280, 270, 260))
    assert not box.message(0.2)
    assert box.clock.trusted


def test_wb_58_a_slow_queue_is_history_too():
    box = Arrivals()
    assert all(box.message(lag_s, after_s=3.5) for lag_s in (100, 93.5, 87, 80.5, 74))


def test_a_clock_that_stands_wrong_by_the_same_amount_is_a_wrong_clock():
    box = Arrivals()
    assert box.message(3600)  # one message alone may be history
    assert not box.message(3600.5)
    assert not box.message(3600)
    assert not box.clock.trusted
    assert box.clock.offset_s == pytest.approx(-3600, abs=1)


def test_wb_22_a_clock_in_the_future_is_wrong_at_once():
    box = Arrivals()
    assert not box.message(-7200, zoned=False)
    assert not box.clock.trusted


def test_a_clock_that_is_set_right_later_is_trusted_again():
    box = Arrivals()
    box.message(3600)
    box.message(3600)
    assert not box.clock.trusted
    box.message(0.5)
    assert box.clock.trusted


def test_30_s_are_the_border_of_trust():
    near, far = Arrivals(), Arrivals()
    near.message(-30)
    far.message(-30.5)
    assert near.clock.trusted
    assert not far.clock.trusted


def test_the_same_stamp_gives_the_same_moment_in_spite_of_jitter():
    box = Arrivals()
    stamp = BoxTime(NOON + timedelta(hours=2), zoned=False)
    moments = set()
    for lag_s in (-7200.4, -7199.8, -7200.1):
        box.message(lag_s, zoned=False)
        moments.add(box.clock.corrected(stamp, NOON))
    assert moments == {NOON}


def test_a_stamp_of_1970_gives_the_moment_of_arrival():
    assert BoxClock().corrected(read_time("1970-01-01T00:00:05Z"), NOON) == NOON


@pytest.mark.parametrize("stamp", [None, "1970-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "2026-06-21T08:00:00", "x"])
async def test_wb_22_statuses_count_in_the_order_of_their_arrival(stamp):
    async with home() as at, box(at.url()) as station:
        await station.report("Preparing", timestamp="2026-06-21T08:00:00Z")
        await station.report("Charging", **({"timestamp": stamp} if stamp else {}))
        assert at.garage.status is ConnectorStatus.CHARGING
        assert len(at.of(StatusChanged)) == 2


async def test_wb_36_an_error_is_told_though_the_box_says_that_it_charges():
    async with home() as at, box(at.url()) as station:
        await station.report("Charging", errorCode="GroundFailure", info="RCD", vendorErrorCode="E7")
        assert at.of(StatusChanged)[0].error_code == "GroundFailure"
        assert at.of(StatusChanged)[0].info == "RCD E7"


async def test_wb_58_samples_of_an_outage_are_marked_as_history():
    async with home() as at, charging_box(at) as (station, transaction_id):
        for seconds in (300, 290, 280):
            stamp = (at.clock.utc() - timedelta(seconds=seconds)).isoformat()
            await station.sample(transaction_id, at=stamp, Current_Import="16")
        await station.sample(transaction_id, at=at.clock.utc().isoformat(), Current_Import="9")
        assert [event.sample.backlog for event in at.of(Sampled)] == [True, True, True, False]


async def test_a_jump_of_our_own_clock_never_leaves_a_schedule_that_begins_in_the_future():
    """The box keeps the old time until its next Heartbeat: a schedule from our new time would not be valid yet."""
    async with home() as at, charging_box(at) as (station, _):
        await station.report("Charging", timestamp=at.clock.utc().isoformat())
        await at.garage.send_limit(9, None, failsafe_a=6)
        at.clock.start_at += timedelta(hours=1)  # NTP has arrived
        at.clock.leap(2)
        await until(lambda: len(station.profiles) == 2)
        schedule = station.profiles[-1]["chargingSchedule"]
        assert schedule["startSchedule"] == "2020-01-01T00:00:00Z"
        assert len(schedule["chargingSchedulePeriod"]) == 1
        await station.report("Charging", timestamp=at.clock.utc().isoformat())  # and the box has asked for the time
        at.clock.leap(450)
        await until(lambda: len(station.profiles) == 3)
        assert len(station.profiles[-1]["chargingSchedule"]["chargingSchedulePeriod"]) == 2


def test_a_sample_that_is_older_than_its_predecessor_is_history_unless_the_clock_was_set_back():
    clock = BoxClock()
    verdicts = []
    for seconds, now_s in ((0, 0.0), (-12, 1.0), (-0.5, 2.0), (10, 10.0), (-25, 11.0), (20, 20.0)):
        at = NOON + timedelta(seconds=seconds)
        verdicts.append(clock.is_history(BoxTime(at), NOON + timedelta(seconds=now_s), now_s))
    assert verdicts == [False, True, False, False, True, False]


def test_a_clock_that_was_once_at_the_end_of_time_does_not_break_what_it_says_next():
    clock = BoxClock(offset_s=2.5e11)
    written = read_time("2026-06-21T08:00:00Z")
    received = datetime(2026, 6, 21, 8, 0, 1, tzinfo=UTC)
    assert clock.corrected(written, received) == received
