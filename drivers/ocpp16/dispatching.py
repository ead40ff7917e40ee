"""From the reply to a call to what is known of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from drivers.ocpp16.inbound import text
from drivers.ocpp16.rpc import Answered, LinkLost, NoAnswer, Refused, Reply
from hemsd.model import DispatchStatus

_INCAPABLE = frozenset({"notsupported", "notimplemented"})


@dataclass(frozen=True, slots=True)
class Judged:
    status: DispatchStatus
    text: str = ""
    incapable: bool = False  # the box can't do this at all, today or tomorrow
    unknown_action: bool = False  # ... and in no other wording either


def judged(reply: Reply) -> Judged:
    """A CALLERROR and a status other than Accepted are both refusals; boxes use either for the same thing."""
    match reply:
        case Answered(payload):
            word = text(payload.get("status"), 50)
            if word.lower() == "accepted":
                return Judged(DispatchStatus.APPLIED)
            return Judged(DispatchStatus.REJECTED, word or "answered without a status", word.lower() in _INCAPABLE)
        case Refused(code, description):
            said = ": ".join(word for word in (text(code, 50), text(description, 150)) if word)
            incapable = code.lower() in _INCAPABLE
            return Judged(DispatchStatus.REJECTED, said, incapable, unknown_action=incapable)
        case NoAnswer(waited_s):
            return Judged(DispatchStatus.TIMEOUT, f"no answer in {waited_s:g} s")
        case LinkLost(why):
            return Judged(DispatchStatus.UNREACHABLE, why)
        case _:
            assert_never(reply)
