"""The documents that leave the house by themselves: what the dialects would answer at this moment.

Satisfies ``hemsd.cloud.payloads.Payloads``.
"""

from __future__ import annotations

from dataclasses import dataclass

from hemsd.cloud.fields import Document
from hemsd.dialects.flex import StoredFlex
from hemsd.dialects.partner import StoredPartner
from web.flex_models import FlexSession

POLICY_SUBJECT = "policy:"


@dataclass(frozen=True, slots=True)
class DialectPayloads:
    flex: StoredFlex
    partner: StoredPartner

    async def user_id(self) -> str:
        return self.flex.store.identities().user_id

    async def flex_session(self, subject: str) -> Document | None:
        session = await self._flex_session(subject)
        return None if session is None else session.model_dump(mode="json")

    async def _flex_session(self, subject: str) -> FlexSession | None:
        if subject.startswith(POLICY_SUBJECT):
            policy = self.flex.courses.policies.by_name.get(subject.removeprefix(POLICY_SUBJECT))
            return None if policy is None else self.flex.awaited(policy)
        return await self.flex.session(subject)

    async def partner_session(self, visit_id: str) -> Document | None:
        detail = await self.partner.detail(visit_id)
        return None if detail is None else detail.model_dump(mode="json")

    async def ev_session(self, visit_id: str) -> Document | None:
        session = await self.partner.ev(visit_id)
        return None if session is None else session.model_dump(mode="json")
