"""Frames that no wallbox should send: recorded ones, damaged at random, and ones made up to hurt."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent.parent / "ocpp16" / "recorded"

MOST_BYTES = 200_000  # a larger frame ends the link, as it should

ACTIONS = (
    "Authorize",
    "BootNotification",
    "DataTransfer",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "SecurityEventNotification",
    "SignedFirmwareStatusNotification",
    "StartTransaction",
    "StatusNotification",
    "StopTransaction",
)

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, -(2**70), 1e308, 10**400, 0.1, "", " ", "-1", "1e999", "NaN", "Infinity",
    "\x00", "\ud800", "'; --", "9" * 5000, "ä" * 300, [], {}, [[]], [{}], {"": {}}, [None] * 50,
    "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-02-30T00:00:00Z", "20260621",
    "2026-06-21T08:00:00+99:99", "\u0662\u0660\u0662\u0666-06-21",
)  # fmt: skip

SHAPES = (
    b"",
    b"\x00",
    b"\xff\xfe\xfd",
    b"[",
    b"[]",
    b"[2]",
    b"[2,",
    b"null",
    b"[" * 3000 + b"]" * 3000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"[2,2,2,2]",
    b"[9007199254740993]",
    b'[3,"not-asked-for",{"status":"Accepted"}]',
    b'[4,"not-asked-for","InternalError","",{}]',
    b'[2,"","",{}]',
    b'[2,"x","Heartbeat",{},{},{}]',
    b'[NaN,"x","Heartbeat",{}]',
    b'[2,"x","Heartbeat",NaN]',
    b'[2,"' + b"i" * 200_000 + b'","Heartbeat",{}]',
    b'[2,"x","' + b"A" * 200_000 + b'",{}]',
    b"1" * 6000,
)


def recorded() -> tuple[tuple[str, Any], ...]:
    """What real charge point implementations said: (action, payload)."""
    calls = []
    for path in sorted(RECORDED.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            said = json.loads(line)
            if "call" in said:
                calls.append((said["call"], said["payload"]))
    return tuple(calls)


def frames(seed: int) -> Iterator[bytes]:
    """Without end, the same for the same seed."""
    chance = random.Random(seed)
    corpus = recorded()
    number = 0
    while True:
        number += 1
        kind = chance.random()
        if kind < 0.05:
            yield chance.choice(SHAPES)
            continue
        action, payload = chance.choice(corpus)
        if kind < 0.15:
            action = chance.choice(ACTIONS)
        for _ in range(chance.randint(1, 3)):
            payload = damaged(payload, chance)
        raw = json.dumps([2, f"h{number}", action, payload]).encode()[:MOST_BYTES]
        yield _cut(raw, chance) if kind > 0.9 else raw


def damaged(value: Any, chance: random.Random) -> Any:
    """The same value with something wrong somewhere in it."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        match chance.random():
            case roll if roll < 0.1:
                return {other: kept for other, kept in value.items() if other != key}
            case roll if roll < 0.2:
                return {**value, chance.choice(("extra", key.upper(), "", "__class__")): chance.choice(NASTY)}
            case _:
                return {**value, key: damaged(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        changed = [*value[:place], damaged(value[place], chance), *value[place + 1 :]]
        return changed * chance.choice((1, 1, 1, 40))
    return chance.choice(NASTY)


def _cut(raw: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(raw))
    match chance.randrange(3):
        case 0:
            return raw[:place]
        case 1:
            return raw[:place] + bytes([chance.randrange(256)]) + raw[place + 1 :]
        case _:
            return raw[:place] + raw[max(0, place - 20) :]
