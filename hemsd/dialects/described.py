"""The OpenAPI document without a running home: the routes are described, and none of them is ever called."""

from __future__ import annotations

from typing import Any, cast

import hemsd
from web.analysis import AnalysisApi, AnalysisDesk
from web.events import EventStreams
from web.flex import FlexApi, FlexHouse
from web.house import Archive, House
from web.local import LocalApi
from web.oauth import OAuthApi, TokenOffice
from web.openapi import document
from web.partner import PartnerApi, PartnerHouse
from web.past import PastApi
from web.routes import Route
from web.server import described


def openapi() -> dict[str, Any]:
    """The same that a running daemon serves at /openapi.json."""
    nobody: Any = None
    house = cast(House, nobody)
    routes: tuple[Route, ...] = (
        *LocalApi(house, EventStreams(house)).routes(),
        *PastApi(house, cast(Archive, nobody)).routes(),
        *FlexApi(cast(FlexHouse, nobody)).routes(),
        *PartnerApi(cast(PartnerHouse, nobody)).routes(),
        *AnalysisApi(cast(AnalysisDesk, nobody), nobody).routes(),
        *OAuthApi(cast(TokenOffice, nobody)).routes(),
    )
    return document((*routes, described(routes)), hemsd.__version__)
