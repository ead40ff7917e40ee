"""Every route of the public interfaces over the daemon's parts."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from aiohttp import web

from hemsd.clock import Clock
from hemsd.courses import Courses
from hemsd.dialects.flex import StoredFlex
from hemsd.dialects.partner import StoredPartner
from hemsd.store.store import Store
from hemsd.tokens import Tokens
from hemsd.visits import Visits
from web.flex import FlexApi
from web.oauth import OAuthApi
from web.partner import PartnerApi
from web.routes import Handler, Refused, Route


def public_routes(store: Store, clock: Clock, visits: Visits, courses: Courses, tokens: Tokens) -> tuple[Route, ...]:
    """What other programs may ask, with a token."""
    vehicles = [charger.vehicle for charger in courses.chargers.values() if charger.vehicle is not None]
    store.identities(courses.chargers, vehicles, courses.policies.by_name)  # so that each is known by its uuid
    routes = (
        *FlexApi(StoredFlex(store, clock, visits, courses)).routes(),
        *PartnerApi(StoredPartner(store, clock, visits, courses)).routes(),
        *OAuthApi(tokens).routes(),
    )
    return tuple(replace(route, handler=_answering(route.handler)) for route in routes)


def _answering(handler: Handler) -> Handler:
    """A card that fails is no reason to leave a client without an answer in its own dialect."""

    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except sqlite3.Error as error:
            raise Refused(503, "The database can't be read at present; try again later.") from error

    return answering
