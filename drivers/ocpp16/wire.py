"""OCPP-J framing: text of a WebSocket frame to message, and typed request to text.

The message classes and the request dataclasses are the ``ocpp`` library's. Its schema validation is left out on
purpose: it refuses a whole MeterValues for one unknown unit, and real wallboxes then hold back everything that queues
behind it. What hemsd sends is checked against the same schemas by the tests instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ocpp.charge_point import remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.messages import Call, CallError, CallResult

Json = Mapping[str, object]
"""A payload as it came: every value is to be looked at before it is believed."""

MAX_QUOTED = 200  # of a bad frame, for the log


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Not an OCPP-J message. It gets no reply (OCPP-J 1.6 4.2.3 has none for it) and the link stays up."""

    why: str


def decode(raw: str | bytes) -> Call | CallResult | CallError | BadFrame:
    try:
        frame = json.loads(raw)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        return BadFrame(f"not JSON ({type(error).__name__}): {_quoted(raw)}")
    match frame:
        case [2, str(unique_id), str(action), *rest]:
            return Call(unique_id, action, _payload(rest))
        case [3, str(unique_id), *rest]:
            return CallResult(unique_id, _payload(rest))
        case [4, str(unique_id), *rest]:  # some boxes leave out description and details
            said = [text for text in rest if isinstance(text, str)]
            code, description = (*said, *("GenericError", "")[len(said) :])[:2]
            return CallError(unique_id, code, description, {})
    return BadFrame(f"not an OCPP message: {_quoted(raw)}")


def _payload(rest: list[object]) -> Json:
    return rest[0] if rest and isinstance(rest[0], dict) else {}


def _quoted(raw: str | bytes) -> str:
    return repr(raw[:MAX_QUOTED])


def action_of(request: object) -> str:
    """The requests of ``ocpp.v16.call`` bear the names of their actions."""
    return type(request).__name__


def payload_of(request: object) -> Json:
    """A request of ``ocpp.v16.call`` as OCPP spells it: camel case, and nothing that is None."""
    return cast(Json, remove_nones(snake_to_camel_case(serialize_as_dict(request))))
