"""``hemsd client``: makes, lists and removes the credentials of programs, beside a running daemon."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.store import clients
from hemsd.store.clients import NameTaken
from hemsd.store.rows import StoreError
from hemsd.tokens import EVERYTHING

REFUSED = 2
SCOPES = tuple(sorted(scope.value for scope in EVERYTHING))


def add(config: Path, name: str, scopes: Sequence[str]) -> int:
    """Prints the credentials once; without a scope the client may ask for everything but the page's own API."""
    chosen = frozenset(scopes) or frozenset(SCOPES) - {"local"}
    try:
        client_id, secret = clients.add(_database(config), SystemClock(), name, chosen)
    except NameTaken:
        print(f"hemsd: there is a client {name!r} already; remove it first, or take another name", file=sys.stderr)
        return REFUSED
    except StoreError as error:
        print(f"hemsd: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"client_id": client_id, "client_secret": secret, "scopes": sorted(chosen)}, indent=2))
    return 0


def show(config: Path) -> int:
    found = clients.listed(_database(config), SystemClock())
    for client in found:
        print(f"{client.name}  {client.id}  {' '.join(sorted(client.scopes))}  since {client.made_at:%Y-%m-%d}")
    if not found:
        print("There are no clients.")
    return 0


def remove(config: Path, name: str) -> int:
    if clients.remove(_database(config), SystemClock(), name):
        print(f"{name} is removed; its tokens are no longer good.")
        return 0
    print(f"hemsd: there is no client {name!r}", file=sys.stderr)
    return REFUSED


def _database(config: Path) -> Path:
    return load(config).storage.path
