"""Which registers to ask for together, and what to do when a device refuses.

A request costs a round trip, so neighbours are fetched in one *block*, with the words between them that nobody wants.
Two things bound a block. What belongs together, a value and its scale factor or the two halves of a split quantity,
is a *span* and is never torn apart: a device may change both between two requests. And the protocol carries 125 words
(Modbus Application Protocol V1.1b3, section 6.3).

A block that touches one register that does not exist fails whole, with exception 2. Then it is halved until the
guilty span stands alone; that one is given up for as long as the connection lasts. Exception 10 is another matter: the
part of the device that has these registers is away, like a solar charger that sleeps, and may be back with the next
answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from drivers.base import DeviceError
from hemsd.said import said

MAX_WORDS = 125
MAX_GAP = 16  # fewer words than this are cheaper to carry along than to ask around


class Refused(DeviceError):
    """The device does not serve these registers (exceptions 1, 2 and 3). Asking the same again is pointless."""


class Absent(DeviceError):
    """Nothing is there at present that has these registers (exception 10)."""


class Space(StrEnum):
    """The two kinds of registers that hold measurements."""

    HOLDING = "holding"
    INPUT = "input"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Words that must come from one answer."""

    start: int
    count: int
    space: Space = Space.HOLDING

    @property
    def end(self) -> int:
        return self.start + self.count


@dataclass(frozen=True, slots=True)
class Block:
    """One request, and the spans that it serves."""

    span: Span
    parts: tuple[Span, ...]


def plan(spans: Iterable[Span], *, limit: int = MAX_WORDS, gap: int = MAX_GAP) -> list[Block]:
    """The fewest requests that serve all spans, none longer than ``limit``, bridging at most ``gap`` unwanted words."""
    blocks: list[list[Span]] = []
    for span in sorted(set(spans), key=lambda span: (span.space, span)):
        if span.count > limit:
            raise ValueError(f"{span.count} words can't be read in one request of {limit}")
        if blocks and _fits(_hull(blocks[-1]), span, limit, gap):
            blocks[-1].append(span)
        else:
            blocks.append([span])
    return [Block(_hull(parts), tuple(parts)) for parts in blocks]


def _fits(hull: Span, span: Span, limit: int, gap: int) -> bool:
    near = span.space == hull.space and span.start - hull.end <= gap
    return near and max(hull.end, span.end) - hull.start <= limit


def _hull(parts: Sequence[Span]) -> Span:
    start = min(part.start for part in parts)
    return Span(start, max(part.end for part in parts) - start, parts[0].space)


@dataclass(slots=True)
class Image:
    """The registers that one round of reading brought home."""

    _words: dict[tuple[Space, int], int] = field(default_factory=dict)

    def put(self, span: Span, words: Sequence[int]) -> None:
        for address, word in enumerate(words, span.start):
            self._words[span.space, address] = word

    def words(self, start: int, count: int, space: Space = Space.HOLDING) -> tuple[int, ...] | None:
        """None when one of them is missing."""
        try:
            return tuple(self._words[space, address] for address in range(start, start + count))
        except KeyError:
            return None


Read = Callable[[Span], Awaitable[Sequence[int]]]
"""Fetches one span; raises Refused when the device does not serve it, and DeviceError for anything else."""


class BlockReader:
    """Reads the same spans again and again, and learns which of them the device does not serve."""

    def __init__(self, read: Read, spans: Iterable[Span], *, limit: int = MAX_WORDS, gap: int = MAX_GAP) -> None:
        self.refused: list[Span] = []
        self._read = read
        self._limit = limit
        self._gap = gap
        self._blocks = plan(spans, limit=limit, gap=gap)

    async def image(self) -> Image:
        """One round. Raises DeviceError when nothing at all is served."""
        image = Image()
        done: list[Block] = []
        away: dict[Span, Absent] = {}
        waiting = list(self._blocks)
        while waiting:
            block = waiting.pop(0)
            try:
                image.put(block.span, await self._read(block.span))
                done.append(block)
            except Refused:
                waiting[:0] = self._smaller(block)
                if len(block.parts) == 1:
                    self.refused.append(block.span)
                self._blocks = done + waiting
            except Absent as error:
                if len(block.parts) == 1:
                    away[block.span] = error
                    done.append(block)  # to be asked again with the next round
                waiting[:0] = self._smaller(block)
                self._blocks = done + waiting
        if not done:
            raise DeviceError(said("modbus.refuses_all", "it refuses every register that hemsd asks for"))
        if len(away) == len(done):
            raise next(iter(away.values()))
        return image

    def _smaller(self, block: Block) -> list[Block]:
        """The two halves of a block; none of a single span."""
        half = len(block.parts) // 2
        halves = (block.parts[:half], block.parts[half:]) if half else ()
        return [smaller for part in halves for smaller in plan(part, limit=self._limit, gap=self._gap)]
