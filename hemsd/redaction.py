"""What may be shown of settings and logs to somebody who helps: everything but what opens a door."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

HIDDEN = "(hidden)"

_SECRET_KEY = re.compile(r"password|secret|token|credential|id_tag", re.IGNORECASE)
_ONLY_NAMES = ("_file", "_url", "_credential")  # where a secret is, not what it is
_ADDRESSES_ARE_KEYS = frozenset({"webhook", "webhooks", "ntfy"})  # who knows the address may write there

_IN_TEXT = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(r"(?i)\b([\w-]*(?:password|secret|token|api_?key))(\"?\s*[=:]\s*)\"?[^\s,;\"'}]+\"?"),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"), HIDDEN),
)


def redacted(value: object, key: str = "", above: str = "") -> object:
    """Settings as JSON can hold them, without what is secret in them."""
    if _SECRET_KEY.search(key) and not key.endswith(_ONLY_NAMES) and value not in (None, "", [], ()):
        return HIDDEN
    match value:
        case Mapping():
            return {str(name): redacted(below, str(name), key or above) for name, below in value.items()}
        case list() | tuple():
            return [redacted(below, "", key) for below in value]
        case str() if "://" in value:
            return _address(value, whole=above not in _ADDRESSES_ARE_KEYS)
        case _:
            return value


def _address(text: str, *, whole: bool) -> str:
    """Without a password, and without what stands behind the question mark; or only whose it is."""
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    path = parts.path if whole or parts.path in ("", "/") else f"/{HIDDEN}"
    return f"{parts.scheme}://{host}{path}" + (f"?{HIDDEN}" if parts.query else "")


def redacted_text(text: str) -> str:
    """A line of a log, without what looks like a secret."""
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text
