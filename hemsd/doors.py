"""Who may come in: the person with the page's password, and programs with a token."""

from __future__ import annotations

from dataclasses import dataclass

from hemsd.password import PagePassword
from hemsd.tokens import Tokens


@dataclass(frozen=True, slots=True)
class HouseDoors:
    """Satisfies ``web.auth.Doors``."""

    password: PagePassword
    tokens: Tokens

    async def password_hash(self) -> str | None:
        return await self.password.password_hash()

    async def token_scopes(self, token: str) -> frozenset[str]:
        return await self.tokens.scopes(token)
