"""Opaque cursors: a place in the list of visits, not a page number, so they stay right while rows are added.

A cursor is the sort key of a row (when it was plugged in, its uuid) and a short keyed digest of it. The key is this
installation's own, so that a made-up cursor, or one of another home, is refused and not taken for a place.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from uuid import UUID

from hemsd.store.rows import BadCursor

PLACE = struct.Struct(">q16s")
DIGEST_BYTES = 6

Place = tuple[int, str]
"""(plugged_in_ms, id)"""


def issue(place: Place, key: bytes) -> str:
    packed = PLACE.pack(place[0], UUID(place[1]).bytes)
    return base64.urlsafe_b64encode(packed + _digest(packed, key)).decode().rstrip("=")


def read(cursor: str, key: bytes) -> Place:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor("This cursor was not issued here") from error
    packed, digest = raw[: PLACE.size], raw[PLACE.size :]
    if not hmac.compare_digest(digest, _digest(packed, key)):
        raise BadCursor("This cursor was not issued here")
    at_ms, id_ = PLACE.unpack(packed)
    return at_ms, str(UUID(bytes=id_))


def _digest(packed: bytes, key: bytes) -> bytes:
    return hashlib.blake2s(packed, key=key, digest_size=DIGEST_BYTES).digest()
