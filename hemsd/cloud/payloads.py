"""What lanes need of the public dialects: each answers the document that its API would show at this moment.

The dialects are views of the store and know nothing of lanes; the composition root puts the two together.
"""

from __future__ import annotations

from typing import Protocol

from hemsd.cloud.fields import Document


class Payloads(Protocol):
    """None: there is no such thing, or it is not for this dialect (an unmanaged visit that still runs)."""

    async def user_id(self) -> str:
        """Whose events these are, as the dialects name them."""
        ...

    async def flex_session(self, subject: str) -> Document | None:
        """A session of the flex dialect. ``subject``: a visit's id, or ``policy:`` and the name of a policy."""
        ...

    async def partner_session(self, visit_id: str) -> Document | None:
        """The HEMS session detail of the partner dialect."""
        ...

    async def ev_session(self, visit_id: str) -> Document | None:
        """The EV session of the partner dialect."""
        ...


class NoPayloads:
    """For a home whose dialects are not bound: nothing of theirs is sent."""

    async def user_id(self) -> str:
        return ""

    async def flex_session(self, subject: str) -> Document | None:
        return None

    async def partner_session(self, visit_id: str) -> Document | None:
        return None

    async def ev_session(self, visit_id: str) -> Document | None:
        return None
