"""The OpenAPI document without a running home: the routes are described, and none of them is ever called."""

from __future__ import annotations

from typing import Any

import hemsd
from web.analysis import AnalysisApi
from web.auth import Open
from web.events import EventStreams
from web.flex import FlexApi
from web.oauth import OAuthApi
from web.openapi import document
from web.partner import PartnerApi
from web.server import route_table


def openapi() -> dict[str, Any]:
    """The same that a running daemon serves at /openapi.json."""
    nobody: Any = object()  # every part is there, and none is ever asked
    dialects = (
        *FlexApi(nobody).routes(),
        *PartnerApi(nobody).routes(),
        *AnalysisApi(nobody, nobody).routes(),
        *OAuthApi(nobody).routes(),
    )
    routes = route_table(nobody, nobody, Open(), EventStreams(nobody), dialects, nobody, nobody)
    return document(routes, hemsd.__version__)
