"""Who may come in: the person with the page's password, and programs with a token."""

from __future__ import annotations

from dataclasses import dataclass

from hemsd.password import PagePassword


@dataclass(frozen=True, slots=True)
class HouseDoors:
    """Satisfies ``web.auth.Doors``."""

    password: PagePassword

    async def password_hash(self) -> str | None:
        return await self.password.password_hash()

    async def token_scopes(self, _token: str) -> frozenset[str]:
        """No API credentials are given out yet, so no token is good for anything."""
        return frozenset()
