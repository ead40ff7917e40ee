"""What a client puts into a path or behind the question mark, read strictly: a value that does not parse is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from uuid import UUID

from aiohttp import web

from web.problems import Finding, Malformed

LONGEST_NUMBER = 12  # digits; anything longer is no id of ours
LARGEST_NUMBER = 10**LONGEST_NUMBER - 1


def path_uuid(request: web.Request, name: str) -> str:
    """In its usual form: lower case, with dashes."""
    return _uuid(request.match_info[name], "path", name)


def path_int(request: web.Request, name: str) -> int:
    return _int(request.match_info[name], "path", name)


def query_uuid(request: web.Request, name: str) -> str | None:
    text = request.query.get(name)
    return None if text is None else _uuid(text, "query", name)


def query_int(request: web.Request, name: str, default: int, *, least: int, most: int | None = None) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    number = _int(text, "query", name)
    if number < least:
        raise Malformed(Finding(("query", name), f"must be at least {least}", "greater_than_equal"))
    if most is not None and number > most:
        raise Malformed(Finding(("query", name), f"must be at most {most}", "less_than_equal"))
    return number


def query_bool(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "false").lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise Malformed(Finding(("query", name), "must be true or false", "bool_parsing"))


def query_moment(request: web.Request, name: str) -> datetime | None:
    """An aware time; one without a zone is UTC."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a "+" that was not encoded arrives as a space
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"must be a time like 2026-06-21T10:15:00Z, not {text!r}"
        raise Malformed(Finding(("query", name), message, "datetime_parsing")) from None


def query_day(request: web.Request, name: str) -> datetime:
    """A UTC day, required."""
    text = request.query.get(name)
    if text is None:
        raise Malformed(Finding(("query", name), "is required", "missing"))
    try:
        if len(text) != len("2026-06-21"):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        message = f"must be a day like 2026-06-21, not {text!r}"
        raise Malformed(Finding(("query", name), message, "date_parsing")) from None
    return datetime.combine(day, time(), UTC)


def _uuid(text: str, place: str, name: str) -> str:
    try:
        if len(text) != 36:
            raise ValueError
        return str(UUID(text))
    except ValueError:
        raise Malformed(Finding((place, name), f"must be a UUID, not {text!r}", "uuid_parsing")) from None


def _int(text: str, place: str, name: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= LONGEST_NUMBER):
        raise Malformed(Finding((place, name), f"must be a whole number, not {text!r}", "int_parsing"))
    return int(text)
