"""Which registers are asked for together, and what a refusal costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import DeviceError
from drivers.modbus_blocks import MAX_WORDS, Absent, BlockReader, Refused, Space, Span, plan

SPANS = st.lists(st.builds(Span, st.integers(0, 600), st.integers(1, 60), st.sampled_from(list(Space))), max_size=30)


@pytest.mark.slow
@given(SPANS)
def test_every_span_lies_whole_in_one_request_that_the_protocol_can_carry(spans: list[Span]) -> None:
    blocks = plan(spans)
    assert all(block.span.count <= MAX_WORDS for block in blocks)
    for span in spans:
        holders = [b for b in blocks if span in b.parts]
        assert len(holders) == 1
        whole = holders[0].span
        assert whole.space == span.space
        assert whole.start <= span.start
        assert span.end <= whole.end


def test_neighbours_share_a_request_and_a_small_gap_is_carried_along() -> None:
    blocks = plan([Span(100, 2), Span(118, 2), Span(137, 1)])
    assert [block.span for block in blocks] == [Span(100, 20), Span(137, 1)]


def test_the_two_spaces_are_never_mixed() -> None:
    assert len(plan([Span(0, 2), Span(2, 2, Space.INPUT)])) == 2


def test_125_words_fit_and_126_do_not() -> None:
    assert len(plan([Span(0, 60), Span(60, 65)])) == 1
    assert len(plan([Span(0, 60), Span(60, 66)])) == 2
    with pytest.raises(ValueError, match="126 words"):
        plan([Span(0, 126)])


class Registers:
    """A device without the registers in ``missing``; it counts what it is asked."""

    def __init__(self, *missing: int) -> None:
        self.missing = missing
        self.asked: list[Span] = []

    async def read(self, span: Span) -> list[int]:
        self.asked.append(span)
        if any(span.start <= address < span.end for address in self.missing):
            raise Refused("no such register")
        return list(range(span.start, span.end))


async def test_one_missing_register_costs_only_its_own_value() -> None:
    device = Registers(14)
    reader = BlockReader(device.read, [Span(address, 2) for address in range(0, 40, 2)])
    image = await reader.image()
    assert image.words(14, 2) is None
    assert all(image.words(address, 2) == (address, address + 1) for address in range(0, 40, 2) if address != 14)
    assert reader.refused == [Span(14, 2)]


async def test_a_refused_register_is_not_asked_for_again() -> None:
    device = Registers(14)
    reader = BlockReader(device.read, [Span(address, 2) for address in range(0, 40, 2)])
    await reader.image()
    device.asked.clear()
    await reader.image()
    assert device.asked
    assert not any(span.start <= 14 < span.end for span in device.asked)


async def test_a_missing_register_in_a_gap_costs_nothing() -> None:
    device = Registers(5)
    reader = BlockReader(device.read, [Span(0, 4), Span(8, 4)])
    image = await reader.image()
    assert image.words(0, 4) == (0, 1, 2, 3)
    assert image.words(8, 4) == (8, 9, 10, 11)
    assert reader.refused == []


async def test_a_device_that_refuses_everything_is_lost() -> None:
    reader = BlockReader(Registers(*range(20)).read, [Span(0, 4), Span(8, 4)])
    with pytest.raises(DeviceError, match="refuses every register"):
        await reader.image()


async def test_a_part_that_is_away_is_asked_for_again_with_the_next_round() -> None:
    """A solar charger that sleeps (Victron): its neighbours are read, and in the morning so is it."""
    asleep = {7, 8}

    async def read(span: Span) -> list[int]:
        if asleep & set(range(span.start, span.end)):
            raise Absent("the gateway does not reach unit 100 (Modbus exception 10)")
        return list(range(span.start, span.end))

    reader = BlockReader(read, [Span(address, 1) for address in range(10)])
    image = await reader.image()
    assert [address for address in range(10) if image.words(address, 1) is None] == [7, 8]
    assert reader.refused == []
    asleep.clear()
    image = await reader.image()
    assert image.words(7, 1) == (7,)


async def test_a_device_of_which_every_part_is_away_is_lost() -> None:
    async def read(span: Span) -> list[int]:
        raise Absent("the gateway does not reach unit 100 (Modbus exception 10)")

    with pytest.raises(Absent):
        await BlockReader(read, [Span(0, 4), Span(8, 4)]).image()
