"""``hemsd model``: which model judges, and taking a fine-tuned one back; beside a running daemon."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection

from hemsd.clock import SystemClock
from hemsd.config import load
from hemsd.scoring import model_rows
from hemsd.scoring.engine import BASE
from hemsd.scoring.model_rows import TunedModel
from hemsd.scoring.tenants import HOME
from hemsd.store import clients
from hemsd.store.opening import open_database

REFUSED = 2


def show(config: Path, client: str | None) -> int:
    """All models, the one that judges marked with a star."""
    settings = load(config)
    with closing(open_database(settings.storage.path, SystemClock())) as db:
        tenant = _tenant(db.conn, client)
        if tenant is None:
            return _no_client(client)
        now = model_rows.judging(db.conn, tenant, _otherwise(tenant, settings.scoring.model)).id
        print(f"{'*' if now == BASE else ' '} {BASE}  shipped")
        for one in _models(db.conn, tenant):
            figures = f"{one.metrics['held_out_before']:.2f} -> {one.metrics['held_out_after']:.2f}"
            star = "*" if now == one.id else " "
            print(f"{star} {one.id}  {one.name}  from {one.base}, {one.made_at:%Y-%m-%d}, held out {figures}")
    return 0


def use(config: Path, model: str | None, client: str | None) -> int:
    """``model`` None: back to what the present one was made from."""
    settings = load(config)
    with closing(open_database(settings.storage.path, SystemClock())) as db, db.conn:
        tenant = _tenant(db.conn, client)
        if tenant is None:
            return _no_client(client)
        made_from = {one.id: one.base for one in _models(db.conn, tenant)}
        if model is None:
            now = model_rows.judging(db.conn, tenant, _otherwise(tenant, settings.scoring.model)).id
            model = made_from.get(now, BASE)
        if model != BASE and model not in made_from:
            print(f"hemsd: there is no model {model!r}; hemsd model list shows them", file=sys.stderr)
            return REFUSED
        sql, given = model_rows.choose(tenant, model, SystemClock().utc())
        db.execute(sql, given)
    print(f"{model} judges from the next session on.")
    return 0


def _tenant(db: Connection, client: str | None) -> str | None:
    """A program's, by its name or id; without one the home's own. None: there is no such program."""
    if client is None:
        return HOME
    found = clients.find(db, "name", client) or clients.find(db, "id", client)
    return None if found is None else found.id


def _models(db: Connection, tenant: str) -> list[TunedModel]:
    """The home may be judged by whatever model a program of it has made."""
    return model_rows.tuned(db, None if tenant == HOME else tenant)


def _otherwise(tenant: str, configured: str) -> str | None:
    return configured if tenant == HOME else None


def _no_client(client: str | None) -> int:
    print(f"hemsd: there is no client {client!r}; hemsd client list shows them", file=sys.stderr)
    return REFUSED
