"""Bearer tokens: signed, so that nothing is kept for them and a restart leaves them good.

A token is ``subject.expiry.signature``, each part URL-safe. The subject is a client or the person of the page. What a
token is good for is asked anew at each call: a client that was removed, or a page password that was changed, ends its
tokens at once. The signing key is this installation's own and stays in its store. Tokens live in real time, however
fast the simulated home does.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from hemsd.clock import Clock, SystemClock
from hemsd.password import PagePassword
from hemsd.store import clients
from hemsd.store.clients import Client
from hemsd.store.store import Store
from web.auth import USER, matches
from web.routes import Scope

KEY_FACT = "token-key"
CLIENT, PERSON = "client", "person"
EVERYTHING = frozenset({Scope.FLEX, Scope.ANALYSIS, Scope.PARTNER, Scope.LOCAL})
PERSONS_SCOPES = frozenset({Scope.PARTNER, Scope.LOCAL})


@dataclass(slots=True)
class Tokens:
    """Satisfies ``web.oauth.TokenOffice``."""

    store: Store
    password: PagePassword
    clock: Clock = field(default_factory=SystemClock)

    async def client(self, client_id: str, secret: str) -> frozenset[str] | None:
        """What a client may ask for; None when it is not known, or does not know its secret."""
        known = await self._client(client_id)
        return known.scopes if known is not None and known.knows(secret) else None

    async def person(self, user: str, password: str) -> frozenset[str] | None:
        password_hash = await self.password.password_hash()
        if password_hash is None or user != USER:
            return None
        return PERSONS_SCOPES if await asyncio.to_thread(matches, password_hash, password) else None

    def issue_to_client(self, client_id: str, scopes: frozenset[str], lasts_s: int) -> str:
        return self._issue(f"{CLIENT}:{client_id}:{' '.join(sorted(scopes))}", lasts_s, "")

    async def issue_to_person(self, scopes: frozenset[str], lasts_s: int) -> str:
        return self._issue(f"{PERSON}:{USER}:{' '.join(sorted(scopes))}", lasts_s, await self._password_hash())

    @staticmethod
    def owner(token: str) -> str:
        """To whom a token that was let in belongs: a client's id, or the page's user."""
        encoded = token.partition(".")[0]
        subject = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        return subject.split(":")[1]

    async def scopes(self, token: str) -> frozenset[str]:
        """What a token is good for now; nothing when it is made up, over, or its owner has gone."""
        encoded, _, rest = token.partition(".")
        expiry, _, signature = rest.partition(".")
        try:
            subject = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except (binascii.Error, ValueError):
            return frozenset()
        kind, _, owner_and_scopes = subject.partition(":")
        owner, _, scopes = owner_and_scopes.partition(":")
        salt = await self._password_hash() if kind == PERSON else ""
        genuine = hmac.compare_digest(signature.encode(), self._signature(encoded, expiry, salt).encode())
        if not genuine or int(expiry) <= self.clock.utc().timestamp():
            return frozenset()
        granted = frozenset(scopes.split())
        if kind == PERSON:
            return granted
        known = await self._client(owner)
        return granted & known.scopes if known is not None else frozenset()

    async def _client(self, client_id: str) -> Client | None:
        return await self.store.views.ask(lambda db: clients.find(db, "id", client_id))

    async def _password_hash(self) -> str:
        return await self.password.password_hash() or ""

    def _issue(self, subject: str, lasts_s: int, salt: str) -> str:
        encoded = base64.urlsafe_b64encode(subject.encode()).decode().rstrip("=")
        expiry = str(int(self.clock.utc().timestamp()) + lasts_s)
        return f"{encoded}.{expiry}.{self._signature(encoded, expiry, salt)}"

    def _signature(self, encoded: str, expiry: str, salt: str) -> str:
        key = self.store.facts().get(KEY_FACT)
        if key is None:
            key = secrets.token_hex(32)
            self.store.save_fact(KEY_FACT, key)
        return hmac.new(str(key).encode(), f"{encoded}.{expiry}.{salt}".encode(), hashlib.sha256).hexdigest()
