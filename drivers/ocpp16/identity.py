"""Who is calling: the identity in the URL or in the first message, and the password in the header. Pure."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Collection
from urllib.parse import parse_qsl, unquote, urlsplit

from ocpp.messages import Call
from ocpp.v16.enums import Action

from drivers.ocpp16.inbound import text
from drivers.ocpp16.wire import decode

SERIALS = ("chargeBoxSerialNumber", "chargePointSerialNumber")
MAX_IDENTITY = 255


def identity_in(target: str, known: Collection[str]) -> str:
    """The identity that a request target names: the last segment of the path, after any prefix.

    Where that is not known, a value in the query that is known counts (Autel: ``/ws/webSocket?=sn``); and a path that
    names nobody is the only configured wallbox. What remains is a stranger's name, for people to read.
    """
    try:
        parts = urlsplit(target if target.startswith("/") else f"/{target}")
    except ValueError:
        return ""
    path = "/" + parts.path.strip("/")
    last = "".join(c for c in unquote(path.rsplit("/", 1)[-1]) if c.isprintable())[:MAX_IDENTITY]
    if last in known:
        return last
    queried = [value for _, value in parse_qsl(parts.query, keep_blank_values=True)]
    for value in (*queried, parts.query.lstrip("=")):
        if value in known:
            return value
    if not last and len(known) == 1:
        return next(iter(known))
    return last


def introduced_in(first_frame: str | bytes, known: Collection[str]) -> str:
    """The known identity that a BootNotification bears as its serial number; empty: it is none, or bears another."""
    match decode(first_frame):
        case Call(action=Action.boot_notification, payload=payload):
            return next((word for word in (text(payload.get(key)) for key in SERIALS) if word in known), "")
        case _:
            return ""


def may_enter(password: str | None, authorization: str | None) -> bool:
    """HTTP Basic (OCPP-J 1.6 section 6.2.1): boxes send the key as it is typed, or the bytes that its hex stands for.

    The user name is not judged: the URL names the box, and boxes differ in what they put here.
    """
    if password is None:
        return True
    shown = _password_in(authorization)
    if shown is None:
        return False
    return any([hmac.compare_digest(shown, accepted) for accepted in _accepted(password)])


def _accepted(password: str) -> list[bytes]:
    forms = [password.encode()]
    try:
        forms.append(bytes.fromhex(password))
    except ValueError:
        return forms
    return [*forms, password.lower().encode(), password.upper().encode()]


def _password_in(authorization: str | None) -> bytes | None:
    scheme, _, credentials = (authorization or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    _, colon, password = decoded.partition(b":")
    return password if colon else None
