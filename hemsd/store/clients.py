"""Programs that may ask for tokens: made and removed by ``hemsd client`` beside a running daemon, read by the daemon.

The command is another process, so it writes with a connection of its own, one short transaction at a time; the daemon
asks anew at each token and each call, and so a removed client is out at once. The secret is 256 random bits, which
nobody can guess, so a plain SHA-256 of it is kept and not a slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection, Row

from sqlite_utils import Database

from hemsd.clock import Clock
from hemsd.store.codec import ms, utc
from hemsd.store.opening import open_database

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Client:
    """A program and what it may ask for."""

    id: str
    name: str
    scopes: frozenset[str]
    made_at: datetime
    secret_digest: str

    def knows(self, secret: str) -> bool:
        return hmac.compare_digest(self.secret_digest, digest(secret))


class NameTaken(ValueError):
    """There is a client of this name already."""


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def add(path: Path, clock: Clock, name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """(the client's id, its secret, which is told only now). Raises NameTaken, StoreError."""
    client_id, secret = secrets.token_hex(16), secrets.token_urlsafe(SECRET_BYTES)
    with closing(open_database(path, clock)) as db, db.conn:
        if find(db.conn, "name", name) is not None:
            raise NameTaken(name)
        row = (client_id, name, digest(secret), " ".join(sorted(scopes)), ms(clock.utc()))
        db.execute("INSERT INTO clients (id, name, secret, scopes, made_ms) VALUES (?, ?, ?, ?, ?)", row)
    return client_id, secret


def remove(path: Path, clock: Clock, name: str) -> bool:
    """By its name or its id; False when there is none."""
    with closing(open_database(path, clock)) as db, db.conn:
        removed: Database = db
        return bool(removed.execute("DELETE FROM clients WHERE name = ? OR id = ?", (name, name)).rowcount)


def listed(path: Path, clock: Clock) -> tuple[Client, ...]:
    with closing(open_database(path, clock)) as db:
        return tuple(_client_of(row) for row in db.execute("SELECT * FROM clients ORDER BY name"))


def find(db: Connection, column: str, value: str) -> Client | None:
    """``column`` is id or name."""
    row = db.execute(f"SELECT * FROM clients WHERE {column} = ?", (value,)).fetchone()
    return None if row is None else _client_of(row)


def _client_of(row: Row) -> Client:
    return Client(row["id"], row["name"], frozenset(row["scopes"].split()), utc(row["made_ms"]), row["secret"])
