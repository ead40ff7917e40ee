"""What the local API says and takes, as JSON: one class a shape, from which the OpenAPI document follows.

Here is what all shapes share; ``state_models`` has the present, ``plan_models`` what lies ahead, ``past_models`` what
was, ``wish_models`` what may be asked for and ``installer_models`` the installer's corner. The names that scripts hold
on to are fixed, those of ``/api/state`` first of all; others were added for the page. Signs and units are those of
``hemsd.model``; energies of visits are in kWh because people read them. Times are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from web.spoken import Spoken


def _utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Utc = Annotated[AwareDatetime, PlainSerializer(_utc_text, return_type=str, when_used="json")]
Percent = Annotated[float, Field(ge=0, le=100)]


class Page(BaseModel):
    """The base of everything that is sent."""

    model_config = ConfigDict(extra="forbid")


class Asked(BaseModel):
    """The base of every request body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MePage(Page):
    """Who asks."""

    guest: bool
    """True: who may look, and change nothing"""
    password: bool = False
    """Whether the page has one, so that it can be left"""


class HealthPage(Page):
    status: str
    tick_age_s: float | None = None


class Problem(Page):
    """The body of every error."""

    detail: str
    said: Spoken | None = Field(default=None, exclude_if=lambda said: said is None)
    """The same, for those who say it in another language"""
