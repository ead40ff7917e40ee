"""Which way of saying a limit comes after the one that failed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from drivers.ocpp16.ladder import Ladder, Setback, climb, foot
from drivers.ocpp16.memory import Memory
from drivers.ocpp16.ways import Kind, Offer, Purpose, Unit, Way, ways

AMPS = Offer(max_stack=3, units=(Unit.AMPS,))
STRANGER = Memory()


def climbed(why: Setback, offer: Offer = AMPS, memory: Memory = STRANGER, *, in_transaction: bool = True) -> list[str]:
    ladder = foot(offer, memory)
    said = []
    while not ladder.exhausted:
        said.append(str(ladder.way))
        ladder = climb(ladder, why, offer, memory, in_transaction=in_transaction)
    return said


def test_wb_37_38_39_refusals_try_another_stack_then_kind_then_purpose():
    assert climbed(Setback.REFUSED) == [
        "TxDefaultProfile Absolute stack 3 A",
        "TxDefaultProfile Absolute stack 0 A",
        "TxDefaultProfile Relative stack 3 A",
        "TxDefaultProfile Relative stack 0 A",
        "TxProfile Absolute stack 3 A",
        "TxProfile Absolute stack 0 A",
        "TxProfile Relative stack 3 A",
        "TxProfile Relative stack 0 A",
        "ChargePointMaxProfile Absolute stack 3 A",
        "ChargePointMaxProfile Absolute stack 0 A",
        "ChargePointMaxProfile Relative stack 3 A",
        "ChargePointMaxProfile Relative stack 0 A",
    ]


def test_wb_37_38_39_ineffective_ways_try_another_kind_then_purpose_then_stack():
    assert climbed(Setback.INEFFECTIVE)[:7] == [
        "TxDefaultProfile Absolute stack 3 A",
        "TxDefaultProfile Relative stack 3 A",
        "TxProfile Absolute stack 3 A",
        "TxProfile Relative stack 3 A",
        "ChargePointMaxProfile Absolute stack 3 A",
        "ChargePointMaxProfile Relative stack 3 A",
        "ChargePointMaxProfile Relative stack 0 A",
    ]


@pytest.mark.parametrize("why", list(Setback))
@pytest.mark.parametrize("offer", [AMPS, Offer(), Offer(max_stack=0), Offer(5, (Unit.WATTS,))])
def test_each_way_is_tried_once_and_all_are_tried(why, offer):
    said = climbed(why, offer)
    assert sorted(said) == sorted(str(way) for way in ways(offer))


def test_a_transaction_profile_is_left_out_while_there_is_no_transaction():
    assert not any("TxProfile" in way for way in climbed(Setback.REFUSED, in_transaction=False))


def test_wb_40_a_purpose_that_the_box_lacks_is_never_tried_again():
    memory = Memory(incapable=frozenset({Purpose.TX_DEFAULT}))
    assert climbed(Setback.REFUSED, memory=memory)[0] == "TxProfile Absolute stack 3 A"


def test_what_worked_on_such_a_box_before_comes_first():
    proven = ways(AMPS)[5]
    assert foot(AMPS, Memory(way=proven)).way == proven


def test_wb_49_a_box_in_watts_is_never_addressed_in_amperes():
    assert {way.unit for way in ways(Offer(units=(Unit.WATTS,)))} == {Unit.WATTS}


def test_an_exhausted_ladder_stands_at_the_most_portable_way():
    ladder = Ladder(ways(AMPS)[-1], refused=frozenset(ways(AMPS)[:-1]))
    ended = climb(ladder, Setback.REFUSED, AMPS, STRANGER, in_transaction=True)
    assert ended.exhausted
    assert ended.way == replace(ways(AMPS)[0])


def test_a_memory_survives_being_stored():
    memory = Memory(
        "Acme",
        "Wall 11",
        "1.0",
        way=Way(Purpose.TX, Kind.RELATIVE, 3, Unit.WATTS),
        incapable=frozenset({Purpose.CHARGE_POINT_MAX}),
        measurands=("Voltage",),
        zero_ends_tx=True,
    )
    kept = TypeAdapter(Memory)
    assert kept.validate_python(json.loads(kept.dump_json(memory))) == memory
