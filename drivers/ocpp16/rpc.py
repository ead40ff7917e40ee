"""Calls and answers on one socket.

Both sides may call. OCPP-J allows each side one unanswered call at a time (OCPP-J 1.6 section 4.1.1), so ours queue
behind a lock. A call ends in exactly one of four ways, and never in an exception: answered, refused (CALLERROR), no
answer in time, or the link was lost; a lost link ends what waits for it at once.

The box's calls are answered in the order of their arrival. A handler gives the answer and, apart from it, what is to
be done with the content: the box gets its answer first, because boxes hold their queues back until they have it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from ocpp.messages import Call, CallError, CallResult, pack
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from drivers.ocpp16.pace import Pace
from drivers.ocpp16.wire import BadFrame, Json, action_of, decode, payload_of

log = logging.getLogger(__name__)

HURRY_S = 2.0  # what a call before an urgent one still gets for its answer: a box that is well answers within one


@dataclass(frozen=True, slots=True)
class Answered:
    payload: Json


@dataclass(frozen=True, slots=True)
class Refused:
    """A CALLERROR."""

    code: str
    description: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    waited_s: float


@dataclass(frozen=True, slots=True)
class LinkLost:
    why: str


Reply = Answered | Refused | NoAnswer | LinkLost


@dataclass(frozen=True, slots=True)
class Handled:
    """The answer to a call of the box, and what remains to be done once the box has it."""

    payload: Json
    then: Callable[[], Awaitable[None]] | None = None


OnCall = Callable[[str, Json], Awaitable[Handled | None]]
"""Takes (action, payload); None: the action is not known here."""


@dataclass(slots=True)
class LinkCounters:
    """For diagnostics."""

    frames_in: int = 0
    calls_in: int = 0
    calls_out: int = 0
    bad_frames: int = 0
    unknown_actions: int = 0
    stray_answers: int = 0
    last_bad_frame: str = ""


@dataclass(slots=True)
class Link:
    """One socket of a wallbox, from its handshake to its end."""

    socket: ServerConnection
    remote: str
    counters: LinkCounters = field(default_factory=LinkCounters)
    pace: Pace = field(default_factory=Pace)
    early: list[str | bytes] = field(default_factory=list)  # read before it was known whose link this is
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: dict[str, asyncio.Future[Reply]] = field(default_factory=dict)
    _deadline: asyncio.Timeout | None = None  # of the call that waits for its answer
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _lost: LinkLost | None = None

    @property
    def alive(self) -> bool:
        return self._lost is None

    async def call(self, request: object, timeout_s: float) -> Reply:
        """Sends a request of ``ocpp.v16.call`` and waits for what becomes of it."""
        async with self._turn:
            if self._lost is not None:
                return self._lost
            message = Call(str(uuid.uuid4()), action_of(request), payload_of(request))
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            self._waiting[message.unique_id] = answer
            self.counters.calls_out += 1
            try:
                async with asyncio.timeout(timeout_s) as self._deadline:
                    await self.socket.send(pack(message))
                    return await answer
            except TimeoutError:
                return NoAnswer(timeout_s)
            except ConnectionClosed as closed:
                return LinkLost(str(closed))
            finally:
                self._deadline = None
                del self._waiting[message.unique_id]

    def hurry(self) -> None:
        """Something urgent is to be said, and only one call may be open: the one that is gets little time more."""
        soon_s = asyncio.get_running_loop().time() + HURRY_S
        due_s = self._deadline.when() if self._deadline is not None else None
        if self._deadline is not None and due_s is not None and soon_s < due_s:
            self._deadline.reschedule(soon_s)

    async def serve(self, on_call: OnCall) -> None:
        """Answers the box until the socket closes."""
        try:
            async for raw in self._frames():
                await self.pace.turn()
                if not self.alive:  # a newer socket took over; what still comes here is its past
                    return
                self.counters.frames_in += 1
                match decode(raw):
                    case Call() as call:
                        await self._answer(call, on_call)
                    case CallResult(unique_id=unique_id, payload=payload):
                        self._settle(unique_id, Answered(payload))
                    case CallError(unique_id=unique_id, error_code=code, error_description=description):
                        self._settle(unique_id, Refused(code, description))
                    case BadFrame(why=why):
                        self._note_bad_frame(why)
        except ConnectionClosed as closed:
            self.lose(str(closed))
        finally:
            self.lose("closed")

    async def _frames(self) -> AsyncIterator[str | bytes]:
        while self.early:
            yield self.early.pop(0)
        async for raw in self.socket:
            yield raw

    def lose(self, why: str) -> None:
        """Ends every call that waits; there will be no answer."""
        if self._lost is None:
            self._lost = LinkLost(why)
            self.ended.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(self._lost)

    @property
    def end(self) -> str:
        """Why the link was lost; empty while it is alive."""
        return self._lost.why if self._lost else ""

    async def _answer(self, call: Call, on_call: OnCall) -> None:
        self.counters.calls_in += 1
        handled = await on_call(call.action, call.payload)
        if handled is None:
            self.counters.unknown_actions += 1
            await self._send(CallError(call.unique_id, "NotImplemented", f"{call.action[:50]} is not known here", {}))
            return
        await self._send(CallResult(call.unique_id, handled.payload))
        if handled.then is not None:
            await handled.then()

    async def _send(self, message: CallResult | CallError) -> None:
        """The content of a call counts even when its answer can no longer be delivered."""
        try:
            await self.socket.send(pack(message))
        except ConnectionClosed as closed:
            self.lose(str(closed))

    def _settle(self, unique_id: str, reply: Reply) -> None:
        answer = self._waiting.get(unique_id)
        if answer is None or answer.done():  # after our time-out, a second answer, or a made-up id
            self.counters.stray_answers += 1
            return
        answer.set_result(reply)

    def _note_bad_frame(self, why: str) -> None:
        self.counters.bad_frames += 1
        self.counters.last_bad_frame = why
        if self.counters.bad_frames == 1:
            log.warning("%s sent something that is %s; further ones are only counted", self.remote, why)
