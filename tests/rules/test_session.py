"""The visit as a fold: energy that never falls, shared out by where it came from."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hemsd.model import QUARTER, ConnectorStatus, QuarterHour, Sample, SteeringState, WallboxImage, quarter_start
from rules.session import (
    Running,
    Sources,
    Stop,
    adopt,
    advance,
    plug_in,
    plug_out,
    retimed,
    transaction_ended,
    transaction_started,
)

START = datetime(2026, 6, 21, 10, 7, tzinfo=UTC)


def image(register_wh: float | None, power_w: float | None = None) -> WallboxImage:
    sample = Sample(0.0, START, energy_wh=register_wh, power_w=power_w)
    return WallboxImage("garage", connected=True, status=ConnectorStatus.CHARGING, transaction_id=17, sample=sample)


def begun(register_wh: float | None) -> Running:
    return plug_in("visit", 1, image(register_wh), START, "car", managed=True)


def play(
    running: Running, rows: list[tuple[float, float | None, Sources]], state: SteeringState = SteeringState.MODULATING
) -> Running:
    for at_s, register_wh, sources in rows:
        running, _ = advance(running, image(register_wh), sources, state, START + timedelta(seconds=at_s), at_s)
    return running


SUN = Sources(solar_w=3600.0)
MIXED = Sources(solar_w=1800.0, battery_w=900.0, grid_w=900.0)


def test_the_register_tells_how_much_and_the_power_tells_from_where() -> None:
    running = play(begun(1000.0), [(0, 1000.0, MIXED), (60, 1000.0, MIXED), (120, 1130.0, MIXED)])
    visit = running.visit
    assert visit.energy_wh == 130.0
    assert (visit.solar_wh, visit.battery_wh, visit.grid_wh) == (65.0, 32.5, 32.5)


def test_without_a_register_the_power_is_added_up() -> None:
    running = play(begun(None), [(0, None, SUN), (10, None, SUN), (20, None, SUN)])
    assert round(running.visit.energy_wh, 6) == 20.0


def test_a_register_that_falls_starts_anew_and_takes_nothing_back() -> None:
    running = play(begun(5000.0), [(0, 5000.0, SUN), (60, 5060.0, SUN), (120, 3.0, SUN), (180, 63.0, SUN)])
    assert round(running.visit.energy_wh, 6) == 180.0


def test_a_register_that_is_rounded_in_another_way_has_not_fallen() -> None:
    running = play(begun(5000.0), [(0, 5000.0, SUN), (60, 5061.0, SUN), (70, 5060.4, SUN), (120, 5120.0, SUN)])
    assert running.visit.energy_wh == 120.0


def test_a_register_that_leaps_by_more_than_a_wallbox_can_deliver_is_not_believed() -> None:
    running = play(begun(5000.0), [(0, 5000.0, SUN), (10, 41_900.0, SUN), (20, 41_910.0, SUN)])
    assert round(running.visit.energy_wh, 6) == 20.0


def test_what_was_charged_while_hemsd_was_away_is_counted_but_not_called_solar() -> None:
    before = play(begun(1000.0), [(0, 1000.0, SUN), (60, 1060.0, SUN)]).visit
    running = play(adopt(before), [(0, 4060.0, SUN)])
    assert (running.visit.energy_wh, running.visit.solar_wh, running.visit.grid_wh) == (3060.0, 60.0, 3000.0)


def test_it_is_counted_too_when_the_wallbox_takes_its_time_to_tell() -> None:
    before = play(begun(1000.0), [(0, 1000.0, SUN), (60, 1060.0, SUN)]).visit
    assert play(adopt(before), [(7000, None, SUN), (7010, None, SUN), (7020, 4060.0, SUN)]).visit.energy_wh == 3060.0


def test_what_was_charged_behind_a_broken_link_before_the_register_ever_moved_is_counted() -> None:
    assert play(begun(1000.0), [(0, 1000.0, SUN), (60, None, SUN), (7200, 9000.0, SUN)]).visit.energy_wh == 8000.0


def test_a_quarter_hour_is_given_when_the_next_one_begins() -> None:
    running, finished = advance(begun(0.0), image(0.0), SUN, SteeringState.MODULATING, START, 0.0)
    assert finished is None
    running, finished = advance(
        running, image(480.0), SUN, SteeringState.MODULATING, START + timedelta(seconds=479), 479.0
    )
    assert finished is None
    running, finished = advance(
        running, image(481.0), SUN, SteeringState.MODULATING, START + timedelta(seconds=480), 480.0
    )
    assert finished is not None
    assert finished.start_at == datetime(2026, 6, 21, 10, 0, tzinfo=UTC)
    assert finished.energy_wh == 480.0
    assert running.quarter is not None
    assert running.quarter.energy_wh == 1.0


def test_what_flows_before_the_first_sample_counts_from_the_register_of_the_start() -> None:
    running = transaction_started(begun(None), 1000.0, 0.0)
    later = play(running, [(0, None, SUN), (60, None, SUN), (120, 1200.0, SUN), (180, 1260.0, SUN)])
    assert round(later.visit.energy_wh, 6) == 260.0
    assert (later.visit.meter_start_wh, later.visit.meter_last_wh) == (1000.0, 1260.0)
    assert transaction_started(later, 5000.0, 181.0) == later  # samples have told it, and go on telling it


def test_start_and_end_alone_tell_what_a_silent_wallbox_gave() -> None:
    nothing = Sources()
    running = play(transaction_started(begun(None), 1000.0, 0.0), [(0, None, nothing), (3600, None, nothing)])
    assert transaction_ended(running, 8000.0, 3600.0).visit.energy_wh == 7000.0


def test_a_start_that_tells_nothing_of_the_register_changes_nothing() -> None:
    rows = [(0.0, None, SUN), (60.0, None, SUN), (120.0, 1_234_567.0, SUN), (180.0, 1_234_627.0, SUN)]
    plain = play(begun(None), rows)
    assert play(transaction_started(begun(None), 0.0, 0.0), rows).visit.energy_wh == plain.visit.energy_wh == 180.0
    powers_only = [(0.0, None, SUN), (60.0, None, SUN)]
    assert play(transaction_started(begun(None), 5.0, 0.0), powers_only).visit.energy_wh == 60.0


def test_the_end_of_a_transaction_has_the_registers_last_word() -> None:
    running = play(begun(1000.0), [(0, 1000.0, SUN), (60, 1050.0, SUN), (70, 1050.0, SUN)])
    ended = transaction_ended(running, 1060.0, 75.0)
    assert ended.visit.energy_wh == 60.0
    assert ended.visit.solar_wh == 60.0
    assert transaction_ended(ended, 60.0, 76.0) == ended  # a register of its own for each transaction


def test_a_sample_from_before_the_end_of_the_transaction_counts_nothing_twice() -> None:
    running = play(begun(1000.0), [(0, 1000.0, SUN), (60, 1040.0, SUN)])
    ended = transaction_ended(running, 1060.0, 75.0)
    later = play(ended, [(80, 1040.0, SUN), (90, 1040.0, SUN)])  # received at 0 s, as all of them are
    assert later.visit.energy_wh == 60.0
    assert later.visit.meter_last_wh == 1060.0
    newer = WallboxImage("garage", connected=True, sample=Sample(100.0, START, energy_wh=1070.0))
    again, _ = advance(later, newer, SUN, SteeringState.MODULATING, START + timedelta(seconds=100), 100.0)
    assert again.visit.energy_wh == 70.0


def test_a_visit_ends_after_it_began_even_when_the_clock_stood_still() -> None:
    visit, _ = plug_out(begun(0.0), START)
    assert visit.plugged_out_at is not None
    assert visit.plugged_in_at < visit.plugged_out_at


def test_quarter_hours_lie_on_the_clock() -> None:
    assert quarter_start(datetime(2026, 1, 1, 10, 59, 59, 5, tzinfo=UTC)) == datetime(2026, 1, 1, 10, 45, tzinfo=UTC)


registers = st.lists(st.one_of(st.none(), st.floats(0, 100_000)), min_size=1, max_size=30)


@pytest.mark.slow
@given(registers)
def test_energy_never_falls_and_is_always_the_sum_of_its_sources(values: list[float | None]) -> None:
    running = begun(values[0])
    last_wh = 0.0
    for n, register_wh in enumerate(values):
        running, _ = advance(
            running, image(register_wh), MIXED, SteeringState.MODULATING, START + timedelta(seconds=10 * n), 10.0 * n
        )
        visit = running.visit
        assert visit.energy_wh >= last_wh
        assert abs(visit.energy_wh - visit.solar_wh - visit.battery_wh - visit.grid_wh) < 1e-6
        last_wh = visit.energy_wh


def test_a_clock_that_begins_in_another_year_does_not_end_a_visit_before_its_time() -> None:
    long_ago = START - timedelta(days=20 * 365)
    quarters = tuple(QuarterHour("visit", START + turn * QUARTER, 100.0, 100.0, 0.0, 0.0) for turn in range(6))
    for known, lasted in (((), timedelta(seconds=1)), (quarters[:2], timedelta(seconds=1)), (quarters, 4 * QUARTER)):
        visit, _ = plug_out(adopt(begun(0.0).visit, known), long_ago)
        assert visit.plugged_out_at == START + lasted
    visit, _ = plug_out(adopt(begun(0.0).visit, quarters), START + timedelta(hours=3))
    assert visit.plugged_out_at == START + timedelta(hours=3)


def test_a_start_that_was_told_late_began_when_it_began() -> None:
    """Nine minutes without a link at 11 kW: 1650 Wh by the first sample, a few seconds after the start was told."""
    nothing = Sources()
    for started_s, energy_wh in ((-540.0, 1650.0), (0.0, 0.0)):
        running = play(transaction_started(begun(None), 1000.0, started_s), [(0, None, nothing), (5, 2650.0, nothing)])
        assert running.visit.energy_wh == energy_wh


def test_what_an_earlier_run_wrote_of_the_beginning_stays_unless_its_clock_was_in_another_year() -> None:
    year = timedelta(days=365)
    quarters = tuple(QuarterHour("visit", START + turn * QUARTER, 100.0, 100.0, 0.0, 0.0) for turn in range(6))
    running = adopt(begun(0.0).visit, quarters)
    now = START + timedelta(hours=2)

    def came_at(at: datetime, since_s: float = 0.0) -> datetime:
        return retimed(replace(running, first_s=100.0), at, 100.0 + since_s).visit.plugged_in_at

    assert came_at(now) == came_at(now + timedelta(days=30)) == START
    assert came_at(now - 20 * year) == now - 20 * year - 4 * QUARTER  # this clock has just been started
    assert came_at(now + 20 * year, 60.0) == now + 20 * year - timedelta(seconds=60) - 4 * QUARTER  # or that one had
    lost = retimed(running, now - 20 * year, 100.0)
    assert retimed(replace(lost, first_s=100.0), now, 160.0).visit.plugged_in_at == START


def test_what_the_transaction_before_ended_with_is_not_counted_again() -> None:
    """The newest sample is some seconds older than the stop, and it stays the newest until the next car charges."""
    stop, nothing = Stop(1020.0, 5.0), Sources()
    for register_wh, energy_wh in ((1000.0, 30.0), (None, 30.0)):
        running = plug_in("visit", 2, image(register_wh), START, "car", managed=True, stop=stop)
        running = play(running, [(60, register_wh, nothing)])
        assert running.visit.energy_wh == 0.0
        later = Sample(130.0, START, energy_wh=1050.0)
        running, _ = advance(running, replace(image(None), sample=later), nothing, SteeringState.IDLE, START, 130.0)
        assert running.visit.energy_wh == energy_wh
    fresher = plug_in("visit", 2, image(1021.0), START, "car", managed=True, stop=replace(stop, at_s=-1.0))
    assert fresher.register_wh == 1021.0
