"""Every value comes back from its row as it was, to the millisecond. No threads here: only SQL, in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from hemsd.model import (
    Attempt,
    Command,
    Decision,
    DecisionKind,
    DispatchStatus,
    Evidence,
    Outcome,
    QuarterHour,
    Sample,
    SteeringState,
    Visit,
)
from hemsd.store import changes, queries
from hemsd.store.changes import Change
from hemsd.store.codec import sample_at, utc
from hemsd.store.schema import migrations
from tests.store.values import a_visit

numbers = st.floats(allow_nan=False)
some = st.none() | numbers
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
moments = st.integers(0, 7_000_000_000_000).map(utc)
small = st.integers(1, 2**31 - 1)
phases = st.tuples(some, some, some)
samples = st.builds(
    Sample,
    received_s=numbers,
    received_at=moments,
    box_time=st.none() | moments,
    context=words,
    transaction_id=st.none() | small,
    offered_a=some,
    offered_w=some,
    currents_a=phases,
    voltages_v=phases,
    power_w=some,
    energy_wh=some,
    soc_pct=some,
    backlog=st.booleans(),
)
attempts = st.builds(Attempt, at=moments, way=words, status=st.sampled_from(DispatchStatus), text=words)
evidence = st.builds(Evidence, rule=words, text=words, samples=st.lists(samples, max_size=3).map(tuple))
VISIT = a_visit()
commands = st.builds(
    Command,
    id=small,
    wallbox=words,
    at=moments,
    sent_s=numbers,
    amps=numbers,
    phases=st.none() | st.integers(1, 3),
    watts=numbers,
    visit_id=st.just(VISIT.id),
    before_a=some,
    dispatch_status=st.sampled_from(DispatchStatus),
    outcome=st.sampled_from(Outcome),
    final=st.booleans(),
    observed_current_offered_a=some,
    observed_power_w=some,
    effect_s=some,
    attempts=st.lists(attempts, max_size=3).map(tuple),
    evidence=st.none() | evidence,
)
decisions = st.builds(
    Decision,
    wallbox=words,
    at=moments,
    kind=st.sampled_from(DecisionKind),
    state=st.sampled_from(SteeringState),
    rule=words,
    reason=words,
    limit_a=some,
    phases=st.none() | st.integers(1, 3),
    target_w=some,
    inputs=st.dictionaries(words, st.none() | st.booleans() | numbers | words, max_size=4),
    dispatched=st.booleans(),
    command_id=st.none() | small,
    ticks=small,
)
visits = st.builds(
    Visit,
    id=st.uuids().map(str),
    number=small,
    wallbox=words,
    plugged_in_at=moments,
    plugged_out_at=st.none() | moments,
    vehicle=st.none() | words,
    managed=st.booleans(),
    transaction_id=st.none() | small,
    meter_start_wh=some,
    meter_last_wh=some,
    energy_wh=numbers,
    solar_wh=numbers,
    battery_wh=numbers,
    grid_wh=numbers,
    final_state=st.sampled_from(SteeringState),
)

quarters = st.builds(
    QuarterHour,
    visit_id=st.just(VISIT.id),
    start_at=moments,
    energy_wh=numbers,
    solar_wh=numbers,
    battery_wh=numbers,
    grid_wh=numbers,
)

thorough = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def tables() -> Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrations.apply(Database(connection))
    return connection


@contextmanager
def written(tables: Connection, *wanted: Change) -> Iterator[Connection]:
    """The tables with these changes in them, and without them afterwards."""
    tables.execute("BEGIN")
    try:
        for change in wanted:
            for sql, values in change.statements:
                tables.execute(sql, values)
        yield tables
    finally:
        tables.execute("ROLLBACK")


@thorough
@given(visit=visits)
def test_a_visit(tables: Connection, visit: Visit) -> None:
    with written(tables, changes.visit(visit, None)) as db:
        assert queries.visit(db, visit.id) == visit
        assert queries.visit_numbered(db, visit.number) == visit


@thorough
@given(command=commands)
def test_a_command_with_its_attempts_and_evidence(tables: Connection, command: Command) -> None:
    with written(tables, changes.visit(VISIT, None), changes.command(command)) as db:
        assert queries.commands(db, VISIT.id) == (command,)


@thorough
@given(decision=decisions, row_id=small)
def test_a_decision_with_its_inputs(tables: Connection, decision: Decision, row_id: int) -> None:
    with written(tables, changes.visit(VISIT, None), changes.decision(row_id, decision, VISIT.id)) as db:
        assert queries.decisions(db, VISIT.id) == (decision,)


@thorough
@given(sample=samples)
def test_a_sample_as_a_reading(tables: Connection, sample: Sample) -> None:
    with written(tables, changes.visit(VISIT, None), changes.sample(VISIT.id, sample)) as db:
        [reading] = queries.readings(db, VISIT.id)
    assert reading.at == sample_at(sample)
    assert (reading.offered_a, reading.offered_w, reading.power_w) == (
        sample.offered_a,
        sample.offered_w,
        sample.power_w,
    )
    assert (reading.currents_a, reading.voltages_v) == (sample.currents_a, sample.voltages_v)
    assert (reading.energy_wh, reading.soc_pct) == (sample.energy_wh, sample.soc_pct)
    assert (reading.transaction_id, reading.backlog) == (sample.transaction_id, sample.backlog)


@thorough
@given(quarter=quarters)
def test_a_quarter_hour(tables: Connection, quarter: QuarterHour) -> None:
    with written(tables, changes.visit(VISIT, None), changes.quarter(quarter)) as db:
        assert queries.quarters(db, VISIT.id) == (quarter,)


@pytest.mark.parametrize("table", ["visits", "decisions", "commands", "meter_values", "quarter_hours", "transactions"])
def test_a_value_of_the_wrong_type_is_refused_at_once(tables: Connection, table: str) -> None:
    columns = [row["name"] for row in tables.execute(f"PRAGMA table_info({table})")]
    with pytest.raises(sqlite3.IntegrityError, match=r"cannot store TEXT value|datatype mismatch"):
        tables.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", ["no number"] * len(columns))
